"""Branching models: which branch may be merged into which."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ci.policy.errors import PolicyError
from ci.policy.refs import Branch, matches

MAIN: Final = "main"
DEVELOP: Final = "develop"


class Model(StrEnum):
    """How a team branches."""

    GITFLOW = "gitflow"
    """Work is collected on `develop`, stabilised on `release/vX.Y.Z`, and released on `main`."""

    TRUNK = "trunk"
    """Work lives for a day or two on `feat/*` and is merged into `main`, which is released by a tag."""


@dataclass(frozen=True)
class Flow:
    """Branches that fit the pattern `head` may be merged into the `bases`; the first is the usual one."""

    head: str
    bases: tuple[str, ...]


FLOWS: Final[Mapping[Model, tuple[Flow, ...]]] = MappingProxyType(
    {
        Model.GITFLOW: (
            Flow("feature/*", (DEVELOP,)),
            Flow("refactor/*", (DEVELOP,)),
            Flow("bugfix/*", (DEVELOP, "release/*", "hotfix/*")),
            Flow("release/*", (MAIN, DEVELOP)),
            Flow("hotfix/*", (MAIN, DEVELOP, "release/*")),
            Flow("back-merge/*", (DEVELOP,)),
            Flow(MAIN, (DEVELOP,)),
            Flow("dependabot/*", (DEVELOP,)),
            Flow("renovate/*", (DEVELOP,)),
        ),
        Model.TRUNK: (
            Flow("feat/*", (MAIN,)),
            Flow("fix/*", (MAIN, "hotfix/*")),
            Flow("refactor/*", (MAIN,)),
            Flow("docs/*", (MAIN,)),
            Flow("chore/*", (MAIN,)),
            Flow("hotfix/*", (MAIN,)),
            Flow("cherry-pick/*", (MAIN,)),
            Flow("dependabot/*", (MAIN,)),
            Flow("renovate/*", (MAIN,)),
        ),
    }
)

VERSION_LINES: Final[Mapping[Model, tuple[str, ...]]] = MappingProxyType(
    {Model.GITFLOW: (MAIN, "hotfix/*", "release/*"), Model.TRUNK: (MAIN, "hotfix/*")}
)
"""Branches on which a commit may get a version's tag."""


def parse_model(text: str) -> Model:
    """Read the name of a branching model; nothing said is Git Flow."""
    try:
        return Model(text or Model.GITFLOW)
    except ValueError:
        raise PolicyError("branching model", text, " or ".join(Model)) from None


def wrong_base(model: Model, head: Branch, base: Branch) -> str | None:
    """Say why a branch may not be merged into another, with the base that is right; None when it may.

    >>> wrong_base(Model.GITFLOW, Branch("feature/login"), Branch("main"))
    'feature/login may not be merged into main: the base of feature/* is develop'
    """
    flow = next((flow for flow in FLOWS[model] if matches(flow.head, head.name)), None)
    if flow is None:
        known = "; ".join(f"{flow.head} into {' or '.join(flow.bases)}" for flow in FLOWS[model])
        return f"{head} has no place in {model}, so it may not be merged into {base}: expected {known}"
    if any(matches(allowed, base.name) for allowed in flow.bases):
        return None
    return f"{head} may not be merged into {base}: the base of {flow.head} is {' or '.join(flow.bases)}"
