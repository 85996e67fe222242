"""Which version comes next, and what is refused."""

import pytest

from scripted_repository import RefusedError, ScriptedRepository


@pytest.mark.parametrize(
    ("messages", "version"),
    [
        pytest.param(("fix: a",), "1.0.1", id="a fix is a patch"),
        pytest.param(("perf: a", "docs: b"), "1.0.1", id="so is what is faster"),
        pytest.param(("refactor: a",), "1.0.1", id="and what is written otherwise"),
        pytest.param(("fix: a", "feat: b", "fix: c"), "1.1.0", id="the highest change counts, wherever it is"),
        pytest.param(("feat!: a",), "2.0.0", id="a breaking change is a major version"),
        pytest.param(("chore(api)!: a",), "2.0.0", id="also in what is no feature"),
        pytest.param(("fix: a\n\nWhy.\n\nBREAKING CHANGE: b",), "2.0.0", id="also where only the footer says so"),
        pytest.param(("fix: a\n\nWhy.\nBREAKING-CHANGE: b",), "2.0.0", id="also with a hyphen"),
        pytest.param(
            ("Merge branch 'feat: a'", "fix: b"), "1.0.1", id="text that is no conventional commit says nothing"
        ),
    ],
)
def test_commits_decide(repository: ScriptedRepository, messages: tuple[str, ...], version: str) -> None:
    """The highest change since the last release says which part counts up."""
    repository.commit("feat: begin")
    assert repository.cut("--increment=MAJOR") == "v1.0.0"
    repository.commit(*messages)
    assert repository.ask("next") == f"{version}\n"


@pytest.mark.parametrize(
    ("message", "wishes", "version"),
    [
        pytest.param("fix: a", (), "0.1.1", id="a fix is a patch"),
        pytest.param("feat: a", (), "0.2.0", id="a feature is a minor version"),
        pytest.param("feat!: a", (), "0.2.0", id="a breaking change is a minor version below 1.0.0"),
        pytest.param("feat: a", ("--increment=MAJOR",), "1.0.0", id="only a person makes it 1.0.0"),
        pytest.param("feat: a", ("--prerelease=alpha",), "0.2.0-alpha.1", id="the first release may have prereleases"),
    ],
)
def test_the_first_release(repository: ScriptedRepository, message: str, wishes: tuple[str, ...], version: str) -> None:
    """It is one step above what the project said before there was any."""
    repository.commit(message)
    assert repository.cut(*wishes) == f"v{version}"
    assert repository.version == version


def test_prereleases_go_on_to_the_stable_version(repository: ScriptedRepository) -> None:
    """Each kind counts from 1, a later kind needs nothing new, and the tenth sorts after the ninth."""
    repository.commit("feat: begin")
    tags = [repository.cut("--prerelease=alpha")]
    for number in range(2, 12):
        repository.commit(f"fix: {number}")
        tags.append(repository.cut("--prerelease=alpha"))
    assert tags == [f"v0.2.0-alpha.{number}" for number in range(1, 12)]
    assert repository.cut("--prerelease=beta") == "v0.2.0-beta.1"
    assert repository.cut("--prerelease=rc") == "v0.2.0-rc.1"
    repository.commit("fix: last")
    assert repository.cut("--prerelease=rc") == "v0.2.0-rc.2"
    assert repository.cut() == "v0.2.0"


def test_a_prerelease_moves_up_with_a_bigger_change(repository: ScriptedRepository) -> None:
    """What comes after a candidate may ask for more than the candidate was for, and never for less."""
    repository.commit("fix: begin")
    assert repository.cut("--prerelease=rc") == "v0.1.1-rc.1"
    repository.commit("feat: a")
    assert repository.cut("--prerelease=rc") == "v0.2.0-rc.1"
    repository.commit("fix: b")
    assert repository.cut("--prerelease=rc") == "v0.2.0-rc.2"
    repository.commit("feat: c")
    assert repository.cut() == "v0.2.0"


def test_candidates_that_were_tagged_without_a_commit_are_counted_on(repository: ScriptedRepository) -> None:
    """A release branch's candidates are tags alone: the files still say the last stable version."""
    repository.commit("feat: begin")
    repository.cut("--increment=MAJOR")
    repository.commit("feat: a")
    repository.tag("v1.1.0-rc.1")
    repository.commit("fix: b")
    repository.tag("v1.1.0-rc.2")
    repository.commit("fix: c")
    assert repository.ask("next", "--prerelease=rc") == "1.1.0-rc.3\n"
    assert repository.cut() == "v1.1.0"


def test_a_candidate_of_another_line_keeps_its_number(repository: ScriptedRepository) -> None:
    """A number that any line has used is not used again, and gaps are not filled."""
    repository.commit("feat: begin")
    repository.on("elsewhere", "main")
    repository.commit("docs: x")
    repository.tag("v0.2.0-rc.4")
    repository.on("main")
    assert repository.ask("next", "--prerelease=rc") == "0.2.0-rc.5\n"


def test_main_counts_over_the_patches_of_a_hotfix_line(repository: ScriptedRepository) -> None:
    """The fix came to main by a pull request; its number is taken, for prereleases as well."""
    repository.commit("feat: begin")
    repository.cut("--increment=MAJOR")
    repository.on("hotfix/1.0.1", "v1.0.0")
    repository.commit("fix: urgent")
    assert repository.cut() == "v1.0.1"
    repository.on("main")
    repository.commit("fix: urgent")
    assert repository.ask("next", "--skips-taken") == "1.0.2\n"
    assert repository.ask("next", "--skips-taken", "--prerelease=rc") == "1.0.2-rc.1\n"


def test_a_second_hotfix_line_of_a_version_is_refused(repository: ScriptedRepository) -> None:
    """It would release as newer what lacks the first line's fix."""
    repository.commit("feat: begin")
    repository.cut("--increment=MAJOR")
    for branch in ("hotfix/a", "hotfix/b"):
        repository.on(branch, "v1.0.0")
        repository.commit(f"fix: {branch}")
        if branch == "hotfix/a":
            assert repository.cut() == "v1.0.1"
    assert repository.refused(repository.cut) == "v1.0.1 exists already, and a version is released once"


def test_a_minor_version_of_another_line_is_never_counted_over(repository: ScriptedRepository) -> None:
    """Which of two lines is 1.1 is for people to decide."""
    repository.commit("feat: begin")
    repository.cut("--increment=MAJOR")
    repository.on("hotfix/1.1", "v1.0.0")
    repository.commit("feat: a")
    repository.cut()
    repository.on("main")
    repository.commit("feat: b")
    line = repository.refused(lambda: repository.cut("--skips-taken"))
    assert line == "v1.1.0 exists already, and a version is released once"


def test_nothing_to_release(repository: ScriptedRepository) -> None:
    """Neither without commits nor with commits that users do not notice, unless a person says so."""
    expected = "nothing to release: no commit is a feature, a fix or a breaking change (--increment=PATCH releases all the same)"
    assert repository.refused(repository.cut) == expected
    repository.commit("feat: begin")
    repository.cut()
    assert repository.refused(repository.cut) == "nothing to release: there is no commit since v0.2.0"
    assert repository.refused(lambda: repository.cut("--increment=MAJOR")) == (
        "nothing to release: there is no commit since v0.2.0"
    )
    repository.commit("docs: a")
    assert repository.refused(repository.cut) == expected.replace("no commit", "no commit since v0.2.0")
    assert repository.cut("--increment=PATCH") == "v0.2.1"


def test_a_prerelease_needs_something_new(repository: ScriptedRepository) -> None:
    """Commitizen would count up without end."""
    repository.commit("docs: a")
    assert repository.refused(lambda: repository.cut("--prerelease=rc")).startswith("nothing to release: no commit is")
    repository.commit("feat: begin")
    repository.cut("--prerelease=rc")
    assert repository.refused(lambda: repository.cut("--prerelease=rc")) == (
        "nothing to release: there is no commit since v0.2.0-rc.1"
    )
    repository.commit("docs: a")
    assert repository.refused(lambda: repository.cut("--prerelease=rc")).startswith(
        "nothing to release: no commit since v0.2.0-rc.1 is"
    )


def test_a_prerelease_never_goes_back(repository: ScriptedRepository) -> None:
    """Commitizen would answer a wish for an alpha with a candidate."""
    repository.commit("feat: begin")
    repository.cut("--prerelease=rc")
    repository.commit("fix: a")
    assert repository.refused(lambda: repository.cut("--prerelease=beta")) == (
        "0.2.0-rc.1 cannot go back to beta: ask for rc or for the stable version"
    )


def test_a_missing_tag_is_noticed(repository: ScriptedRepository) -> None:
    """A clone without tags does not begin anew."""
    repository.commit("feat: begin")
    repository.cut()
    repository.commit("feat: a")
    repository.git("tag", "--delete", "v0.2.0")
    assert repository.refused(repository.cut) == "the tag v0.2.0 is missing: git fetch --tags"


@pytest.mark.parametrize("version", ["1.0.0", "0.1.5", "0.3.0-rc.1"])
def test_a_version_that_somebody_edited_is_noticed(repository: ScriptedRepository, version: str) -> None:
    """Nobody edits versions by hand."""
    repository.commit("feat: begin")
    repository.cut()
    for name in ("pyproject.toml", "uv.lock"):
        path = repository.path / name
        path.write_text(path.read_text().replace("0.2.0", version))
    repository.git("commit", "--quiet", "--all", "--message=feat: mine")
    assert repository.refused(repository.cut) == (
        f"the files say {version}, but the last release before HEAD is v0.2.0: git fetch --tags where its tag is "
        "missing, and leave versions to bump where somebody edited one"
    )


@pytest.mark.parametrize(
    "version", ["1.0", "v1.0.0", "01.0.0", "1.0.0+build", "1.0.0rc1", "\u0661.0.0", "1..0", "latest"]
)
def test_files_with_a_malformed_version_are_refused(repository: ScriptedRepository, version: str) -> None:
    """It is not guessed what was meant."""
    path = repository.path / "pyproject.toml"
    path.write_text(path.read_text().replace("0.1.0", version))
    repository.git("commit", "--quiet", "--all", "--message=feat: mine")
    assert repository.refused(repository.cut) == (
        f"version {version!a} is refused: expected X.Y.Z or X.Y.Z-prerelease, such as 1.4.2 or 1.5.0-rc.1"
    )


@pytest.mark.parametrize("tag", ["v1.2", "1.9.0", "v01.2.3", "v9.0.0+build", "v9.0.0-nightly.1", "vé", "v" + "9" * 200])
def test_tags_that_name_no_version_are_left_out(repository: ScriptedRepository, tag: str) -> None:
    """They were somebody's, and decide nothing."""
    repository.commit("feat: begin")
    repository.cut()
    repository.commit("fix: a")
    repository.tag(tag)
    repository.commit("fix: b")
    assert repository.cut() == "v0.2.1"
    assert "- b\n- a\n" in repository.changelog


def test_a_branch_with_the_name_of_a_tag_is_no_tag(repository: ScriptedRepository) -> None:
    """Git would take the tag with a warning, or the branch."""
    repository.commit("feat: begin")
    repository.cut()
    repository.commit("feat: a")
    repository.git("branch", "v0.2.0")
    assert repository.cut() == "v0.3.0"


def test_a_project_without_settings_is_refused(repository: ScriptedRepository) -> None:
    """Commitizen would take its own defaults, such as another format of tags."""
    (repository.path / "pyproject.toml").write_text('[project]\nname = "app"\nversion = "0.1.0"\n')
    repository.git("commit", "--quiet", "--all", "--message=feat: mine")
    expected = "pyproject.toml has no [tool.commitizen]: what a version is has to be said there"
    assert repository.refused(repository.cut) == expected
    repository.git("rm", "--quiet", "pyproject.toml")
    repository.commit("feat: lost")
    assert repository.refused(repository.cut) == expected


def test_further_files_may_carry_the_version(repository: ScriptedRepository) -> None:
    """Commitizen's version_files; one that the container does not see is no reason to release half of it."""
    settings = repository.path / "pyproject.toml"
    settings.write_text(
        settings.read_text().replace("[tool.commitizen]\n", '[tool.commitizen]\nversion_files = ["a.txt:^v"]\n')
    )
    repository.git("commit", "--quiet", "--all", "--message=feat: mine")
    assert repository.refused(repository.cut) == (
        "version_files names a.txt:^v, which is not at hand: let it in by sources.VERSIONED"
    )
    (repository.path / "a.txt").write_text("v0.1.0\nsince 0.1.0\n")
    repository.git("add", ".")
    repository.commit("feat: yours")
    assert repository.cut() == "v0.2.0"
    assert repository.git("show", "HEAD:a.txt") == "v0.2.0\nsince 0.1.0"


def test_a_missing_lock_file_is_said_in_one_line(repository: ScriptedRepository) -> None:
    """No commit is made of half a version."""
    repository.git("rm", "--quiet", "uv.lock")
    head = repository.commit("feat: lost")
    with pytest.raises(RefusedError, match=r"^.*No such file or directory: 'uv.lock'\n$"):
        repository.cut()
    assert repository.git("rev-parse", "HEAD") == head
    assert repository.git("tag") == ""


def test_a_tree_that_differs_from_head_is_refused(repository: ScriptedRepository) -> None:
    """What is released is HEAD: neither an edit nor a new file may be taken for a part of it."""
    (repository.path / ".gitignore").write_text("*.log\n")
    repository.git("add", ".gitignore")
    repository.commit("feat: begin")
    (repository.path / "run.log").write_text("ignored")
    (repository.path / "new.py").write_text("")
    expected = "what is released is HEAD, and these differ from it: {}; commit them, or git stash --all"
    assert repository.refused(repository.cut) == expected.format("new.py")
    (repository.path / "uv.lock").write_text("")
    assert repository.refused(repository.cut) == expected.format("uv.lock, new.py")
    (repository.path / "uv.lock").unlink()
    assert repository.refused(repository.cut) == expected.format("uv.lock, new.py")
