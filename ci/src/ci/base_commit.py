"""The commit that work is compared with: where it left its base, else the last release."""

import json
from dataclasses import dataclass
from typing import Final

import dagger
from dagger import ReturnType

from ci.excerpt import last_line
from ci.history import CHECKOUT, HistoryError, git, whole
from ci.policy.models import DEVELOP, MAIN
from ci.scripts import text_of

_SCRIPT: Final = "/opt/ci/find_base.py"


@dataclass(frozen=True)
class BaseCommit:
    """A commit, and what came since."""

    commit: str
    """Its full hash; empty when there is nothing to compare with."""
    what: str
    """What it is, in words."""
    messages: tuple[str, ...]
    """Those of the commits since then."""


async def base_commit(history: dagger.Directory, base_ref: str = "") -> BaseCommit:
    """Find what HEAD is compared with; without a base by name, that of the lasting branches which it left last.

    HistoryError when there is no such branch, or no whole history.
    """
    asked = (
        git()
        .with_new_file(_SCRIPT, text_of("find_base.py"))
        .with_mounted_directory(CHECKOUT, await whole(history))
        .with_exec(
            [
                *("python", _SCRIPT, CHECKOUT),
                *(f"--lasting={branch}" for branch in (DEVELOP, MAIN)),
                *([f"--base={base_ref}"] if base_ref else []),
            ],
            expect=ReturnType.ANY,
        )
    )
    if await asked.exit_code() != 0:
        raise HistoryError(last_line(await asked.stderr()))
    found = json.loads(await asked.stdout())
    return BaseCommit(found["commit"], found["what"], tuple(found["messages"]))
