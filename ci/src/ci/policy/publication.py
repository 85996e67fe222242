"""Which image is published, under which tags: the registry's answers are weighed here."""

from semver import Version

from ci.policy.facts import Facts
from ci.policy.plan import Image
from ci.policy.refs import Branch
from ci.policy.rescans import rescanned_tags
from ci.policy.rules import Publishes, rule_for
from ci.policy.tags import ImageTag, branch_tag, commit_tag, version_tags
from ci.policy.versions import is_stable, parse_version_tag, versions_among


def known_versions(facts: Facts) -> frozenset[Version]:
    """Collect the versions that exist already, in git or in the registry."""
    return versions_among(facts.tags, facts.published or ())


def taken_digest(facts: Facts) -> str | None:
    """Give the digest that the registry has for the commit: a green run made it, so it is neither built nor tested again."""
    return (facts.published or {}).get(commit_tag(facts.commit))


def foreign_image(facts: Facts) -> str | None:
    """Say that the commit's tag is taken by the image of another commit, whose hash begins alike."""
    digest = taken_digest(facts)
    made_from = facts.revisions.get(digest, facts.commit) if digest else facts.commit
    if made_from == facts.commit:
        return None
    return f"{commit_tag(facts.commit)} is the image of another commit, {made_from}: nothing is published"


def released_otherwise(facts: Facts, version: Version) -> str | None:
    """Say that a version is published already with an image that is not known to be this commit's."""
    there = (facts.published or {}).get(str(version))
    if there is None or there == own_digest(facts, version):
        return None
    return f"{version} is published already, as {there}: a version is published once and never changed"


def own_digest(facts: Facts, version: Version) -> str | None:
    """Give the published image of the commit: by the commit's tag, or by a version's tag whose image names the commit.

    The second is a prerelease's: it has no tag but its own (and a rerun must be able to finish the release).
    """
    there = (facts.published or {}).get(str(version))
    names_commit = there is not None and facts.revisions.get(there) == facts.commit
    return taken_digest(facts) or (there if names_commit else None)


def commit_image(facts: Facts) -> Image:
    """Publish a commit's image, or take the one that is there."""
    return Image((ImageTag(commit_tag(facts.commit)),), taken_digest(facts))


def branch_image(facts: Facts) -> Image:
    """Publish a branch's newest image, which has not passed the full suite and so gets no other tag."""
    return Image((ImageTag(branch_tag(Branch(facts.ref.name)), moves=True),))


def version_image(facts: Facts, version: Version) -> Image:
    """Publish a version: promote the commit's image where there is one."""
    return Image(version_tags(version, facts.commit, known_versions(facts)), own_digest(facts, version))


def tags_to_look_up(facts: Facts) -> tuple[str, ...]:
    """Name the image tags whose digests the decision depends on; none where the registry has no say in it.

    Asked before the registry is: what `published` says is not read.
    """
    rule = rule_for(facts.model, facts.trigger, facts.target)
    if rule and rule.rescans:
        return rescanned_tags(facts)
    publishes = rule.publishes if rule and not facts.from_fork else Publishes.NOTHING
    if publishes is Publishes.COMMIT:
        return (commit_tag(facts.commit),)
    if publishes is Publishes.VERSION:
        version = parse_version_tag(facts.ref.name)
        names = [tag.name for tag in version_tags(version, facts.commit, versions_among(facts.tags, ()))]
        return tuple(names if is_stable(version) else [*names, commit_tag(facts.commit)])
    return ()
