"""What each event leads to, as a table for each branching model; the first rule that fits decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ci.policy.models import DEVELOP, MAIN, Model
from ci.policy.plan import Environment
from ci.policy.refs import matches
from ci.policy.suites import Suite
from ci.policy.trigger import Trigger


class Publishes(StrEnum):
    """What leaves the pipeline when everything is green."""

    NOTHING = "nothing"
    COMMIT = "commit"
    """The commit's image, as `sha-…`."""
    BRANCH = "branch"
    """The branch's newest image, under a tag that moves with it."""
    CANDIDATE = "candidate"
    """No image: draft notes of the next release candidate, whose tag is what publishes it."""
    VERSION = "version"
    """The version's image under its tags, and its release."""


@dataclass(frozen=True)
class Rule:
    """When `trigger` meets a branch that fits `branch` (of a proposal: its base), do the rest."""

    trigger: Trigger
    branch: str
    suite: Suite | None
    why: str
    stages: tuple[str, ...] = ()
    """Stages beside the suite's."""
    publishes: Publishes = Publishes.NOTHING
    deploy: Environment | None = None
    rescans: bool = False
    """Whether what is published already is looked at again."""


_FULL: Final = Suite.FULL
_QUICK: Final = Suite.QUICK

_IN_BOTH_MODELS: Final = (
    Rule(Trigger.MERGE_QUEUE, "*", _FULL, "the merge queue is the last gate before the base"),
    Rule(Trigger.BRANCH, "hotfix/*", _FULL, "a hotfix is released from its branch, so it is tested in full"),
    Rule(
        Trigger.BRANCH,
        MAIN,
        _FULL,
        "what is on main can be released, so it is tested in full",
        stages=("scan",),
        publishes=Publishes.COMMIT,
        deploy=Environment.STAGING,
    ),
    Rule(
        Trigger.TAG,
        "*",
        _FULL,
        "only a green full suite gives a version",
        stages=("scan",),
        publishes=Publishes.VERSION,
    ),
    Rule(
        Trigger.NIGHTLY,
        "*",
        _FULL,
        "the nightly run finds what changes without a commit",
        stages=("scan",),
        rescans=True,
    ),
    Rule(Trigger.MANUAL, "*", None, "the person who starts a manual run chooses"),
)

RULES: Final[Mapping[Model, tuple[Rule, ...]]] = MappingProxyType(
    {
        Model.GITFLOW: (
            Rule(Trigger.PULL_REQUEST, MAIN, _FULL, "what goes to main is tested in full before it is merged"),
            Rule(Trigger.PULL_REQUEST, "*", _QUICK, "seconds to an answer; the push to the base is tested in full"),
            Rule(Trigger.BRANCH, DEVELOP, _FULL, "develop is where work meets, so it is tested in full"),
            Rule(
                Trigger.BRANCH,
                "release/*",
                _FULL,
                "a release branch is tested in full before each candidate",
                publishes=Publishes.CANDIDATE,
            ),
            *_IN_BOTH_MODELS,
        ),
        Model.TRUNK: (
            Rule(Trigger.PULL_REQUEST, "*", _QUICK, "seconds to an answer; the push to the base is tested in full"),
            Rule(
                Trigger.BRANCH,
                "feat/*",
                _QUICK,
                "seconds to an answer, and an image that others can try",
                stages=("build", "smoke"),
                publishes=Publishes.BRANCH,
            ),
            *_IN_BOTH_MODELS,
        ),
    }
)


def rule_for(model: Model, trigger: Trigger, branch: str) -> Rule | None:
    """Find the rule of an event; None when it leads to nothing, such as a push to a branch that a pull request tests."""
    return next((rule for rule in RULES[model] if rule.trigger is trigger and matches(rule.branch, branch)), None)
