"""Whole lives of a repository: every tag, image tag, release, note and changelog, word for word.

Versions, notes and changelogs come from the pipeline's programs, image tags and releases from its policy. What a
registry holds is remembered, so that a tag that moves and an image that is promoted are seen.
"""

import hashlib
from typing import Final

import pytest

from ci.policy.decide import decide
from ci.policy.facts import parse_facts
from ci.policy.moves import Action, moves_of
from ci.policy.plan import Plan
from ci.policy.publication import tags_to_look_up
from scripted_repository import ScriptedRepository

MERGED: Final = "Merge pull request #{} from acme/{}"


class Life:
    """A repository, the registry beside it, and the diary of what happened."""

    def __init__(self, repository: ScriptedRepository, model: str) -> None:
        self.repository = repository
        self.model = model
        self.registry: dict[str, str] = {}
        self.diary: list[str] = []
        self._merges = 0

    def work(self, branch: str, start: str, *messages: str) -> None:
        """Make a branch with commits."""
        self.repository.on(branch, start)
        self.repository.commit(*messages)

    def pull_request(self, head: str, base: str, whose: str = "theirs") -> None:
        """Merge a branch by a pull request, which is a push to its base."""
        self._merges += 1
        self.repository.on(base)
        self.repository.merge(head, MERGED.format(self._merges, head), whose)
        self.pushed(base)

    def cut(self, branch: str, *wishes: str) -> None:
        """Cut a version on a branch and push both: two events."""
        self.repository.on(branch)
        skips = () if branch.startswith("hotfix/") else ("--skips-taken",)
        tag = self.repository.cut(*skips, *wishes)
        self.pushed(branch, by_pull_request=False)
        self.tagged(tag)

    def candidate(self) -> None:
        """Publish the draft that the push of a release branch left: GitHub makes its tag, without a commit."""
        tag = self.diary[-1].split()[-1]
        self.repository.tag(tag)
        self.tagged(tag)

    def pushed(self, branch: str, *, by_pull_request: bool = True) -> None:
        """A branch was pushed."""
        self._happened(f"refs/heads/{branch}", by_pull_request=by_pull_request)

    def tagged(self, tag: str) -> None:
        """A tag was pushed."""
        self._happened(f"refs/tags/{tag}", by_pull_request=None)

    def notes(self, *versions: str) -> dict[str, list[str]]:
        """The notes of versions, without headings and blank lines."""
        return {
            version: [line for line in self.repository.ask("notes", version).splitlines() if line.startswith("- ")]
            for version in versions
        }

    def _happened(self, ref: str, by_pull_request: bool | None) -> None:
        git = self.repository.git
        commit = git("rev-parse", f"{ref}^{{commit}}")
        known = {
            "event": "push",
            "ref": ref,
            "commit": commit,
            "model": self.model,
            "by_pull_request": by_pull_request,
            "tags": git("tag").split(),
            "commits": [git("show", "--no-patch", "--format=%B", commit)],
            "containing": git("branch", "--contains", commit, "--format=%(refname:short)").split(),
        }
        asked = tags_to_look_up(parse_facts(**known, published={}))  # type: ignore[arg-type]
        published = {tag: self.registry[tag] for tag in asked if tag in self.registry}
        plan = decide(parse_facts(**known, published=published))  # type: ignore[arg-type]
        assert not plan.failures
        self.diary.append(f"{plan.occasion}: {self._carried_out(plan, commit)}")

    def _carried_out(self, plan: Plan, commit: str) -> str:
        parts: list[str] = []
        if plan.image:
            digest = plan.image.promotes or "sha256:" + hashlib.sha256(commit.encode()).hexdigest()
            moves = moves_of(plan.image.tags, digest, self.registry)
            assert all(move.action is not Action.REFUSE for move in moves)
            self.registry |= {move.tag: digest for move in moves}
            tags = " ".join("sha" if move.tag == f"sha-{commit[:7]}" else move.tag for move in moves)
            parts.append(f"{'promotes' if plan.image.promotes else 'builds'} {tags}")
        if plan.deploy:
            parts.append(f"deploys to {plan.deploy}")
        if plan.release:
            kind = "draft of" if plan.release.draft else "prerelease" if plan.release.prerelease else "release"
            parts.append(f"{'latest ' if plan.release.make_latest else ''}{kind} {plan.release.tag}")
        parts += [f"{back_merge.head} into {back_merge.base}" for back_merge in plan.back_merges]
        return ", ".join(parts) or "nothing"


@pytest.fixture
def gitflow(repository: ScriptedRepository) -> Life:
    """A life by Git Flow that had its first release."""
    life = Life(repository, "gitflow")
    repository.commit("feat: items")
    life.cut("main", "--increment=MAJOR")
    repository.git("branch", "develop")
    return life


def test_git_flow(gitflow: Life) -> None:
    """First release, a release branch with two candidates, a hotfix on main, a major version, one on an older line."""
    life = gitflow
    life.work("feature/paging", "develop", "feat(items): paging", "test: pages")
    life.pull_request("feature/paging", "develop")
    life.work("release/v1.1.0", "develop", "docs: how to page")
    life.pushed("release/v1.1.0")
    life.candidate()
    life.work("bugfix/end", "release/v1.1.0", "fix(items): a page has an end")
    life.pull_request("bugfix/end", "release/v1.1.0")
    life.candidate()
    life.pull_request("release/v1.1.0", "main")
    life.cut("main")
    life.pull_request("main", "develop")
    life.work("hotfix/names", "main", "fix: names may be long")
    life.pull_request("hotfix/names", "main")
    life.cut("main")
    life.pull_request("main", "develop")
    life.work("feature/ids", "develop", "feat(items)!: ids are texts")
    life.pull_request("feature/ids", "develop")
    life.work("release/v2.0.0", "develop", "docs: how to move on")
    life.pull_request("release/v2.0.0", "main")
    life.cut("main")
    life.pull_request("main", "develop")
    life.work("hotfix/1.1.2", "v1.1.1", "fix(security): check the token")
    life.cut("hotfix/1.1.2")
    # People keep develop's own version where both changed it.
    life.pull_request("hotfix/1.1.2", "develop", whose="ours")
    life.work("release/v2.0.1", "develop", "chore: nothing more")
    life.pull_request("release/v2.0.1", "main")
    life.cut("main")

    assert life.diary == [
        "push to main: builds sha, deploys to staging",
        "tag v1.0.0: promotes 1.0.0 1.0 1 sha latest, latest release v1.0.0, back-merge/v1.0.0 into develop",
        "push to develop: nothing",
        "push to release/v1.1.0: draft of v1.1.0-rc.1",
        "tag v1.1.0-rc.1: builds 1.1.0-rc.1, prerelease v1.1.0-rc.1",
        "push to release/v1.1.0: draft of v1.1.0-rc.2",
        "tag v1.1.0-rc.2: builds 1.1.0-rc.2, prerelease v1.1.0-rc.2",
        "push to main: builds sha, deploys to staging",
        "push to main: builds sha, deploys to staging",
        "tag v1.1.0: promotes 1.1.0 1.1 1 sha latest, latest release v1.1.0, back-merge/v1.1.0 into develop",
        "push to develop: nothing",
        "push to main: builds sha, deploys to staging",
        "push to main: builds sha, deploys to staging",
        "tag v1.1.1: promotes 1.1.1 1.1 1 sha latest, latest release v1.1.1, back-merge/v1.1.1 into develop",
        "push to develop: nothing",
        "push to develop: nothing",
        "push to main: builds sha, deploys to staging",
        "push to main: builds sha, deploys to staging",
        "tag v2.0.0: promotes 2.0.0 2.0 2 sha latest, latest release v2.0.0, back-merge/v2.0.0 into develop",
        "push to develop: nothing",
        "push to hotfix/1.1.2: nothing",
        "tag v1.1.2: builds 1.1.2 1.1 1 sha, release v1.1.2, back-merge/v1.1.2 into develop",
        "push to develop: nothing",
        "push to main: builds sha, deploys to staging",
        "push to main: builds sha, deploys to staging",
        "tag v2.0.1: promotes 2.0.1 2.0 2 sha latest, latest release v2.0.1, back-merge/v2.0.1 into develop",
    ]
    tags = life.repository.git("tag", "--sort=creatordate").split()
    assert life.notes(*tags) == {
        "v1.0.0": ["- items"],
        "v1.1.0-rc.1": ["- **items**: paging"],
        "v1.1.0-rc.2": ["- **items**: a page has an end"],
        "v1.1.0": ["- **items**: paging", "- **items**: a page has an end"],
        "v1.1.1": ["- names may be long"],
        "v2.0.0": ["- **items**: ids are texts"],
        "v1.1.2": ["- **security**: check the token"],
        "v2.0.1": ["- **security**: check the token"],
    }
    assert {tag: life.registry[tag] for tag in ("latest", "2", "2.0")} == dict.fromkeys(
        ("latest", "2", "2.0"), life.registry["2.0.1"]
    )
    assert life.registry["1"] == life.registry["1.1"] == life.registry["1.1.2"]
    assert life.repository.git("show", "v2.0.1:CHANGELOG.md") == (
        "# Changelog\n\n"
        "## v2.0.1 (2026-02-02)\n\n### Fixes\n\n- **security**: check the token\n\n"
        "## v2.0.0 (2026-01-23)\n\n### Breaking changes\n\n- **items**: ids are texts\n\n"
        "## v1.1.1 (2026-01-17)\n\n### Fixes\n\n- names may be long\n\n"
        "## v1.1.0 (2026-01-13)\n\n### Features\n\n- **items**: paging\n\n### Fixes\n\n- **items**: a page has an end\n\n"
        "## v1.0.0 (2026-01-03)\n\n### Features\n\n- items"
    )
    assert life.repository.git("show", "v1.1.2:CHANGELOG.md").startswith(
        "# Changelog\n\n## v1.1.2 (2026-01-26)\n\n### Fixes\n\n- **security**: check the token\n\n## v1.1.1 (2026-01-17)\n"
    )


def test_trunk(repository: ScriptedRepository) -> None:
    """Prereleases on main, both kinds of hotfix brought back by cherry-picking, and main going on above them."""
    life = Life(repository, "trunk")
    life.work("feat/items", "main", "feat: items")
    life.pushed("feat/items")
    life.pull_request("feat/items", "main")
    life.cut("main", "--prerelease=alpha")
    life.work("fix/names", "main", "fix: names")
    life.pull_request("fix/names", "main")
    life.cut("main", "--prerelease=alpha")
    life.cut("main", "--prerelease=rc")
    life.cut("main", "--increment=MAJOR")
    life.work("feat/paging", "main", "feat: paging")
    life.pull_request("feat/paging", "main")
    life.cut("main")
    life.work("feat/search", "main", "feat: search")
    life.pull_request("feat/search", "main")
    # Of the newest version, while main has what is not to be released yet.
    life.work("hotfix/1.1.1", "v1.1.0", "fix: urgent")
    life.cut("hotfix/1.1.1")
    life.work("cherry-pick/v1.1.1", "main", "fix: urgent")
    life.pull_request("cherry-pick/v1.1.1", "main")
    # Of an older one.
    life.work("hotfix/1.0.1", "v1.0.0", "fix: old and urgent")
    life.cut("hotfix/1.0.1")
    life.cut("main")

    assert life.diary == [
        "push to feat/items: builds feat-items",
        "push to main: builds sha, deploys to staging",
        "push to main: builds sha, deploys to staging",
        "tag v0.2.0-alpha.1: promotes 0.2.0-alpha.1, prerelease v0.2.0-alpha.1",
        "push to main: builds sha, deploys to staging",
        "push to main: builds sha, deploys to staging",
        "tag v0.2.0-alpha.2: promotes 0.2.0-alpha.2, prerelease v0.2.0-alpha.2",
        "push to main: builds sha, deploys to staging",
        "tag v0.2.0-rc.1: promotes 0.2.0-rc.1, prerelease v0.2.0-rc.1",
        "push to main: builds sha, deploys to staging",
        "tag v1.0.0: promotes 1.0.0 1.0 1 sha latest, latest release v1.0.0",
        "push to main: builds sha, deploys to staging",
        "push to main: builds sha, deploys to staging",
        "tag v1.1.0: promotes 1.1.0 1.1 1 sha latest, latest release v1.1.0",
        "push to main: builds sha, deploys to staging",
        "push to hotfix/1.1.1: nothing",
        "tag v1.1.1: builds 1.1.1 1.1 1 sha latest, latest release v1.1.1, cherry-pick/v1.1.1 into main",
        "push to main: builds sha, deploys to staging",
        "push to hotfix/1.0.1: nothing",
        "tag v1.0.1: builds 1.0.1 1.0 sha, release v1.0.1, cherry-pick/v1.0.1 into main",
        "push to main: builds sha, deploys to staging",
        "tag v1.2.0: promotes 1.2.0 1.2 1 sha latest, latest release v1.2.0",
    ]
    assert life.notes(*repository.git("tag", "--sort=creatordate").split()) == {
        "v0.2.0-alpha.1": ["- items"],
        "v0.2.0-alpha.2": ["- names"],
        "v0.2.0-rc.1": [],
        "v1.0.0": ["- items", "- names"],
        "v1.1.0": ["- paging"],
        "v1.1.1": ["- urgent"],
        "v1.0.1": ["- old and urgent"],
        "v1.2.0": ["- search", "- urgent"],
    }
    assert repository.changelog == (
        "# Changelog\n\n"
        "## v1.2.0 (2026-01-21)\n\n### Features\n\n- search\n\n### Fixes\n\n- urgent\n\n"
        "## v1.1.0 (2026-01-12)\n\n### Features\n\n- paging\n\n"
        "## v1.0.0 (2026-01-09)\n\n### Features\n\n- items\n\n### Fixes\n\n- names\n"
    )


def test_a_fix_alone_after_a_hotfix_of_the_newest_version(repository: ScriptedRepository) -> None:
    """Under trunk main goes on above the hotfix's number, and takes `latest` from it."""
    life = Life(repository, "trunk")
    repository.commit("feat: items")
    life.cut("main", "--increment=MAJOR")
    life.work("hotfix/1.0.1", "v1.0.0", "fix: urgent")
    life.cut("hotfix/1.0.1")
    life.work("cherry-pick/v1.0.1", "main", "fix: urgent")
    life.pull_request("cherry-pick/v1.0.1", "main")
    life.cut("main")
    assert life.diary[-1] == "tag v1.0.2: promotes 1.0.2 1.0 1 sha latest, latest release v1.0.2"
    assert life.notes("v1.0.2") == {"v1.0.2": ["- urgent"]}
