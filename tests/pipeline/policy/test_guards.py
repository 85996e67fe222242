"""The policy's tables against each other and against what they name."""

import ast
import sys
from pathlib import Path

import pytest

from ci.policy.limits import LIMITS
from ci.policy.models import FLOWS, VERSION_LINES, Model, wrong_base
from ci.policy.outcomes import OUTCOMES
from ci.policy.plan import ABSENT, BackMerge, BackMergeKind, Environment, Part
from ci.policy.refs import Branch, matches, parse_branch
from ci.policy.rules import RULES, Publishes, Rule, rule_for
from ci.policy.suites import ALONE, Suite, stages_of
from ci.policy.trigger import Event, Trigger

POLICY = Path(__file__).parents[3] / "ci/src/ci/policy"
ALLOWED = sys.stdlib_module_names | {"semver", "ci"}
EDGES = {"os", "io", "pathlib", "subprocess", "socket", "urllib", "http", "random", "time", "asyncio", "logging", "sys"}
ENUMS = [Event, Trigger, Model, Suite, Publishes, Environment]


def imports(path: Path) -> set[str]:
    """Name the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", sorted(POLICY.glob("*.py")), ids=lambda path: path.name)
def test_the_policy_is_pure(path: Path) -> None:
    """It imports the standard library, semver and itself, and nothing by which one reaches the world."""
    names = imports(path)
    assert {name.partition(".")[0] for name in names} <= ALLOWED
    assert all(name.startswith("ci.policy") for name in names if name.partition(".")[0] == "ci")
    assert not {name.partition(".")[0] for name in names} & EDGES


@pytest.mark.parametrize("path", sorted(POLICY.glob("*.py")), ids=lambda path: path.name)
def test_the_policy_opens_prints_and_asks_nothing(path: Path) -> None:
    """No call that does I/O needs an import."""
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "exec", "eval", "__import__"}


def test_every_table_has_every_member() -> None:
    """A member that a table forgets would raise on the day it is needed."""
    assert set(RULES) == set(FLOWS) == set(VERSION_LINES) == set(Model)
    assert set(OUTCOMES) == set(Publishes)
    assert tuple(ABSENT) == tuple(Part)


@pytest.mark.parametrize("model", Model)
def test_every_trigger_has_a_rule_in_every_model(model: Model) -> None:
    """An event that leads to nothing by oversight would be green."""
    assert {rule.trigger for rule in RULES[model]} == set(Trigger)


RULES_IN_ORDER = [(model, rule) for model in Model for rule in RULES[model]]


@pytest.mark.parametrize(("model", "rule"), RULES_IN_ORDER, ids=lambda value: str(getattr(value, "why", value)))
def test_every_rule_can_be_reached(model: Model, rule: Rule) -> None:
    """A rule behind one that fits the same branches would never decide."""
    example = rule.branch.replace("*", "v1.4.2")
    assert rule_for(model, rule.trigger, example) is rule


@pytest.mark.parametrize(("model", "rule"), RULES_IN_ORDER, ids=lambda value: str(getattr(value, "why", value)))
def test_every_rule_names_stages_that_exist(model: Model, rule: Rule) -> None:
    """And none that its suite runs anyway."""
    assert set(rule.stages) <= {*stages_of(Suite.FULL), *ALONE}
    assert rule.suite is None or not set(rule.stages) & set(stages_of(rule.suite))


@pytest.mark.parametrize(("model", "rule"), RULES_IN_ORDER, ids=lambda value: str(getattr(value, "why", value)))
def test_what_lasts_needs_the_full_suite(model: Model, rule: Rule) -> None:
    """Only a commit whose full suite is green gets a version, latest or a sha- tag."""
    if rule.publishes in {Publishes.COMMIT, Publishes.VERSION, Publishes.CANDIDATE}:
        assert rule.suite is Suite.FULL
    if rule.publishes is not Publishes.NOTHING:
        assert rule.trigger in {Trigger.BRANCH, Trigger.TAG}
    if rule.publishes in {Publishes.COMMIT, Publishes.VERSION}:
        assert "scan" in rule.stages
    if rule.publishes is Publishes.VERSION:
        assert rule.trigger is Trigger.TAG
    if rule.publishes is Publishes.BRANCH:
        assert {"build", "smoke"} <= {*rule.stages, *stages_of(rule.suite or Suite.QUICK)}
    if rule.deploy is not None:
        assert rule.publishes is Publishes.COMMIT


@pytest.mark.parametrize(
    ("model", "kind", "base"),
    [(Model.GITFLOW, BackMergeKind.MERGE, "develop"), (Model.TRUNK, BackMergeKind.CHERRY_PICK, "main")],
)
def test_the_pull_request_that_brings_a_version_back_is_allowed(model: Model, kind: BackMergeKind, base: str) -> None:
    """The pipeline would refuse its own pull request otherwise."""
    back_merge = BackMerge("1.4.2", base, kind)
    assert wrong_base(model, parse_branch(back_merge.head), parse_branch(base)) is None


@pytest.mark.parametrize("model", Model)
def test_every_base_has_pushes_that_are_tested_in_full(model: Model) -> None:
    """A pull request may be quick because the push that follows it is full."""
    for base in {base for flow in FLOWS[model] for base in flow.bases}:
        rule = rule_for(model, Trigger.BRANCH, base.replace("*", "v1.4.2"))
        assert rule is not None
        assert rule.suite is Suite.FULL


@pytest.mark.parametrize("model", Model)
def test_versions_are_cut_on_branches_that_are_tested_in_full(model: Model) -> None:
    """Whatever gets a tag was tested before."""
    for line in VERSION_LINES[model]:
        rule = rule_for(model, Trigger.BRANCH, Branch(line.replace("*", "v1.4.2")).name)
        assert rule is not None
        assert rule.suite is Suite.FULL
        assert matches(line, line.replace("*", "v1.4.2"))


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_the_command_line_can_name_every_member(enum: type[Event]) -> None:
    """The command line passes a member's name, a person writes its value: they are the same word."""
    assert [member.name for member in enum] == [member.value.upper() for member in enum]


def test_only_stages_that_exist_have_bounds_of_their_own() -> None:
    """A stage that was renamed would lose them unseen."""
    assert set(LIMITS) <= {*stages_of(Suite.FULL), *ALONE}
