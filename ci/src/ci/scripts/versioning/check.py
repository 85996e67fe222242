"""Checks messages of commits, and the title that a pull request gives to its merge."""

from collections.abc import Iterable
from typing import Final

from commitizen.git import GitCommit

from .repository import Refused, commits, git
from .rules import Rules

_TO_MEND: Final = ("fixup!", "squash!", "amend!")
_EXPECTED: Final = (
    "expected `type(scope): what it does`, then an empty line before the rest, as `fix(items): no empty names`"
)


def check(rules: Rules, lasting: Iterable[str], title: str) -> None:
    """Print a line for every message; Refused when one is no conventional commit."""
    messages = [(change.rev[:7], change.message) for change in own_commits(lasting)]
    if title:
        messages.insert(0, ("title", title))
    faults = 0
    for name, message in messages:
        subject = message.partition("\n")[0]
        fault = _fault(rules, message)
        faults += fault is not None
        print(f"FAIL  {name} {subject!r}: {fault}" if fault else f"ok    {name} {subject}")
    if faults:
        raise Refused(f"{faults} of {len(messages)} messages are no conventional commits")
    print(f"{len(messages)} messages checked")


def own_commits(lasting: Iterable[str]) -> list[GitCommit]:
    """Read the commits that are on none of the lasting branches, here or at the origin: those of the branch at HEAD.

    Where HEAD is on a lasting branch itself, those that its last step brought: a commit, or a merge with all it merged.
    """
    refs = [f"{place}/{name}" for name in lasting for place in ("refs/heads", "refs/remotes/origin")]
    known = git("for-each-ref", "--format=%(refname)", *refs).splitlines()
    if known and not git("for-each-ref", "--contains=HEAD", *refs):
        return commits(known, "HEAD")
    return commits(git("rev-list", "--parents", "-n1", "HEAD").split()[1:2], "HEAD")


def _fault(rules: Rules, message: str) -> str | None:
    if message.startswith(_TO_MEND):
        return "it belongs into the commit that it mends: git rebase -i --autosquash"
    return _EXPECTED if rules.faulty(message) else None
