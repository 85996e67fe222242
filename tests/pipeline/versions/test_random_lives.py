"""Lives that nobody wrote down: whatever happens, versions go up, none is cut twice, and refusals change nothing."""

import random

import pytest
from semver import Version

from scripted_repository import RefusedError, ScriptedRepository

MESSAGES = ("feat: a", "fix: b", "docs: c", "perf(x): d", "feat!: e", "chore: f\n\nBREAKING CHANGE: g", "refactor: h")
KINDS = ("alpha", "beta", "rc")
STEPS = 25


class RandomLife:
    """A trunk with hotfix lines, by chance."""

    def __init__(self, repository: ScriptedRepository, seed: int) -> None:
        self.repository = repository
        self.chance = random.Random(seed)
        self.lines = 0

    def step(self) -> None:
        """Commit, cut, or begin a hotfix line."""
        self.chance.choices((self.work, self.cut, self.hotfix), weights=(5, 4, 1))[0]()

    def work(self) -> None:
        """Commit something."""
        self.repository.commit(self.chance.choice(MESSAGES))

    def cut(self, line: str = "main") -> None:
        """Ask for any version on a line."""
        wishes = [] if line != "main" else ["--skips-taken"]
        if self.chance.random() < 0.5:
            wishes.append(f"--prerelease={self.chance.choice(KINDS)}")
        if self.chance.random() < 0.2:
            wishes.append("--increment=PATCH")
        before = self.tags()
        contained = self.tags("--merged=HEAD")
        state = self.repository.git("show-ref", "--head")
        tag, reason = self._attempt(wishes)
        if not tag:
            assert len(reason.splitlines()) == 1
            assert self.repository.git("show-ref", "--head") == state
            return
        version = Version.parse(tag[1:])
        assert version not in before
        assert all(version > other for other in contained)
        assert self.repository.version == str(version)
        assert self.repository.changelog.count(f"## {tag} (") == 1
        assert self.repository.ask("notes", tag)
        headings = [line.split()[1] for line in self.repository.changelog.splitlines() if line.startswith("## ")]
        assert version.prerelease or not any("-" in heading for heading in headings)

    def _attempt(self, wishes: list[str]) -> tuple[str, str]:
        try:
            return self.repository.cut(*wishes), ""
        except RefusedError as refusal:
            return "", str(refusal)

    def hotfix(self) -> None:
        """Begin a line at any stable version, cut on it, and go back to main."""
        stable = sorted(version for version in self.tags() if not version.prerelease)
        if stable:
            self.lines += 1
            self.repository.on(f"hotfix/{self.lines}", f"v{self.chance.choice(stable)}")
            self.repository.commit("fix: urgent")
            self.cut("hotfix")
            self.repository.on("main")

    def tags(self, *options: str) -> set[Version]:
        """The versions that are tagged."""
        return {Version.parse(tag[1:]) for tag in self.repository.git("tag", *options).split()}


@pytest.mark.parametrize("seed", [1, 2])
def test_versions_go_up(repository: ScriptedRepository, seed: int) -> None:
    """On every line, each above all that it contains; at the end main's changelog is what the commits say."""
    life = RandomLife(repository, seed)
    for _ in range(STEPS):
        life.step()
    repository.commit("fix: the end")
    repository.cut("--skips-taken")
    assert repository.ask("changelog") == repository.changelog
