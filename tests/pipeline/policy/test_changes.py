"""Whether a change came the way that the model has for it: direct pushes, promises of a refactoring, old branches."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ci.policy.commits import Change, announced, cut_version, names_pull_request, subject
from ci.policy.decide import decide
from ci.policy.facts import parse_facts
from ci.policy.plan import Plan
from ci.policy.suites import Suite

COMMIT = "abc1234" + "0" * 33
DIRECT = "abc1234 was pushed to main without a pull request: nothing is published"


def decision(**facts: Any) -> Plan:
    """Decide from strings, and leave the reasons out."""
    return replace(decide(parse_facts(**{"commit": COMMIT, "published": {}, **facts})), reasons=())


@pytest.mark.parametrize(
    ("by_pull_request", "commits", "tags", "is_direct"),
    [
        pytest.param(True, ["fix: x"], [], False, id="who was asked knows of a pull request"),
        pytest.param(False, ["fix: x (#7)"], [], True, id="who was asked knows of none, whatever the message says"),
        pytest.param(None, ["Merge pull request #7 from acme/x\n\nfix: x"], [], False, id="a merge says so"),
        pytest.param(None, ["fix: x (#7)\n\nmore"], [], False, id="a squash says so"),
        pytest.param(None, ["fix: x", "fix: y (#7)"], [], True, id="the newest commit has to say it"),
        pytest.param(None, ["fix: issue (#7) again"], [], True, id="a number elsewhere is none"),
        pytest.param(None, [], [], True, id="nothing is known: it counts as direct"),
        pytest.param(False, ["bump: version 1.4.1 → 1.4.2"], ["v1.4.2"], False, id="the cut of a release"),
        pytest.param(None, ["bump: version 1.4.1 → 1.4.2"], ["v1.4.2"], False, id="the cut of a release, nobody asked"),
        pytest.param(False, ["bump: version 1.4.1 → 1.4.2"], [], True, id="a cut without its tag is none"),
        pytest.param(False, ["bump: version 1 → 2", "x"], ["v2"], True, id="a cut that brings more is none"),
    ],
)
def test_a_direct_push_to_main_is_reported_and_publishes_nothing(
    by_pull_request: bool | None, commits: list[str], tags: list[str], is_direct: bool
) -> None:
    """It is tested all the same."""
    plan = decision(event="push", ref="refs/heads/main", by_pull_request=by_pull_request, commits=commits, tags=tags)
    assert plan.suites == (Suite.FULL,)
    assert plan.touches_the_outside is not is_direct
    assert plan.warnings == ((DIRECT,) if is_direct else ())
    assert not plan.failures


@pytest.mark.parametrize("model", ["gitflow", "trunk"])
@pytest.mark.parametrize("branch", ["develop", "hotfix/v1.4.3", "feature/x"])
def test_only_main_is_guarded_against_direct_pushes(model: str, branch: str) -> None:
    """Other branches publish nothing that lasts."""
    assert not decision(event="push", ref=f"refs/heads/{branch}", by_pull_request=False, model=model).warnings


PROMISE = "refactor/x promises the same behaviour, but "


@pytest.mark.parametrize(
    ("changed", "failures"),
    [
        pytest.param({}, (), id="it keeps its promise"),
        pytest.param(
            {"commits": ["fix: x", "docs: y", "Merge branch 'develop'"]}, (), id="other commits are no feature"
        ),
        pytest.param({"commits": ["feat: x"]}, ("'feat: x' is a feature",), id="a feature"),
        pytest.param({"title": "feat(api): x"}, ("'feat(api): x' is a feature",), id="a feature by its title"),
        pytest.param({"commits": ["fix!: x"]}, ("'fix!: x' is a breaking change",), id="a breaking change"),
        pytest.param(
            {"commits": ["fix: x\n\nBREAKING CHANGE: y"]}, ("'fix: x' is a breaking change",), id="a breaking footer"
        ),
        pytest.param({"openapi_changed": True}, ("the OpenAPI document changes",), id="a changed OpenAPI document"),
        pytest.param(
            {"new_migrations": ["0002_more.py"]}, ("'0002_more.py' is a new migration",), id="a new migration"
        ),
        pytest.param(
            {"commits": ["feat!: x"], "openapi_changed": True, "new_migrations": ["a.py", "b.py"]},
            (
                "'feat!: x' is a breaking change",
                "the OpenAPI document changes",
                "'a.py' is a new migration",
                "'b.py' is a new migration",
            ),
            id="everything is said at once",
        ),
    ],
)
@pytest.mark.parametrize(("model", "base"), [("gitflow", "develop"), ("trunk", "main")])
def test_a_refactoring_keeps_the_behaviour(
    model: str, base: str, changed: dict[str, Any], failures: tuple[str, ...]
) -> None:
    """A pull request from refactor/* that changes it fails, and is tested all the same."""
    facts = {"event": "pull_request", "ref": "refs/heads/refactor/x", "base_ref": base, "model": model, **changed}
    assert decision(**facts) == Plan(
        f"pull request from refactor/x to {base}",
        suites=(Suite.QUICK,),
        failures=tuple(PROMISE + failure for failure in failures),
        reasons=(),
    )


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"event": "pull_request", "ref": "refs/heads/feature/x", "base_ref": "develop"}, id="a feature"),
        pytest.param({"event": "push", "ref": "refs/heads/refactor/x"}, id="a push to refactor/*"),
    ],
)
def test_only_a_pull_request_from_refactor_promises_that(facts: dict[str, Any]) -> None:
    """A feature is there to change the behaviour."""
    assert not decision(**facts, commits=["feat!: x"], openapi_changed=True, new_migrations=["a.py"]).failures


OLD = "feat/x is 3 days old: under trunk a branch lives at most 2"


@pytest.mark.parametrize(
    ("facts", "warnings"),
    [
        pytest.param({"branch_age": timedelta(days=3)}, (OLD,), id="three days are too many"),
        pytest.param({"branch_age": timedelta(days=2)}, (), id="two days are allowed"),
        pytest.param({"branch_age": None}, (), id="nobody knows its age"),
        pytest.param({"branch_age": timedelta(days=3), "model": "gitflow"}, (), id="Git Flow has no such rule"),
        pytest.param(
            {"branch_age": timedelta(days=3), "ref": "refs/heads/main", "by_pull_request": True}, (), id="main"
        ),
        pytest.param(
            {"branch_age": timedelta(days=3), "ref": "refs/heads/hotfix/v1.4.3"}, (), id="a hotfix line stays"
        ),
        pytest.param(
            {"branch_age": timedelta(days=3), "event": "pull_request", "base_ref": "main"}, (OLD,), id="a pull request"
        ),
        pytest.param({"branch_age": timedelta(days=3), "event": "schedule"}, (), id="a nightly run does not nag"),
    ],
)
def test_under_trunk_a_branch_older_than_two_days_is_warned_of(
    facts: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    """It is no failure: the branch still has to get in."""
    plan = decision(**{"event": "push", "ref": "refs/heads/feat/x", "model": "trunk", **facts})
    assert plan.warnings == warnings
    assert not plan.failures


@pytest.mark.parametrize(
    ("model", "containing", "warnings"),
    [
        pytest.param("gitflow", None, (), id="nobody looked"),
        pytest.param("gitflow", ["develop", "main"], (), id="on main"),
        pytest.param("gitflow", ["hotfix/v1.4.2"], (), id="on a hotfix line"),
        pytest.param("gitflow", ["release/v1.4.2"], (), id="on a release branch"),
        pytest.param(
            "gitflow",
            ["feature/x"],
            ("v1.4.2 is on none of the branches on which versions are cut: main, hotfix/*, release/*",),
            id="on a feature",
        ),
        pytest.param(
            "trunk", [], ("v1.4.2 is on none of the branches on which versions are cut: main, hotfix/*",), id="nowhere"
        ),
    ],
)
def test_a_version_that_is_cut_elsewhere_is_warned_of(
    model: str, containing: list[str] | None, warnings: tuple[str, ...]
) -> None:
    """A hotfix line may be gone when its tag is run again, so it is no failure."""
    plan = decision(event="push", ref="refs/tags/v1.4.2", model=model, containing=containing)
    assert plan.warnings == warnings
    assert plan.image is not None


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("feat: x", Change("feat", False)),
        ("feat(items): x", Change("feat", False)),
        ("feat!: x", Change("feat", True)),
        ("fix(items)!: x", Change("fix", True)),
        ("Feat: x", Change("feat", False)),
        ("fix: x\n\nBREAKING CHANGE: y", Change("fix", True)),
        ("fix: x\n\nBREAKING-CHANGE: y", Change("fix", True)),
        ("fix: x\n\nno BREAKING CHANGE: here", Change("fix", False)),
        ("feature: x", Change("feature", False)),
        ("feat:x", Change("", False)),
        ("Merge branch 'develop'", Change("", False)),
        ("no type\n\nBREAKING CHANGE: y", Change("", True)),
        ("", Change("", False)),
    ],
)
def test_what_a_commit_announces(message: str, change: Change) -> None:
    """The header's type and mark, and the footer."""
    assert announced(message) == change


def test_the_subject_is_the_first_line() -> None:
    """The body says why, and is not repeated."""
    assert subject("fix: x \r\n\nbody") == "fix: x"


@pytest.mark.parametrize(
    ("message", "names_one", "cut"),
    [
        ("Merge pull request #7 from acme/x", True, None),
        ("fix: x (#7)", True, None),
        ("Merge branch 'develop'", False, None),
        ("bump: version 1.4.1 → 1.4.2", False, "1.4.2"),
        ("bump: version 1.4.1 → 1.4.2 and more", False, None),
        ("fix: x\n\nbump: version 1.4.1 → 1.4.2", False, None),
    ],
)
def test_how_a_commit_came(message: str, names_one: bool, cut: str | None) -> None:
    """By a pull request, by the cut of a release, or nobody knows."""
    assert names_pull_request(message) is names_one
    assert cut_version(message) == cut
