"""Finds what the checked-out commit is to be compared with, and prints it as JSON.

Usage: python find_base.py REPOSITORY [--base=BRANCH] [--lasting=BRANCH]... [--range]
    {"commit": "...", "what": "develop as the work left it", "messages": ["feat: ...", ...]}
A branch is compared with the commit at which it left its base: the given one, else that of the lasting branches which
it left last. A commit of a lasting branch is compared with the last stable release before it. Where there is neither,
`commit` is empty. `messages` are those of the commits since then. With --range only what git calls the commits since
then is printed: `1234abc..HEAD`, or `HEAD` where everything is new.
Exits with 2 and one line on stderr when the given base is unknown.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable

STABLE = re.compile(r"v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


class Repository:
    """A git directory, asked by the machine's git without anybody's settings."""

    def __init__(self, path: str) -> None:
        self.path = path

    def ask(self, *arguments: str) -> str:
        """Give what git prints; empty when it has no answer."""
        command = ["git", "-c", "safe.directory=*", "-C", self.path, *arguments]
        done = subprocess.run(command, capture_output=True, check=False)
        return "" if done.returncode else done.stdout.decode("utf-8", "replace").strip()

    def commit(self, name: str) -> str:
        """Give the full hash of what a name stands for; empty when there is nothing of that name."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")

    def fork_points(self, branch: str) -> "set[str]":
        """Give the commits at which HEAD left a branch, as this machine and its origin know it."""
        refs = [f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"]
        return {fork for ref in refs if self.commit(ref) and (fork := self.ask("merge-base", "HEAD", ref))}

    def distance(self, commit: str) -> int:
        """Count the commits since then."""
        return int(self.ask("rev-list", "--count", f"{commit}..HEAD") or 0)

    def last_release(self) -> str:
        """Name the tag of the highest stable version before HEAD; empty when there is none."""
        head = self.commit("HEAD")
        stable = [tag for tag in self.ask("tag", "--merged", "HEAD").splitlines() if STABLE.fullmatch(tag)]
        earlier = [tag for tag in stable if self.commit(f"refs/tags/{tag}") != head]
        return max(earlier, key=lambda tag: [int(part) for part in tag[1:].split(".")], default="")

    def messages(self, since: str) -> "list[str]":
        """Give the messages of the commits since then, merges left out."""
        log = self.ask("log", "--no-merges", "--format=%B%x00", f"{since}..HEAD", "--")
        return [message.strip("\n") for message in log.split("\0") if message.strip()]


def base_of(repository: Repository, base: str, lasting: Iterable[str]) -> "tuple[str, str]":
    """Choose the commit, and say what it is."""
    branches = [base] if base else list(lasting)
    forks = [(fork, branch) for branch in branches for fork in sorted(repository.fork_points(branch))]
    head = repository.commit("HEAD")
    if forks and all(fork != head for fork, _ in forks):
        fork, branch = min(forks, key=lambda one: repository.distance(one[0]))
        return fork, f"{branch} as the work left it"
    if tag := repository.last_release():
        return repository.commit(f"refs/tags/{tag}"), f"the release {tag}"
    return "", ""


def main() -> int:
    """Answer on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository")
    parser.add_argument("--base", default="")
    parser.add_argument("--lasting", action="append", default=[])
    parser.add_argument("--range", action="store_true")
    asked = parser.parse_args()
    repository = Repository(asked.repository)
    if asked.base and not repository.fork_points(asked.base):
        print(f"the history has no branch {asked.base!a}: git fetch origin {asked.base}", file=sys.stderr)
        return 2
    commit, what = base_of(repository, asked.base, asked.lasting)
    if asked.range:
        print(f"{commit}..HEAD" if commit else "HEAD")
    else:
        messages = repository.messages(commit) if commit else []
        print(json.dumps({"commit": commit, "what": what, "messages": messages}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
