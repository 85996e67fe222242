"""The commit that work is compared with: where it left its base, else the last release."""

import json
from dataclasses import dataclass
from typing import Final

import dagger

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


def with_program(container: dagger.Container) -> dagger.Container:
    """Put the program that finds it into a container with git."""
    return container.with_new_file(_SCRIPT, text_of("find_base.py"))


def find_base(repository: str, base_ref: str = "", *options: str) -> list[str]:
    """Give the command that finds it; without a base by name, that of the lasting branches which HEAD left last."""
    lasting = [f"--lasting={branch}" for branch in (DEVELOP, MAIN)]
    return ["python", _SCRIPT, repository, *lasting, *([f"--base={base_ref}"] if base_ref else []), *options]


async def base_commit(history: dagger.Directory, base_ref: str = "") -> BaseCommit:
    """Find what HEAD is compared with; HistoryError when there is no such branch, or no whole history."""
    asked = (
        git()
        .with_mounted_directory(CHECKOUT, await whole(history))
        .with_(with_program)
        .with_exec(find_base(CHECKOUT, base_ref))
    )
    try:
        found = json.loads(await asked.stdout())
    except dagger.ExecError as error:
        raise HistoryError(last_line(error.stderr)) from None
    return BaseCommit(found["commit"], found["what"], tuple(found["messages"]))
