"""Both branching models, event by event: the whole decision."""

from dataclasses import replace
from typing import Any

import pytest

from ci.policy.decide import decide
from ci.policy.errors import PolicyError
from ci.policy.facts import parse_facts
from ci.policy.plan import BackMerge, BackMergeKind, Environment, Image, Part, Plan, Release
from ci.policy.suites import Suite
from ci.policy.tags import ImageTag

COMMIT = "abc1234" + "0" * 33
OTHER = "abc1234" + "1" * 33
A = "sha256:" + "a" * 64
B = "sha256:" + "b" * 64
SHA_TAG = ImageTag("sha-abc1234")
EVERY_TAG = (ImageTag("1.4.2"), ImageTag("1.4", True), ImageTag("1", True), SHA_TAG, ImageTag("latest", True))
STAGING = Environment.STAGING
FULL = (Suite.FULL,)
QUICK = (Suite.QUICK,)
SCAN = ("scan",)


def planned(**facts: Any) -> Plan:
    """Decide from strings; the registry is empty, and no other tag exists, unless something else is said."""
    return decide(parse_facts(**{"commit": COMMIT, "published": {}, **facts}))


def decision(**facts: Any) -> Plan:
    """Decide, and leave the reasons out: they are compared where plans are shown."""
    return replace(planned(**facts), reasons=())


def plan(occasion: str, **parts: Any) -> Plan:
    """Write down a plan without reasons."""
    return Plan(occasion, reasons=(), **parts)


def pull_request(head: str, base: str, **more: Any) -> dict[str, Any]:
    """Give the facts of a pull request, as GitHub has them."""
    return {"event": "pull_request", "ref": "refs/pull/7/merge", "head_ref": head, "base_ref": base, **more}


def push(branch: str, **more: Any) -> dict[str, Any]:
    """Give the facts of a push that came by a pull request."""
    return {"event": "push", "ref": f"refs/heads/{branch}", "by_pull_request": True, **more}


def tag(name: str, **more: Any) -> dict[str, Any]:
    """Give the facts of a pushed tag."""
    return {"event": "push", "ref": f"refs/tags/{name}", "tags": [name], **more}


def manual(**more: Any) -> dict[str, Any]:
    """Give the facts of a run that a person started."""
    return {"event": "workflow_dispatch", "ref": "refs/heads/feature/x", **more}


ON_MAIN = plan("push to main", suites=FULL, stages=SCAN, image=Image((SHA_TAG,)), deploy=STAGING)
TAGGED = plan("tag v1.4.2", suites=FULL, stages=SCAN, image=Image(EVERY_TAG), release=Release("1.4.2", False, True))
TO_DEVELOP = BackMerge("1.4.2", "develop", BackMergeKind.MERGE)
CANDIDATE = Release("1.5.0-rc.1", prerelease=True, make_latest=False, draft=True)

GIT_FLOW = {
    "pull request from feature/* to develop is quick": (
        pull_request("feature/x", "develop"),
        plan("pull request from feature/x to develop", suites=QUICK),
    ),
    "pull request from refactor/* to develop is quick": (
        pull_request("refactor/x", "develop"),
        plan("pull request from refactor/x to develop", suites=QUICK),
    ),
    "pull request to main is full": (
        pull_request("release/v1.5.0", "main"),
        plan("pull request from release/v1.5.0 to main", suites=FULL),
    ),
    "pull request of a fork is tested like any": (
        pull_request("feature/x", "develop", repository="acme/items", head_repository="mallory/items"),
        plan("pull request from feature/x to develop", suites=QUICK),
    ),
    "pull request with the wrong base fails with the right one named and runs nothing": (
        pull_request("feature/x", "main"),
        plan(
            "pull request from feature/x to main",
            failures=("feature/x may not be merged into main: the base of feature/* is develop",),
        ),
    ),
    "merge queue is full": (
        {"event": "merge_group", "ref": "refs/heads/gh-readonly-queue/main/pr-7-ab", "base_ref": "refs/heads/main"},
        plan("merge queue of main", suites=FULL),
    ),
    "push to develop is full": (push("develop"), plan("push to develop", suites=FULL)),
    "push to feature/* does nothing: the empty plan": (push("feature/x"), plan("push to feature/x")),
    "push to hotfix/* is full": (push("hotfix/v1.4.3"), plan("push to hotfix/v1.4.3", suites=FULL)),
    "push to release/vX.Y.Z is full and drafts the first candidate": (
        push("release/v1.5.0"),
        plan("push to release/v1.5.0", suites=FULL, release=CANDIDATE),
    ),
    "push to release/vX.Y.Z drafts the next free candidate, by git and the registry": (
        push("release/v1.5.0", tags=["v1.5.0-rc.1", "v1.5.0-rc.2"], published={"1.5.0-rc.9": A}),
        plan("push to release/v1.5.0", suites=FULL, release=replace(CANDIDATE, version="1.5.0-rc.10")),
    ),
    "push to release/vX.Y.Z with a silent registry says that git alone was asked": (
        push("release/v1.5.0", published=None),
        plan(
            "push to release/v1.5.0",
            suites=FULL,
            release=CANDIDATE,
            warnings=("the registry did not answer: 1.5.0-rc.1 is free by git's tags alone",),
        ),
    ),
    "push to the release branch of a released version fails": (
        push("release/v1.5.0", tags=["v1.5.0"]),
        plan(
            "push to release/v1.5.0",
            failures=("1.5.0 is released already: the next release needs a branch of its own",),
        ),
    ),
    "push to a fork's release branch drafts nothing": (
        push("release/v1.5.0", repository="acme/items", head_repository="mallory/items"),
        plan("push to release/v1.5.0", suites=FULL, warnings=("a fork never publishes",)),
    ),
    "push to main is full, publishes sha-… and deploys to staging": (push("main"), ON_MAIN),
    "push to main whose image is there promotes it and tests nothing again": (
        push("main", published={"sha-abc1234": A}),
        replace(ON_MAIN, suites=(), stages=(), image=Image((SHA_TAG,), promotes=A)),
    ),
    "nightly run is full on the branch that it names": (
        {"event": "schedule", "ref": "refs/heads/develop"},
        plan("nightly run of develop", suites=FULL, stages=SCAN),
    ),
    "manual run chooses quick": (manual(choice="quick"), plan("manual run on feature/x", suites=QUICK)),
    "manual run chooses full": (manual(choice="full"), plan("manual run on feature/x", suites=FULL)),
    "manual run that chooses nothing is full": (manual(), plan("manual run on feature/x", suites=FULL)),
    "manual run on a version's tag publishes nothing": (
        manual(ref="refs/tags/v1.4.2"),
        plan("manual run on v1.4.2", suites=FULL),
    ),
    "manual run on main publishes nothing": (manual(ref="refs/heads/main"), plan("manual run on main", suites=FULL)),
    "tag of a version publishes and releases it, and brings it back": (
        tag("v1.4.2"),
        replace(TAGGED, back_merges=(TO_DEVELOP,)),
    ),
    "tag of a version that develop has brings nothing back": (
        tag("v1.4.2", containing=["main", "develop"]),
        TAGGED,
    ),
}

TRUNK = {
    "push to feat/* is quick, builds, smokes and moves the branch's tag": (
        push("feat/login-button"),
        plan(
            "push to feat/login-button",
            suites=QUICK,
            stages=("build", "smoke"),
            image=Image((ImageTag("feat-login-button", moves=True),)),
        ),
    ),
    "push to feat/* with a silent registry warns and publishes nothing": (
        push("feat/x", published=None),
        plan(
            "push to feat/x",
            suites=QUICK,
            stages=("build", "smoke"),
            warnings=("the registry did not answer, so nothing is published",),
        ),
    ),
    "push to a fork's feat/* publishes nothing": (
        push("feat/x", repository="acme/items", head_repository="mallory/items"),
        plan("push to feat/x", suites=QUICK, stages=("build", "smoke"), warnings=("a fork never publishes",)),
    ),
    "push to another branch does nothing": (push("docs/x"), plan("push to docs/x")),
    "push to release/* does nothing": (push("release/v1.5.0"), plan("push to release/v1.5.0")),
    "push to develop does nothing": (push("develop"), plan("push to develop")),
    "push to hotfix/* is full": (push("hotfix/v1.4.3"), plan("push to hotfix/v1.4.3", suites=FULL)),
    "pull request to main is quick": (
        pull_request("feat/x", "main"),
        plan("pull request from feat/x to main", suites=QUICK),
    ),
    "merge queue is full": (
        {"event": "merge_group", "ref": "refs/heads/gh-readonly-queue/main/pr-7-ab", "base_ref": "main"},
        plan("merge queue of main", suites=FULL),
    ),
    "push to main is full, publishes sha-… and deploys to staging": (push("main"), ON_MAIN),
    "tag on main publishes and releases, and nothing has to be brought back": (tag("v1.4.2"), TAGGED),
    "tag of a hotfix on an older line is cherry-picked into main and takes no latest": (
        tag("v1.4.2", tags=["v1.4.2", "v2.0.1"]),
        replace(
            TAGGED,
            image=Image(EVERY_TAG[:-1]),
            release=Release("1.4.2", prerelease=False, make_latest=False),
            back_merges=(BackMerge("1.4.2", "main", BackMergeKind.CHERRY_PICK),),
        ),
    ),
    "tag of a hotfix on the newest line, which main does not contain, is cherry-picked too": (
        tag("v1.4.2", containing=["hotfix/v1.4.2"]),
        replace(TAGGED, back_merges=(BackMerge("1.4.2", "main", BackMergeKind.CHERRY_PICK),)),
    ),
    "nightly run is full": (
        {"event": "schedule", "ref": "refs/heads/main"},
        plan("nightly run of main", suites=FULL, stages=SCAN),
    ),
    "manual run chooses": (manual(choice="quick"), plan("manual run on feature/x", suites=QUICK)),
}


@pytest.mark.parametrize(("facts", "expected"), GIT_FLOW.values(), ids=GIT_FLOW)
def test_git_flow(facts: dict[str, Any], expected: Plan) -> None:
    """Git Flow is what a repository has that says nothing."""
    assert decision(**facts) == expected
    assert decision(**facts, model="gitflow") == expected


@pytest.mark.parametrize(("facts", "expected"), TRUNK.values(), ids=TRUNK)
def test_trunk(facts: dict[str, Any], expected: Plan) -> None:
    """Trunk is chosen by configuration."""
    assert decision(**facts, model="trunk") == expected


ALREADY = f"1.4.2 is published already, as {B}: a version is published once and never changed"
FOREIGN = f"sha-abc1234 is the image of another commit, {OTHER}: nothing is published"
SILENT = "the registry did not answer, so nothing is published"
RC = plan(
    "tag v2.0.0-rc.1",
    suites=FULL,
    stages=SCAN,
    image=Image((ImageTag("2.0.0-rc.1"),)),
    release=Release("2.0.0-rc.1", True, False),
)
PUBLICATION = {
    "the tag promotes the commit's digest and builds nothing": (
        tag("v1.4.2", published={"sha-abc1234": A}),
        replace(TAGGED, suites=(), stages=(), image=Image(EVERY_TAG, promotes=A)),
    ),
    "the same version with the same digest is promoted again, so that a rerun finishes the release": (
        tag("v1.4.2", published={"sha-abc1234": A, "1.4.2": A}),
        replace(TAGGED, suites=(), stages=(), image=Image(EVERY_TAG, promotes=A)),
    ),
    "a version that exists with another digest is refused": (
        tag("v1.4.2", published={"sha-abc1234": A, "1.4.2": B}),
        plan("tag v1.4.2", failures=(ALREADY,)),
    ),
    "a version that exists, of nobody knows which commit, is refused": (
        tag("v1.4.2", published={"1.4.2": B}),
        plan("tag v1.4.2", failures=(ALREADY,)),
    ),
    "a version that exists as another commit's image is refused": (
        tag("v1.4.2", published={"1.4.2": B}, revisions={B: OTHER}),
        plan("tag v1.4.2", failures=(ALREADY,)),
    ),
    "a version that exists as this commit's image is promoted": (
        tag("v1.4.2", published={"1.4.2": B}, revisions={B: COMMIT}),
        replace(TAGGED, suites=(), stages=(), image=Image(EVERY_TAG, promotes=B)),
    ),
    "an image of this commit by its revision and by its tag": (
        tag("v1.4.2", published={"sha-abc1234": A}, revisions={A: COMMIT}),
        replace(TAGGED, suites=(), stages=(), image=Image(EVERY_TAG, promotes=A)),
    ),
    "the image of another commit that is shortened alike is not promoted by a tag": (
        tag("v1.4.2", published={"sha-abc1234": A}, revisions={A: OTHER}),
        plan("tag v1.4.2", failures=(FOREIGN,)),
    ),
    "nor by a push to main, which is tested all the same": (
        push("main", published={"sha-abc1234": A}, revisions={A: OTHER}),
        plan("push to main", suites=FULL, stages=SCAN, failures=(FOREIGN,)),
    ),
    "when the registry cannot answer, a tag publishes nothing and fails": (
        tag("v1.4.2", published=None),
        plan("tag v1.4.2", failures=(SILENT,)),
    ),
    "when the registry cannot answer, a push to main is tested, publishes nothing and fails": (
        push("main", published=None),
        plan("push to main", suites=FULL, stages=SCAN, failures=(SILENT,)),
    ),
    "a fork's tag publishes nothing": (
        tag("v1.4.2", repository="acme/items", head_repository="mallory/items"),
        plan("tag v1.4.2", warnings=("a fork never publishes",)),
    ),
    "a fork's main publishes nothing": (
        push("main", repository="acme/items", head_repository="mallory/items"),
        plan("push to main", suites=FULL, stages=SCAN, warnings=("a fork never publishes",)),
    ),
    "a version of the registry that git does not know keeps latest": (
        tag("v1.4.2", published={"2.0.1": B}),
        replace(TAGGED, image=Image(EVERY_TAG[:-1]), release=Release("1.4.2", False, False)),
    ),
    "a prerelease publishes its own version and nothing else": (tag("v2.0.0-rc.1"), RC),
    "a prerelease promotes the commit's digest": (
        tag("v2.0.0-rc.1", published={"sha-abc1234": A}),
        replace(RC, suites=(), stages=(), image=Image((ImageTag("2.0.0-rc.1"),), promotes=A)),
    ),
    "a prerelease that is there as this commit's image is promoted again": (
        tag("v2.0.0-rc.1", published={"2.0.0-rc.1": A}, revisions={A: COMMIT}),
        replace(RC, suites=(), stages=(), image=Image((ImageTag("2.0.0-rc.1"),), promotes=A)),
    ),
}


@pytest.mark.parametrize(("facts", "expected"), PUBLICATION.values(), ids=PUBLICATION)
def test_what_is_published(facts: dict[str, Any], expected: Plan) -> None:
    """Versions never change, what is there is not built again, and who cannot know publishes nothing."""
    assert replace(decision(**facts), back_merges=()) == expected


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        pytest.param(tag("v1.2"), "version tag 'v1.2' is refused", id="two numbers"),
        pytest.param(tag("v01.2.3"), "version tag 'v01.2.3' is refused", id="a leading zero"),
        pytest.param(tag("v1.2.3+build"), "version tag 'v1.2.3+build' is refused", id="build metadata"),
        pytest.param(tag("1.2.3"), "version tag '1.2.3' is refused", id="no v"),
        pytest.param(tag("nightly"), "version tag 'nightly' is refused", id="no version"),
        pytest.param(push("release/1.5.0"), "version tag '1.5.0' is refused", id="a release branch without v"),
        pytest.param(push("release/next"), "version tag 'next' is refused", id="a release branch of no version"),
        pytest.param(
            push("release/v1.5.0-rc.1"),
            "release branch 'release/v1.5.0-rc.1' is refused: expected release/vX.Y.Z",
            id="a release branch of a candidate",
        ),
    ],
)
def test_a_ref_that_should_name_a_version_and_does_not_is_refused(facts: dict[str, Any], line: str) -> None:
    """Nothing is decided, so nothing happens."""
    with pytest.raises(PolicyError) as refused:
        planned(**facts)
    assert str(refused.value).startswith(line)


@pytest.mark.parametrize("facts", [*GIT_FLOW.values(), *PUBLICATION.values()], ids=[*GIT_FLOW, *PUBLICATION])
def test_every_part_of_every_plan_has_one_reason(facts: tuple[dict[str, Any], Plan]) -> None:
    """Whoever reads a plan learns why, of what happens and of what does not."""
    reasons = planned(**facts[0]).reasons
    assert [reason.part for reason in reasons] == list(Part)
    assert all(reason.why and reason.why.isprintable() for reason in reasons)


def test_the_empty_plan_touches_nothing() -> None:
    """The default is to do nothing at all."""
    assert not planned(**push("feature/x")).touches_the_outside
    assert planned(**push("main")).touches_the_outside
