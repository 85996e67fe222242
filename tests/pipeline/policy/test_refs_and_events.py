"""What is read at the edge: events, refs, commits, repositories; what is malformed gets one line."""

from datetime import timedelta
from typing import Any

import pytest

from ci.policy.errors import PolicyError
from ci.policy.facts import Facts, is_fork, parse_facts
from ci.policy.models import Model, parse_model
from ci.policy.refs import Branch, Tag, matches, parse_commit, parse_ref, parse_repository
from ci.policy.suites import Suite
from ci.policy.trigger import Event, Trigger, parse_event, trigger_of

COMMIT = "abc1234" + "0" * 33
DIGEST = "sha256:" + "d" * 64


@pytest.mark.parametrize("event", Event)
def test_an_event_is_read_by_githubs_name(event: Event) -> None:
    """The workflow passes on what GitHub calls the event."""
    assert parse_event(event.value) is event


@pytest.mark.parametrize("text", ["", "PUSH", "pull_request_target", "release", "push\n"])
def test_an_unknown_event_is_refused_with_the_known_ones(text: str) -> None:
    """An event nobody thought of must not be taken for another one."""
    with pytest.raises(PolicyError, match="expected pull_request, merge_group, push, schedule, workflow_dispatch"):
        parse_event(text)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("refs/heads/develop", Branch("develop")),
        ("refs/heads/feature/login", Branch("feature/login")),
        ("refs/heads/" + "a" * 255, Branch("a" * 255)),
        ("refs/tags/v1.4.2", Tag("v1.4.2")),
    ],
    ids=["branch", "branch with a folder", "the longest name", "tag"],
)
def test_a_ref_is_a_branch_or_a_tag(text: str, ref: Branch | Tag) -> None:
    """The full ref says which of both a name is."""
    assert str(ref) == ref.name
    assert parse_ref(text) == ref


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("develop", "refs/heads/<branch> or refs/tags/<tag>", id="a name alone"),
        pytest.param("", "refs/heads/<branch> or refs/tags/<tag>", id="nothing"),
        pytest.param("refs/pull/7/merge", "refs/heads/<branch> or refs/tags/<tag>", id="a pull request's merge"),
        pytest.param("refs/heads/", "a name that is not empty", id="no name"),
        pytest.param("refs/heads/" + "a" * 300, "a name of at most 255 characters", id="300 characters"),
        pytest.param("refs/heads/feature/grün", "a name of ASCII characters", id="Unicode"),
        pytest.param("refs/heads/a..b", "a name without '..'", id="two dots"),
        pytest.param("refs/heads/../main", "a name without '..'", id="a way up"),
        pytest.param("refs/heads/a b", "a name without blanks", id="blank"),
        pytest.param("refs/heads/a\nb", "a name without blanks, control characters", id="newline"),
        pytest.param("refs/heads/a:b", "a name without blanks, control characters and ~", id="colon"),
        pytest.param("refs/heads/a@{1}", "a name that is not '@'", id="reflog"),
        pytest.param("refs/heads/@", "a name that is not '@'", id="at"),
        pytest.param("refs/heads/-x", "a name that begins with neither '-' nor 'refs/'", id="an option"),
        pytest.param("refs/heads/refs/heads/main", "neither '-' nor 'refs/'", id="a branch that is named like a ref"),
        pytest.param("refs/heads/a//b", "are not empty", id="two slashes"),
        pytest.param("refs/heads/a/", "are not empty", id="a slash at the end"),
        pytest.param("refs/heads/a/.b", "begin with no '.'", id="a hidden part"),
        pytest.param("refs/heads/a.lock/b", "end in neither", id="a lock"),
        pytest.param("refs/tags/v1.", "end in neither", id="a tag with a dot at the end"),
    ],
)
def test_a_malformed_ref_is_refused_in_one_line(text: str, expected: str) -> None:
    """The line says what was expected and shows the offender without its control characters."""
    with pytest.raises(PolicyError) as refused:
        parse_ref(text)
    assert expected in str(refused.value)
    assert refused.value.exit_code == 2
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("text", [COMMIT, "f" * 64])
def test_a_commit_is_its_full_hash(text: str) -> None:
    """Both of git's hashes are known."""
    assert parse_commit(text) == text


@pytest.mark.parametrize("text", ["", "abc1234", "0" * 40, "A" * 40, "g" * 40, "a" * 41, "٣" * 40])
def test_a_malformed_commit_is_refused(text: str) -> None:
    """A short hash is ambiguous, the null hash stands for a deleted branch."""
    with pytest.raises(PolicyError, match="expected the 40 lower-case hexadecimal digits"):
        parse_commit(text)


@pytest.mark.parametrize(
    ("event", "ref", "trigger"),
    [
        (Event.PULL_REQUEST, Branch("x"), Trigger.PULL_REQUEST),
        (Event.MERGE_GROUP, Branch("x"), Trigger.MERGE_QUEUE),
        (Event.PUSH, Branch("x"), Trigger.BRANCH),
        (Event.PUSH, Tag("x"), Trigger.TAG),
        (Event.SCHEDULE, Branch("x"), Trigger.NIGHTLY),
        (Event.WORKFLOW_DISPATCH, Branch("x"), Trigger.MANUAL),
        (Event.WORKFLOW_DISPATCH, Tag("x"), Trigger.MANUAL),
    ],
)
def test_an_event_means_something_together_with_its_ref(event: Event, ref: Branch | Tag, trigger: Trigger) -> None:
    """The push of a tag is another thing than the push of a branch."""
    assert trigger_of(event, ref) is trigger


@pytest.mark.parametrize("event", [Event.PULL_REQUEST, Event.MERGE_GROUP, Event.SCHEDULE])
def test_an_event_that_has_no_tag_refuses_one(event: Event) -> None:
    """A nightly run names its branch."""
    with pytest.raises(PolicyError, match=f"{event} of a tag 'v1.4.2' is refused: expected a branch"):
        trigger_of(event, Tag("v1.4.2"))


@pytest.mark.parametrize(
    ("repository", "head", "event", "is_one"),
    [
        pytest.param("acme/items", "acme/items", Event.PULL_REQUEST, False, id="a branch of the repository"),
        pytest.param("acme/items", "Acme/Items", Event.PULL_REQUEST, False, id="case does not matter"),
        pytest.param("acme/items", "mallory/items", Event.PULL_REQUEST, True, id="another repository"),
        pytest.param("acme/items", "", Event.PULL_REQUEST, True, id="a repository that is gone"),
        pytest.param("acme/items", "", Event.PUSH, False, id="a push has no head"),
        pytest.param("", "", Event.PULL_REQUEST, False, id="a laptop knows no repository"),
    ],
)
def test_a_fork_is_told_by_the_heads_repository(repository: str, head: str, event: Event, is_one: bool) -> None:
    """What is not known to be ours is a fork's."""
    assert is_fork(repository, head, event) is is_one


@pytest.mark.parametrize("text", ["", "acme", "acme/items/x", "acme/it ems", "ácme/items", "../items", "acme/."])
def test_a_malformed_repository_is_refused(text: str) -> None:
    """It is an owner and a name."""
    with pytest.raises(PolicyError, match="expected owner/name"):
        parse_repository(text)


def test_a_malformed_repository_is_refused_whatever_the_event() -> None:
    """Otherwise a run would find out when it has published, and cannot release."""
    for event in Event:
        with pytest.raises(PolicyError, match="expected owner/name"):
            is_fork("nonsense", "", event)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("main", "main", True),
        ("main", "main2", False),
        ("feature/*", "feature/a", True),
        ("feature/*", "feature/a/b", True),
        ("feature/*", "feature/", False),
        ("feature/*", "features/a", False),
        ("*", "anything", True),
    ],
)
def test_a_pattern_is_a_name_or_a_prefix(pattern: str, name: str, fits: bool) -> None:
    """No other wildcard is needed."""
    assert matches(pattern, name) is fits


def test_git_flow_is_the_default_model() -> None:
    """A repository that says nothing gets Git Flow."""
    assert parse_model("") is Model.GITFLOW
    assert [parse_model(model.value) for model in Model] == list(Model)


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    """There are two."""
    with pytest.raises(PolicyError, match="branching model 'svn' is refused: expected gitflow or trunk"):
        parse_model("svn")


def test_facts_are_read_from_what_github_says() -> None:
    """Every string becomes a value of its kind, once."""
    facts = parse_facts(
        event="pull_request",
        ref="refs/pull/7/merge",
        head_ref="feature/login",
        base_ref="develop",
        commit=COMMIT,
        repository="acme/items",
        head_repository="acme/items",
        model="gitflow",
        title="feat: log in",
        commits=["feat: log in"],
        tags=["v1.4.2"],
        published={"1.4.2": DIGEST},
        revisions={DIGEST: COMMIT},
        choice="quick",
        by_pull_request=False,
        containing=["main"],
        branch_age=timedelta(days=1),
        openapi_changed=True,
        new_migrations=["0002_more.py"],
    )
    assert facts == Facts(
        event=Event.PULL_REQUEST,
        ref=Branch("feature/login"),
        commit=COMMIT,
        published={"1.4.2": DIGEST},
        base=Branch("develop"),
        model=Model.GITFLOW,
        from_fork=False,
        title="feat: log in",
        commits=("feat: log in",),
        tags=("v1.4.2",),
        revisions={DIGEST: COMMIT},
        choice=Suite.QUICK,
        by_pull_request=False,
        containing=("main",),
        branch_age=timedelta(days=1),
        openapi_changed=True,
        new_migrations=("0002_more.py",),
    )


def test_a_push_needs_no_more_than_its_ref_and_commit() -> None:
    """What nobody says has a default, and a base that a push cannot have is ignored."""
    facts = parse_facts(event="push", ref="refs/heads/main", base_ref="", head_ref="x", commit=COMMIT, published=None)
    assert facts == Facts(Event.PUSH, Branch("main"), COMMIT, None)
    assert (facts.target, facts.trigger) == ("main", Trigger.BRANCH)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        pytest.param({"base_ref": ""}, "base ref '' is refused: expected the branch that a pull request", id="no base"),
        pytest.param({"base_ref": "a..b"}, "branch 'a..b' is refused", id="a malformed base"),
        pytest.param({"head_ref": ""}, "ref 'refs/pull/7/merge' is refused", id="no head"),
        pytest.param({"choice": "all"}, "suite 'all' is refused: expected quick or full", id="an unknown suite"),
        pytest.param({"published": {"1.4.2": "x"}}, "digest 'x' is refused", id="a malformed digest"),
        pytest.param({"published": {".x": DIGEST}}, "image tag '.x' is refused", id="a malformed tag"),
        pytest.param({"revisions": {DIGEST: "abc"}}, "commit 'abc' is refused", id="a malformed revision"),
    ],
)
def test_malformed_facts_are_refused_in_one_line(changed: dict[str, Any], line: str) -> None:
    """Nothing is decided from what cannot be read."""
    facts = {"event": "pull_request", "ref": "refs/pull/7/merge", "head_ref": "feature/x", "base_ref": "develop"}
    with pytest.raises(PolicyError) as refused:
        parse_facts(**{"commit": COMMIT, "published": {}, **facts, **changed})
    assert str(refused.value).startswith(line)
