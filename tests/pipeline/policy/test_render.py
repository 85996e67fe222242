"""A plan as people and as programs read it."""

import json
from dataclasses import fields
from typing import Any

import pytest

from ci.policy.decide import decide
from ci.policy.facts import parse_facts
from ci.policy.plan import Part, Plan
from ci.policy.publication import tags_to_look_up
from ci.policy.render import as_json, as_table

COMMIT = "abc1234" + "0" * 33
A = "sha256:" + "a" * 64


def planned(**facts: Any) -> Plan:
    """Decide from strings."""
    return decide(parse_facts(**{"commit": COMMIT, "published": {}, **facts}))


TABLES = {
    "a version that is promoted": (
        {"event": "push", "ref": "refs/tags/v1.4.2", "published": {"sha-abc1234": A}},
        """\
tag v1.4.2

part         decision                                                                                   why
suites       -                                                                                          the commit's image is published, so its full suite was green
image        promote sha256:aaaaaaaaaaaa as 1.4.2, 1.4 (moves), 1 (moves), sha-abc1234, latest (moves)  the registry has the commit's image: it is promoted by its digest, nothing is built
deploy       -                                                                                          only what main publishes is deployed
release      v1.4.2 (latest)                                                                            no stable version is higher, so it is the latest
back-merges  merge v1.4.2 into develop                                                                  develop lacks what is released
rescans      -                                                                                          only the nightly run looks again at what is published
""",
    ),
    "a push to main": (
        {"event": "push", "ref": "refs/heads/main", "by_pull_request": True},
        """\
push to main

part         decision              why
suites       full, scan            what is on main can be released, so it is tested in full
image        build as sha-abc1234  built once; the very image that passes the smoke test is pushed
deploy       staging               by the digest that is published
release      -                     only a version's tag is released
back-merges  -                     only a stable version is brought back
rescans      -                     only the nightly run looks again at what is published
""",
    ),
    "a release branch": (
        {"event": "push", "ref": "refs/heads/release/v1.5.0", "published": None},
        """\
push to release/v1.5.0

part         decision                          why
suites       full                              a release branch is tested in full before each candidate
image        -                                 one event publishes a version, its tag: v1.5.0-rc.1 will
deploy       -                                 only what main publishes is deployed
release      v1.5.0-rc.1 (draft) (prerelease)  draft notes of the next free candidate of 1.5.0
back-merges  -                                 only a stable version is brought back
rescans      -                                 only the nightly run looks again at what is published
warning: the registry did not answer: 1.5.0-rc.1 is free by git's tags alone
""",
    ),
    "a feature branch under trunk": (
        {"event": "push", "ref": "refs/heads/feat/x", "model": "trunk"},
        """\
push to feat/x

part         decision                 why
suites       quick, build, smoke      seconds to an answer, and an image that others can try
image        build as feat-x (moves)  the branch's newest image, once its smoke test passed; the tag moves with the branch
deploy       -                        only what main publishes is deployed
release      -                        only a version's tag is released
back-merges  -                        only a stable version is brought back
rescans      -                        only the nightly run looks again at what is published
""",
    ),
    "a pull request to the wrong base": (
        {"event": "pull_request", "ref": "refs/heads/feature/x", "base_ref": "main"},
        """\
pull request from feature/x to main

part         decision  why
suites       -         a pull request to the wrong base is not tested
image        -         only main, a version's tag and, under trunk, feat/* publish an image
deploy       -         only what main publishes is deployed
release      -         only a version's tag is released
back-merges  -         only a stable version is brought back
rescans      -         only the nightly run looks again at what is published
fails: feature/x may not be merged into main: the base of feature/* is develop
""",
    ),
    "a version whose registry is silent": (
        {"event": "push", "ref": "refs/tags/v1.4.2", "published": None},
        """\
tag v1.4.2

part         decision  why
suites       -         the registry did not answer, so nothing is published
image        -         the registry did not answer, so nothing is published
deploy       -         the registry did not answer, so nothing is published
release      -         the registry did not answer, so nothing is published
back-merges  -         the registry did not answer, so nothing is published
rescans      -         only the nightly run looks again at what is published
fails: the registry did not answer, so nothing is published
""",
    ),
    "a branch that nothing is done for": (
        {"event": "push", "ref": "refs/heads/feature/x"},
        """\
push to feature/x

part         decision  why
suites       -         no rule of gitflow is for it: its pull request is what is tested
image        -         only main, a version's tag and, under trunk, feat/* publish an image
deploy       -         only what main publishes is deployed
release      -         only a version's tag is released
back-merges  -         only a stable version is brought back
rescans      -         only the nightly run looks again at what is published
""",
    ),
    "a nightly run": (
        {"event": "schedule", "ref": "refs/heads/main", "tags": ["v1.4.2"], "published": {"1.4.2": A, "latest": A}},
        """\
nightly run of main

part         decision      why
suites       full, scan    the nightly run finds what changes without a commit
image        -             only main, a version's tag and, under trunk, feat/* publish an image
deploy       -             only what main publishes is deployed
release      -             only a version's tag is released
back-merges  -             only a stable version is brought back
rescans      1.4.2 latest  what was clean when it was published may not be so today; what is deployed is not known here
""",
    ),
    "a manual run without a choice": (
        {"event": "workflow_dispatch", "ref": "refs/heads/main"},
        """\
manual run on main

part         decision  why
suites       full      the person who starts a manual run chooses; nothing was chosen, so it is full
image        -         only main, a version's tag and, under trunk, feat/* publish an image
deploy       -         only what main publishes is deployed
release      -         only a version's tag is released
back-merges  -         only a stable version is brought back
rescans      -         only the nightly run looks again at what is published
""",
    ),
}


@pytest.mark.parametrize(("facts", "table"), TABLES.values(), ids=TABLES)
def test_a_plan_as_a_table(facts: dict[str, Any], table: str) -> None:
    """Each part has what is decided and why; then what fails the run and what to look at."""
    assert as_table(planned(**facts)) == table


def test_the_columns_of_a_table_are_aligned() -> None:
    """Every row's reason begins in the same column."""
    plan = planned(event="push", ref="refs/heads/main", by_pull_request=True)
    rows = as_table(plan).splitlines()[2:]
    start = rows[0].index("why")
    assert [row[start:] for row in rows[1:]] == [plan.why(part) for part in Part]
    assert {row[start - 2 : start] for row in rows} == {"  "}


def test_a_plan_as_json() -> None:
    """Programs get every field, and the names that are made from a version."""
    plan = planned(event="push", ref="refs/tags/v1.4.2", published={"sha-abc1234": A})
    assert json.loads(as_json(plan)) == {
        "occasion": "tag v1.4.2",
        "suites": [],
        "stages": [],
        "image": {
            "promotes": A,
            "tags": [
                {"name": "1.4.2", "moves": False},
                {"name": "1.4", "moves": True},
                {"name": "1", "moves": True},
                {"name": "sha-abc1234", "moves": False},
                {"name": "latest", "moves": True},
            ],
        },
        "deploy": None,
        "release": {"version": "1.4.2", "tag": "v1.4.2", "prerelease": False, "make_latest": True, "draft": False},
        "back_merges": [
            {
                "version": "1.4.2",
                "base": "develop",
                "kind": "merge",
                "head": "back-merge/v1.4.2",
                "title": "chore: merge v1.4.2 into develop",
            }
        ],
        "rescans": [],
        "failures": [],
        "warnings": [],
        "reasons": {part.value: plan.why(part) for part in Part},
    }


def test_the_json_of_the_empty_plan_has_every_field() -> None:
    """A program need not ask whether a field is there."""
    document = json.loads(as_json(Plan("nothing")))
    assert list(document) == [field.name for field in fields(Plan)]
    assert document["release"] is None


def test_a_cherry_pick_has_a_branch_and_a_title_of_its_own() -> None:
    """The pull request is found again by its branch, so it exists once."""
    plan = planned(event="push", ref="refs/tags/v1.4.2", model="trunk", tags=["v2.0.0"])
    (back_merge,) = plan.back_merges
    assert (back_merge.head, back_merge.title) == ("cherry-pick/v1.4.2", "chore: cherry-pick v1.4.2 into main")


LOOKED_UP = {
    "a version's own tags": ({"ref": "refs/tags/v1.4.2"}, "1.4.2 1.4 1 sha-abc1234 latest"),
    "an older version's own tags": ({"ref": "refs/tags/v1.4.2", "tags": ["v2.0.0"]}, "1.4.2 1.4 1 sha-abc1234"),
    "a prerelease's own tag, and the commit's to promote": ({"ref": "refs/tags/v2.0.0-rc.1"}, "2.0.0-rc.1 sha-abc1234"),
    "the commit's tag on main": ({"ref": "refs/heads/main"}, "sha-abc1234"),
    "nothing for a fork": ({"ref": "refs/heads/main", "repository": "a/b", "head_repository": "c/d"}, ""),
    "nothing for a branch's image": ({"ref": "refs/heads/feat/x", "model": "trunk"}, ""),
    "nothing where there is no rule": ({"ref": "refs/heads/feature/x"}, ""),
}


@pytest.mark.parametrize(("facts", "tags"), LOOKED_UP.values(), ids=LOOKED_UP)
@pytest.mark.parametrize("published", [None, {"latest": A}], ids=["silent", "answering"])
def test_which_tags_are_looked_up(facts: dict[str, Any], tags: str, published: dict[str, str] | None) -> None:
    """The registry is asked for what the decision depends on, and for nothing else."""
    asked = tags_to_look_up(parse_facts(event="push", commit=COMMIT, published=published, **facts))
    assert asked == tuple(tags.split())
