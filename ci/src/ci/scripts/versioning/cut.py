"""Cuts a version: the commit that sets it, its tag, and one push of both."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from . import notes
from .next_version import Wish, next_step
from .repository import GitFailed, Refused, Release, git
from .rules import Rules

TOKEN: Final = "CI_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable that holds the token; git asks for it through a helper, so no argument ever has it."""

SILENCE: Final = 60
"""Seconds for which a remote may send nothing."""

_HELPER: Final = f'!f() {{ test "$1" = get && printf "username=x-access-token\\npassword=%s\\n" "${TOKEN}"; }}; f'
_TAGS: Final = "refs/tags/"


@dataclass(frozen=True)
class Bump:
    """What a version changes."""

    current: str
    target: str
    message: str
    """Of the commit that sets it."""
    files: tuple[str, ...]


def bump(rules: Rules, wish: Wish, date: str) -> Bump:
    """Write the next version into the files that carry it, and its notes into the changelog."""
    step = next_step(rules, wish)
    changelog = Path(rules.changelog_file)
    text = changelog.read_text(encoding="utf-8") if changelog.exists() else ""
    text = notes.updated(rules, text, Release(step.target, date))
    files = (*rules.set_version(step.target), rules.changelog_file)
    changelog.write_text(text, encoding="utf-8")
    return Bump(str(step.current), str(step.target), rules.message(step.current, step.target), files)


def refuse_changes(paths: list[str]) -> None:
    """Refuse when a file below the paths is not as HEAD has it, or HEAD does not have it."""
    git("read-tree", "HEAD")
    ignored = Path(git("rev-parse", "--absolute-git-dir").strip(), "ignored")
    ignored.write_text(git("show", "HEAD:.gitignore") if git("ls-files", ".gitignore") else "", encoding="utf-8")
    changed = git("diff", "--name-only", "-z", "HEAD", "--", *paths).split("\0")[:-1]
    unknown = git("ls-files", "-z", "--others", f"--exclude-from={ignored}", "--", *paths).split("\0")[:-1]
    if changed or unknown:
        named = ", ".join([*changed, *unknown][:3])
        raise Refused(f"what is released is HEAD, and these differ from it: {named}; commit them, or git stash --all")


def record(made: Bump) -> None:
    """Make the commit that sets a version, and its tag; who makes them is in git's environment variables."""
    git("add", "--", *made.files)
    git("commit", "--quiet", f"--message={made.message}")
    git("tag", "--annotate", f"--message=v{made.target}", f"v{made.target}")


def push(remote: str, branch: str, version: str) -> None:
    """Push HEAD to the branch together with the version's tag, or neither.

    The remote's branch must be what HEAD was made from, and its tag must not exist: the remote itself compares both.
    """
    head, tag = f"refs/heads/{branch}", f"{_TAGS}v{version}"
    before = git("rev-parse", "HEAD^").strip()
    logged_in = login(remote)
    there = _refs(remote, logged_in, head, tag)
    if tag in there:
        raise Refused(f"v{version} exists already at the remote, and a version is released once")
    if there.get(head) != before:
        found = there.get(head, "nothing")[:7]
        raise Refused(f"{branch} at the remote is {found}, here it is {before[:7]}: bring both together and try again")
    leases = (f"--force-with-lease={head}:{before}", f"--force-with-lease={tag}:")
    try:
        git("push", "--porcelain", "--atomic", *leases, remote, f"HEAD:{head}", f"{tag}:{tag}", environment=logged_in)
    except GitFailed as failure:
        rejected = [line.split("\t")[-1] for line in failure.output.splitlines() if line.startswith("!")]
        reasons = [reason for reason in rejected if "atomic" not in reason] or rejected
        if reasons:
            raise Refused(f"nothing was pushed: {reasons[0]}") from None
        # The push may be done and only its answer lost.
        if _refs(remote, logged_in, tag).get(tag) != git("rev-parse", tag).strip():
            raise


def _refs(remote: str, logged_in: Mapping[str, str], *names: str) -> dict[str, str]:
    lines = git("ls-remote", remote, *names, environment=logged_in).splitlines()
    return {name: found for found, _, name in (line.partition("\t") for line in lines)}


def login(remote: str) -> dict[str, str]:
    """Let git take the token from the environment, for this remote alone and for nowhere that it leads to.

    A remote that falls silent is given up.
    """
    parts = urlsplit(remote)
    settings = [
        ("http.followRedirects", "false"),
        ("http.lowSpeedLimit", "1"),
        ("http.lowSpeedTime", str(SILENCE)),
    ]
    if TOKEN in os.environ:
        settings.append((f"credential.{parts.scheme}://{parts.netloc}.helper", _HELPER))
    variables = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables
