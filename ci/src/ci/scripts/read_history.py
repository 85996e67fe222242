"""Reads what decisions need of a repository's history, and prints it as JSON.

Usage: read_history.py REPOSITORY [--commit=NAME]... [--base=BRANCH] [--before=COMMIT] [--below=FOLDER]
Exits with 2 and one line on stderr when the history cannot answer.
"""

import argparse
import json
import subprocess
import sys
from contextlib import suppress

NULL = "0"
"""The digit of which the hash is made that stands for no commit."""

SEPARATOR = "\0"

SHOWN = 60
"""Characters of a name that a message repeats."""


class Unanswered(Exception):  # noqa: N818 - a question without an answer, said to a person as it is
    """The history does not have what was asked for."""


class Repository:
    """A git directory, asked by the machine's git without anybody's settings."""

    def __init__(self, path: str) -> None:
        self.path = path

    def ask(self, *arguments: str) -> str:
        """Give what git prints; Unanswered with git's own line when it refuses."""
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", self.path, *arguments],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
            raise Unanswered(f"git {arguments[0]}: {said[0]}")
        return done.stdout.decode("utf-8", "replace")

    def commit(self, *names: str) -> str:
        """Give the full hash of the first commit that one of the names or hashes stands for."""
        for name in names:
            with suppress(Unanswered):
                return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
        raise Unanswered(f"the history has no commit {names[0][:SHOWN]!a}")

    def branches(self) -> "dict[str, list[str]]":
        """Collect the refs of every branch by its name: a laptop's own, and those of the remote it was fetched from."""
        found: dict[str, list[str]] = {}
        for ref in self.ask("for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes/origin").splitlines():
            name = ref.removeprefix("refs/heads/").removeprefix("refs/remotes/origin/")
            if name != "HEAD":
                found.setdefault(name, []).append(ref)
        return found

    def fork_point(self, commit: str, base: str) -> str:
        """Give the newest commit that a branch, wherever it is known, has in common with a commit."""
        refs = self.branches().get(base)
        if not refs:
            raise Unanswered(f"the history has no branch {base!a}: git fetch origin {base}")
        try:
            return self.ask("merge-base", commit, *refs).strip()
        except Unanswered:
            raise Unanswered(f"{commit} and the branch {base!a} have no commit in common") from None

    def messages(self, *revisions: str) -> "list[str]":
        """Give the messages of commits, the newest first."""
        log = self.ask("log", "--format=%B%x00", *revisions, "--")
        return [message.strip("\n") for message in log.split(SEPARATOR)[:-1]]

    def containing(self, commit: str) -> "list[str]":
        """Name the branches that a commit is part of."""
        refs = self.ask("for-each-ref", f"--contains={commit}", "--format=%(refname)").splitlines()
        return sorted(name for name, own in self.branches().items() if set(own) & set(refs))

    def added(self, since: str, commit: str, folder: str) -> "list[str]":
        """Name the files below a folder that a commit has and an earlier one has not."""
        changes = ("diff", "--name-only", "-z", "--no-renames", "--diff-filter=A", since, commit, "--", folder)
        return self.ask(*changes).split(SEPARATOR)[:-1]


def brought(repository: Repository, commit: str, fork_point: str, before: str) -> "list[str]":
    """Give the messages of the commits that an event brings, the newest first.

    Those of a proposal, since its base; of a push, since what the branch was before; where nobody says what that was,
    those that the last step along the branch brought: one commit, or a merge with all that it merged. None where what
    the branch was is gone: it was rewritten, and nobody can tell what is new on it.
    """
    if fork_point:
        return repository.messages("--no-merges", f"{fork_point}..{commit}")
    if before.strip(NULL):
        with suppress(Unanswered):
            return repository.messages(f"{repository.commit(before)}..{commit}")
        return []
    parents = repository.ask("rev-list", "--parents", "-n1", commit).split()[1:]
    return repository.messages(f"{parents[0]}..{commit}" if parents else commit)


def read(path: str, names: "list[str]", base: str, before: str, below: str) -> "dict[str, object]":
    """Collect the facts; `fork_point`, `left` (seconds since the epoch) and `added` are a proposal's."""
    repository = Repository(path)
    head = repository.commit(*names)
    fork_point = repository.fork_point(head, base) if base else ""
    own = repository.ask("log", "--format=%ct", f"{fork_point}..{head}", "--").split() if fork_point else []
    return {
        "commit": head,
        "tags": repository.ask("tag", "--list").splitlines(),
        "containing": repository.containing(head),
        "commits": brought(repository, head, fork_point, before),
        "fork_point": fork_point,
        "left": min(map(int, own)) if own else None,
        "added": repository.added(fork_point, head, below) if fork_point and below else [],
    }


def main() -> int:
    """Answer on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository")
    parser.add_argument("--commit", action="append", help="a name or a hash; of several the first that there is")
    parser.add_argument("--base", default="")
    parser.add_argument("--before", default="")
    parser.add_argument("--below", default="")
    asked = parser.parse_args()
    try:
        facts = read(asked.repository, asked.commit or ["HEAD"], asked.base, asked.before, asked.below)
    except Unanswered as reason:
        print(reason, file=sys.stderr)
        return 2
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
