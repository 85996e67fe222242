"""Properties that hold for every input, not only for those that a table lists."""

import re
import subprocess
from collections.abc import Callable
from datetime import timedelta

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from semver import Version

from ci.policy.decide import decide
from ci.policy.errors import PolicyError
from ci.policy.facts import Facts, parse_facts
from ci.policy.models import Model
from ci.policy.moves import Action, moves_of
from ci.policy.plan import Part, Plan
from ci.policy.publication import tags_to_look_up
from ci.policy.refs import Branch, parse_ref
from ci.policy.render import as_json, as_table
from ci.policy.suites import Suite
from ci.policy.tags import ImageTag, branch_tag, commit_tag, image_name, version_tags
from ci.policy.trigger import Event, Trigger
from ci.policy.versions import is_stable, next_candidate, parse_version, version_tag

# The same examples in every run: a red suite is red again, and a busy machine is no failure. No database: no files.
settings.register_profile(
    "policy",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
PROPERTY = settings.get_profile("policy")

OCI_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
OCI_NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(:[0-9]+)?(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")

numbers = st.integers(0, 3)
prereleases = st.one_of(
    st.none(),
    st.builds("{}.{}".format, st.sampled_from(["alpha", "beta", "rc"]), st.integers(0, 12)),
    st.from_regex(r"[a-zA-Z-][0-9a-zA-Z-]{0,5}(\.[a-z][0-9a-z]{0,3})?", fullmatch=True),
)
versions = st.builds(Version, numbers, numbers, numbers, prereleases)
digests = st.sampled_from("abcd").map(lambda letter: "sha256:" + letter * 64)
commits = st.sampled_from(["abc1234" + "0" * 33, "abc1234" + "1" * 33, "f" * 40])
names = st.one_of(
    st.from_regex(r"feat/[a-z/#_.-]{1,20}", fullmatch=True),
    st.from_regex(r"feat[/-][ab-][0-9a-f]{11,13}", fullmatch=True),
    st.from_regex(r"(feature|refactor|hotfix|fix|x)/[a-z]{1,4}", fullmatch=True),
    st.builds("{}/v{}".format, st.sampled_from(["release", "hotfix"]), versions),
    st.sampled_from(["main", "develop", "release/next", "feat/" + "a" * 200]),
)
messages = st.one_of(
    st.sampled_from(["feat: x", "fix!: x", "fix: x (#7)", "bump: version 1.0.0 → 1.0.1"]),
    st.text(max_size=30),
)
refs = st.one_of(names.map("refs/heads/{}".format), versions.map("refs/tags/v{}".format))


def refusal(read: Callable[[str], object], text: str) -> str | None:
    """Give the line with which a text is refused; None when it is read."""
    try:
        read(text)
    except PolicyError as refused:
        return str(refused)
    return None


digests_of_tags = st.dictionaries(
    st.one_of(versions.map(str), commits.map(commit_tag), st.sampled_from(["latest", "1", "1.2", "feat-x"])),
    digests,
    max_size=4,
)
anything = st.tuples(st.sampled_from(Event), refs)
publishing = st.tuples(
    st.just(Event.PUSH),
    st.one_of(
        versions.map("refs/tags/v{}".format),
        versions.map(lambda version: f"refs/tags/v{version.finalize_version()}"),
        st.sampled_from(["refs/heads/main", "refs/heads/feat/x", "refs/heads/release/v1.2.3"]),
    ),
)


@st.composite
def answers(draw: st.DrawFn, ref: str, commit: str) -> dict[str, str] | None:
    """Draw what a registry says: nothing, or tags in any state, often also those that the event is about."""
    if draw(st.integers(0, 9)) == 0:
        return None
    said = draw(digests_of_tags)
    own = draw(digests)
    if draw(st.booleans()):
        said[commit_tag(commit)] = own
    if ref.startswith("refs/tags/") and draw(st.booleans()):
        said[ref.removeprefix("refs/tags/v")] = draw(st.sampled_from([own, "sha256:" + "e" * 64]))
    return said


@st.composite
def facts(draw: st.DrawFn, events: st.SearchStrategy[tuple[Event, str]]) -> Facts:
    """Draw facts of some events, those aside that are refused when they are read."""
    event, ref = draw(events)
    commit = draw(commits)
    try:
        return parse_facts(
            event=event,
            ref=ref,
            commit=commit,
            published=draw(answers(ref, commit)),
            base_ref=draw(st.one_of(st.sampled_from(["main", "develop"]), names)),
            repository="acme/items",
            head_repository=draw(st.sampled_from([*["acme/items"] * 4, "mallory/items"])),
            model=draw(st.sampled_from(Model)),
            title=draw(messages),
            commits=draw(st.lists(messages, max_size=3)),
            tags=draw(st.lists(st.one_of(versions.map(version_tag), st.text(max_size=5)), max_size=4)),
            revisions=draw(st.dictionaries(digests, st.just(commit) | commits, max_size=3)),
            choice=draw(st.sampled_from(["", *Suite])),
            by_pull_request=draw(st.sampled_from([True, True, False, None])),
            containing=draw(st.one_of(st.none(), st.lists(names, max_size=3))),
            branch_age=draw(st.one_of(st.none(), st.timedeltas(timedelta(), timedelta(days=9)))),
            openapi_changed=draw(st.booleans()),
            new_migrations=draw(st.lists(st.text(max_size=9), max_size=2)),
        )
    except PolicyError:
        assume(False)
        raise


def planned(given_facts: Facts) -> Plan:
    """Decide; facts whose tag or branch should name a version and does not are set aside."""
    try:
        return decide(given_facts)
    except PolicyError:
        assume(False)
        raise


@PROPERTY
@given(st.text(min_size=1, max_size=300))
@example("feat/" + "ü" * 200)
@example("....")
def test_the_tag_of_any_branch_is_valid(name: str) -> None:
    """Whatever the name, the registry takes the tag, and no version or commit has it."""
    tag = branch_tag(Branch(name))
    assert OCI_TAG.fullmatch(tag)
    assert not re.fullmatch(r"latest|[0-9]+(\.[0-9]+)*|sha-[0-9a-f]{7}", tag) or not name.startswith("feat/")


@PROPERTY
@given(st.lists(names, min_size=2, max_size=6, unique=True), st.sampled_from("-/._#"), st.sampled_from("-/._#"))
def test_two_branches_never_share_a_tag(branches: list[str], old: str, new: str) -> None:
    """Neither any two, nor two that differ in a separator, nor one that is named like another's tag."""
    related = {branch.replace(old, new) for branch in branches} | {branch + new for branch in branches}
    tags = {branch_tag(Branch(branch)) for branch in branches}
    everything = {*branches, *related, *tags, *(f"feat/{tag.removeprefix('feat-')}" for tag in tags)}
    assert len({branch_tag(Branch(branch)) for branch in everything}) == len(everything)


@PROPERTY
@given(st.one_of(st.text(max_size=40), st.from_regex(r"[A-Za-z0-9./_:-]{1,30}", fullmatch=True)))
def test_an_image_name_is_valid_or_refused(text: str) -> None:
    """What comes out is what the registry's grammar has, and stays itself."""
    if refusal(image_name, text):
        return
    name = image_name(text)
    assert OCI_NAME.fullmatch(name)
    assert image_name(name) == name


@PROPERTY
@given(versions, commits, st.lists(versions, max_size=6))
def test_the_tags_of_any_version_are_valid(version: Version, commit: str, known: list[Version]) -> None:
    """They are distinct, the version comes first and never moves, and there is no floating zero."""
    tags = version_tags(version, commit, known)
    names_of_tags = [tag.name for tag in tags]
    assert all(OCI_TAG.fullmatch(name) for name in names_of_tags)
    assert len(set(names_of_tags)) == len(names_of_tags)
    assert tags[0] == ImageTag(str(version))
    assert "0" not in names_of_tags
    assert is_stable(version) or tags == (ImageTag(str(version)),)


@PROPERTY
@given(st.lists(st.tuples(versions, st.booleans()), min_size=1, max_size=12))
def test_no_floating_tag_ever_moves_backwards(published: list[tuple[Version, bool]]) -> None:
    """In whatever order versions come, and if some are tagged in git and never get to the registry."""
    floating: dict[str, Version] = {}
    known: set[Version] = set()
    for version, gets_through in published:
        tags = version_tags(version, "abc1234" + "0" * 33, known)
        known.add(version)
        for tag in tags if gets_through else ():
            if tag.moves:
                assert floating.get(tag.name, version) <= version
                assert is_stable(version)
                floating[tag.name] = version
    for name, version in floating.items():
        line = "" if name == "latest" else f"{name}."
        rivals = [v for v, gets_through in published if gets_through and is_stable(v) and str(v).startswith(line)]
        # Above it is only what never got through, and then the tag stays where it is rather than moves back.
        assert version in rivals


@PROPERTY
@given(versions, st.lists(versions, max_size=8))
def test_a_candidate_is_free_and_sorts_after_the_others(target: Version, known: list[Version]) -> None:
    """And before the version that it is a candidate of."""
    target = target.finalize_version()
    candidate = next_candidate(target, known)
    assert candidate not in known
    assert candidate < target
    assert all(
        other < candidate
        for other in known
        if other.finalize_version() == target and re.fullmatch(r"rc\.[0-9]+", other.prerelease or "")
    )


@PROPERTY
@given(
    st.one_of(
        st.text(max_size=20), versions.map(str), st.from_regex(r"v?[0-9]{1,2}(\.[0-9]{1,2}){1,3}[+-]?[a-z.]{0,5}")
    )
)
@example("1.2.3-" + "9" * 5000)
def test_a_version_is_strict_or_refused(text: str) -> None:
    """What is read is written the same, and is a valid tag."""
    if message := refusal(parse_version, text):
        assert message.isprintable()
        return
    assert str(parse_version(text)) == text
    assert OCI_TAG.fullmatch(text)


@PROPERTY
@given(st.one_of(st.text(max_size=40), refs, st.text("/.@{-~lock ", max_size=9).map("refs/heads/{}".format)))
def test_a_ref_is_read_or_refused_in_one_line(text: str) -> None:
    """No text gets through that does not come out the same, and none breaks the line."""
    if message := refusal(parse_ref, text):
        assert message.isprintable()
        return
    ref = parse_ref(text)
    assert text in {f"refs/heads/{ref}", f"refs/tags/{ref}"}


@settings(PROPERTY, max_examples=60)
@given(st.text("ab/.@{-~^:?*[\\ lock\t\x7f", min_size=1, max_size=9))
def test_what_is_read_as_a_branch_git_takes_too(name: str) -> None:
    """git itself is asked."""
    if refusal(parse_ref, f"refs/heads/{name}"):
        return
    assert (
        subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False).returncode == 0
    )


@PROPERTY
@given(facts(anything | publishing))
def test_a_plan_never_publishes_from_a_proposal_or_a_fork(given_facts: Facts) -> None:
    """Nor from a nightly or a manual run, nor when something fails, nor for a registry that is silent."""
    plan = planned(given_facts)
    pushed = given_facts.trigger in {Trigger.BRANCH, Trigger.TAG}
    if not pushed or given_facts.from_fork or plan.failures:
        assert not plan.touches_the_outside
    if given_facts.published is None:
        assert (plan.image, plan.deploy, plan.back_merges) == (None, None, ())
        assert plan.release is None or plan.release.draft


@PROPERTY
@given(facts(publishing))
def test_what_a_plan_publishes_was_tested_in_full_and_smoked(given_facts: Facts) -> None:
    """Or is in the registry as a green run left it; only a branch's own tag needs less."""
    plan = planned(given_facts)
    assert plan.image or not (plan.deploy or plan.back_merges)
    if plan.image is None:
        return
    if plan.image.promotes:
        assert plan.suites == plan.stages == ()
        assert given_facts.published
        assert plan.image.promotes in given_facts.published.values()
    elif given_facts.model is Model.TRUNK and given_facts.ref.name.startswith("feat/"):
        assert plan.image.tags == (ImageTag(branch_tag(Branch(given_facts.ref.name)), moves=True),)
        assert {"build", "smoke"} <= set(plan.stages)
    else:
        assert plan.suites == (Suite.FULL,)


@PROPERTY
@given(facts(publishing))
def test_only_a_tag_publishes_a_version(given_facts: Facts) -> None:
    """A release that is no draft, a version, a line's tag and latest come from the tag of that very version."""
    plan = planned(given_facts)
    versioned = plan.image and any(tag.name[0].isdigit() or tag.name == "latest" for tag in plan.image.tags)
    if versioned or (plan.release and not plan.release.draft):
        assert given_facts.trigger is Trigger.TAG
        assert plan.release
        assert plan.image
        assert plan.release.tag == given_facts.ref.name
        assert plan.release.make_latest is any(tag.name == "latest" for tag in plan.image.tags)


@PROPERTY
@given(facts(publishing))
def test_a_plan_that_promotes_changes_no_tag_that_stays(given_facts: Facts) -> None:
    """What is there already with another digest was refused before."""
    plan = planned(given_facts)
    if plan.image and plan.image.promotes:
        moves = moves_of(plan.image.tags, plan.image.promotes, given_facts.published or {})
        assert all(move.action is not Action.REFUSE for move in moves)


@PROPERTY
@given(facts(publishing))
def test_what_is_looked_up_is_what_the_decision_needs(given_facts: Facts) -> None:
    """An answer about any other tag changes neither what is promoted nor whether the run fails."""
    plan = planned(given_facts)
    if given_facts.published is None:
        return
    asked = tags_to_look_up(given_facts)
    less = {
        tag: digest
        for tag, digest in given_facts.published.items()
        if tag in asked or Version.is_valid(tag)  # which versions there are is known from the list of tags
    }
    fewer = Facts(**{**given_facts.__dict__, "published": less})
    assert decide(fewer) == plan


@PROPERTY
@given(facts(anything | publishing))
def test_every_plan_reads_well(given_facts: Facts) -> None:
    """One line for each thing, whatever commits and files are called; equal facts give equal plans."""
    plan = planned(given_facts)
    assert plan == decide(given_facts)
    assert [reason.part for reason in plan.reasons] == list(Part)
    lines = as_table(plan).splitlines()
    assert len(lines) == 3 + len(Part) + len(plan.failures) + len(plan.warnings)
    assert all(line.isprintable() for line in lines)
    assert as_json(plan).isascii()
