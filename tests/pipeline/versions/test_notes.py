"""What the notes of a version and the changelog say, word for word."""

import pytest

from scripted_repository import ScriptedRepository


@pytest.mark.parametrize(
    ("message", "notes"),
    [
        pytest.param("feat: a", "### Features\n\n- a\n", id="a feature"),
        pytest.param("feat(items): a", "### Features\n\n- **items**: a\n", id="its scope is shown"),
        pytest.param("fix: a\n\nbecause of b", "### Fixes\n\n- a\n", id="the body is for developers"),
        pytest.param("feat!: a", "### Breaking changes\n\n- a\n", id="a breaking feature is listed once"),
        pytest.param("chore(api)!: a", "### Breaking changes\n\n- **api**: a\n", id="so is any other breaking change"),
        pytest.param(
            "feat(api)!: a\n\nBREAKING CHANGE: use b\nfrom now on\nSigned-off-by: Bob <b@x.y>",
            "### Breaking changes\n\n- use b from now on\n\n### Features\n\n- **api**: a\n",
            id="what a footer says of a breaking change, without the trailers after it",
        ),
        pytest.param(
            "fix: a\n\nWhy.\nBREAKING-CHANGE: b\n\nRefs #7",
            "### Breaking changes\n\n- b\n\n### Fixes\n\n- a\n",
            id="a footer with a hyphen, close to the body",
        ),
        pytest.param("fix: größer, 中文 🚀", "### Fixes\n\n- größer, 中文 🚀\n", id="any language"),
        pytest.param("fix: a\u2028b\n\nc\x1d\x0cd", "### Fixes\n\n- a b\n", id="what looks like a line's end is none"),
        pytest.param(
            "fix: a\n\n----------commit-delimiter----------\n\nfeat",
            "### Fixes\n\n- a\n",
            id="what looks like a commit's end is none",
        ),
        pytest.param("docs: a", "Nothing that users notice.\n", id="nothing that users notice is said to be so"),
        pytest.param("", "Nothing that users notice.\n", id="a commit without a message says nothing"),
        pytest.param("bump: version 1 → 2", "Nothing that users notice.\n", id="cutting a version is no change"),
    ],
)
def test_notes(repository: ScriptedRepository, message: str, notes: str) -> None:
    """What users notice, by kind."""
    repository.commit(message)
    assert repository.ask("notes", "v9.0.0") == notes


def test_notes_are_in_order(repository: ScriptedRepository) -> None:
    """Breaking changes first, then by weight; of a kind the newest first."""
    repository.commit("refactor: a", "perf: b", "fix: c", "fix: d", "feat: e", "feat!: f", "docs: g")
    assert repository.ask("notes", "0.2.0") == (
        "### Breaking changes\n\n- f\n\n### Features\n\n- e\n\n### Fixes\n\n- d\n- c\n\n"
        "### Performance\n\n- b\n\n### Refactoring\n\n- a\n"
    )


def test_notes_of_a_merge_are_those_of_its_commits(repository: ScriptedRepository) -> None:
    """The merge's own message repeats them or says nothing."""
    repository.on("feature/a", "main")
    repository.commit("feat: a")
    repository.on("main")
    repository.merge("feature/a", "feat: a (#1)")
    assert repository.ask("notes", "0.2.0") == "### Features\n\n- a\n"


def test_notes_hold_exactly_one_version(repository: ScriptedRepository) -> None:
    """Of a stable version all that its prereleases brought, of a prerelease what it added; a draft up to HEAD."""
    repository.commit("feat: a")
    repository.cut("--increment=MAJOR")
    repository.commit("feat: b")
    repository.cut("--prerelease=rc")
    repository.commit("fix: c")
    repository.cut("--prerelease=rc")
    repository.cut()
    repository.commit("fix: d")
    notes = {tag: repository.ask("notes", tag) for tag in ("v1.0.0", "1.1.0-rc.1", "v1.1.0-rc.2", "1.1.0", "1.1.1")}
    assert notes == {
        "v1.0.0": "### Features\n\n- a\n",
        "1.1.0-rc.1": "### Features\n\n- b\n",
        "v1.1.0-rc.2": "### Fixes\n\n- c\n",
        "1.1.0": "### Features\n\n- b\n\n### Fixes\n\n- c\n",
        "1.1.1": "### Fixes\n\n- d\n",
    }


def test_notes_of_a_prerelease_that_people_tagged(repository: ScriptedRepository) -> None:
    """The policy publishes every strict version, so each has notes; none but alpha, beta and rc is counted on."""
    repository.commit("feat: a")
    repository.cut()
    repository.commit("fix: b")
    repository.tag("v0.3.0-nightly.20260105")
    repository.commit("fix: c")
    assert repository.ask("notes", "v0.3.0-nightly.20260105") == "### Fixes\n\n- b\n"
    assert repository.ask("notes", "0.3.0") == "### Fixes\n\n- c\n- b\n"
    assert repository.cut() == "v0.2.1"


def test_a_draft_below_what_head_contains_is_refused(repository: ScriptedRepository) -> None:
    """Its notes would be everybody's guess."""
    repository.commit("feat: a")
    repository.cut("--increment=MAJOR")
    assert repository.refused(lambda: repository.ask("notes", "0.9.0")) == (
        "v0.9.0 has no tag, and HEAD contains v1.0.0, which is higher: there is no draft of it"
    )


@pytest.mark.parametrize("version", ["", "v", "1.2", "vv1.2.3", "01.2.3", "1.2.3+b", "..", "ü", "9" * 300])
def test_a_malformed_version_is_refused(repository: ScriptedRepository, version: str) -> None:
    """One line, with what was expected, and not more of the text than a line has room for."""
    line = repository.refused(lambda: repository.ask("notes", version))
    assert line.startswith("version '")
    assert line.endswith("is refused: expected X.Y.Z or X.Y.Z-prerelease, such as 1.4.2 or 1.5.0-rc.1")
    assert len(line) < 200


def test_the_whole_changelog_shows_what_is_not_released(repository: ScriptedRepository) -> None:
    """At the top, without a date; candidates as long as their version is not stable."""
    assert repository.ask("changelog") == "# Changelog\n\n"
    repository.commit("feat: a")
    repository.cut("--prerelease=rc")
    repository.commit("fix: b")
    assert repository.ask("changelog") == (
        "# Changelog\n\n## Unreleased\n\n### Fixes\n\n- b\n\n## v0.2.0-rc.1 (2026-01-03)\n\n### Features\n\n- a\n"
    )


def test_a_changelog_keeps_what_people_wrote(repository: ScriptedRepository) -> None:
    """The new version goes above the others, below whatever comes before them."""
    (repository.path / "CHANGELOG.md").write_text("# News\n\nHello.\n\n## [0.1.0] - 2020\n\nBy hand.\n\n### Old\n")
    repository.git("add", ".")
    repository.commit("feat: a")
    repository.cut()
    assert repository.changelog == (
        "# News\n\nHello.\n\n## v0.2.0 (2026-01-03)\n\n### Features\n\n- a\n\n## [0.1.0] - 2020\n\nBy hand.\n\n### Old\n"
    )


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        pytest.param(None, "# Changelog\n\n", id="none yet"),
        pytest.param("", "# Changelog\n\n", id="an empty one"),
        pytest.param("\n \n", "# Changelog\n\n", id="a blank one"),
        pytest.param("# News\n\nHello.\n", "# News\n\nHello.\n\n", id="one without a version"),
    ],
)
def test_a_changelog_begins_with_all_versions(repository: ScriptedRepository, text: str | None, begins: str) -> None:
    """Where a changelog names no version, those before the first that is cut are added."""
    repository.commit("feat: a")
    repository.cut()
    repository.git("rm", "--quiet", "CHANGELOG.md")
    if text is not None:
        (repository.path / "CHANGELOG.md").write_text(text)
        repository.git("add", ".")
    repository.commit("fix: b")
    repository.cut()
    assert repository.changelog == begins + (
        "## v0.2.1 (2026-01-05)\n\n### Fixes\n\n- b\n\n## v0.2.0 (2026-01-03)\n\n### Features\n\n- a\n"
    )


def test_candidates_end_in_their_version(repository: ScriptedRepository) -> None:
    """Their sections go when the stable version is cut, also those of a version that became a bigger one."""
    repository.commit("feat: a")
    repository.cut("--increment=MAJOR")
    repository.commit("fix: b")
    repository.cut("--prerelease=alpha")
    repository.commit("feat: c")
    repository.cut("--prerelease=rc")
    assert repository.changelog == (
        "# Changelog\n\n## v1.1.0-rc.1 (2026-01-07)\n\n### Features\n\n- c\n\n"
        "## v1.0.1-alpha.1 (2026-01-05)\n\n### Fixes\n\n- b\n\n## v1.0.0 (2026-01-03)\n\n### Features\n\n- a\n"
    )
    repository.cut()
    assert repository.changelog == (
        "# Changelog\n\n## v1.1.0 (2026-01-08)\n\n### Features\n\n- c\n\n### Fixes\n\n- b\n\n"
        "## v1.0.0 (2026-01-03)\n\n### Features\n\n- a\n"
    )
    assert repository.ask("changelog") == repository.changelog


def test_a_release_with_nothing_to_say_says_so(repository: ScriptedRepository) -> None:
    """A section is never empty."""
    repository.commit("docs: a")
    repository.cut("--increment=PATCH")
    assert repository.changelog == "# Changelog\n\n## v0.1.1 (2026-01-03)\n\nNothing that users notice.\n"
