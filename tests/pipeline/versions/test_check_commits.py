"""Which messages are conventional commits, and which commits are looked at."""

import pytest

from scripted_repository import RefusedError, ScriptedRepository

LASTING = ("--lasting=main", "--lasting=develop")
EXPECTED = "expected `type(scope): what it does`, then an empty line before the rest, as `fix(items): no empty names`"


def checked(repository: ScriptedRepository, *arguments: str) -> list[str]:
    """The lines that are said, without hashes."""
    try:
        lines = repository.ask("check", *LASTING, *arguments).splitlines()
    except RefusedError as refusal:
        lines = str(refusal).splitlines()
    return [
        f"{line[:6]}{line[14:]}" if line[:4].strip() in ("ok", "FAIL") and "title" not in line else line
        for line in lines
    ]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("feat: a", id="a type and what it does"),
        pytest.param("fix(items)!: a\n\nbody", id="a scope, a mark, a body"),
        pytest.param("bump: version 1.0.0 → 1.0.1", id="the commit of a version"),
        pytest.param('Revert "feat: a"\n\nThis reverts commit 1.', id="what git writes when it reverts"),
    ],
)
def test_conventional_messages_pass(repository: ScriptedRepository, message: str) -> None:
    """What commitizen takes, and what git writes by itself."""
    repository.commit(message)
    subject = message.partition("\n")[0]
    assert checked(repository) == [f"ok    {subject}", "1 messages checked"]


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        pytest.param("wip", EXPECTED, id="no type"),
        pytest.param("feature: a", EXPECTED, id="a type that is none"),
        pytest.param("feat : a", EXPECTED, id="a blank before the colon"),
        pytest.param("feat:a", EXPECTED, id="no blank after it"),
        pytest.param("Feat: a", EXPECTED, id="upper case"),
        pytest.param("Merge me", EXPECTED, id="what only looks like a merge"),
        pytest.param("", EXPECTED, id="no message"),
        pytest.param(
            "fixup! feat: a", "it belongs into the commit that it mends: git rebase -i --autosquash", id="fixup"
        ),
        pytest.param(
            "squash! feat: a", "it belongs into the commit that it mends: git rebase -i --autosquash", id="squash"
        ),
    ],
)
def test_other_messages_fail(repository: ScriptedRepository, message: str, fault: str) -> None:
    """The line names the commit and says what was expected."""
    repository.commit(message)
    assert checked(repository) == [f"FAIL  {message!r}: {fault}", "1 of 1 messages are no conventional commits"]


def test_a_subject_may_be_two_lines(repository: ScriptedRepository) -> None:
    """Git takes both for the subject, and so does everything that shows it."""
    repository.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "--message=feat: a\nb")
    assert checked(repository) == ["ok    feat: a b", "1 messages checked"]


def test_a_branch_is_checked_since_it_left_the_lasting_ones(repository: ScriptedRepository) -> None:
    """Whatever is on main or develop, here or at the origin, has been let in before; merges are git's own words."""
    repository.commit("nonsense on main")
    repository.git(
        "update-ref",
        "refs/remotes/origin/develop",
        repository.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "nonsense on develop"),
    )
    repository.on("feature/a", "refs/remotes/origin/develop")
    repository.commit("feat: a", "wip")
    repository.on("elsewhere", "main")
    repository.commit("docs: c")
    repository.on("feature/a")
    repository.merge("elsewhere", "Merge branch 'elsewhere' into feature/a")
    assert checked(repository) == [
        "ok    docs: c",
        f"FAIL  'wip': {EXPECTED}",
        "ok    feat: a",
        "1 of 3 messages are no conventional commits",
    ]


def test_on_a_lasting_branch_the_last_step_is_checked(repository: ScriptedRepository) -> None:
    """What lies before cannot be mended: one commit, or a merge with all that it merged."""
    repository.commit("nonsense", "feat: a")
    assert checked(repository) == ["ok    feat: a", "1 messages checked"]
    repository.on("feature/b", "main")
    repository.commit("wip", "fix: b")
    repository.on("main")
    repository.merge("feature/b", "Merge pull request #1 from acme/feature/b")
    assert checked(repository) == [
        "ok    fix: b",
        f"FAIL  'wip': {EXPECTED}",
        "1 of 2 messages are no conventional commits",
    ]


def test_the_merge_that_github_tests_is_its_branch(repository: ScriptedRepository) -> None:
    """A pull request's checkout is a merge that no branch contains; its own commits are looked at."""
    repository.commit("nonsense")
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.on("feature/a", "main")
    repository.commit("feat: a")
    repository.git("checkout", "--quiet", "--detach", "main")
    repository.merge("feature/a", "Merge 1 into 2")
    repository.git("branch", "--delete", "--force", "main", "feature/a")
    assert checked(repository) == ["ok    feat: a", "1 messages checked"]


def test_a_repository_without_lasting_branches_has_its_last_step_checked(repository: ScriptedRepository) -> None:
    """The very first commit included."""
    repository.git("branch", "--move", "trunk")
    assert checked(repository) == ["ok    chore: begin", "1 messages checked"]


def test_a_title_is_checked_with_the_commits(repository: ScriptedRepository) -> None:
    """A squashed pull request is merged under its title."""
    assert checked(repository, "--title=feat: a") == ["ok    title feat: a", "ok    chore: begin", "2 messages checked"]
    assert checked(repository, "--title=Add a") == [
        f"FAIL  title 'Add a': {EXPECTED}",
        "ok    chore: begin",
        "1 of 2 messages are no conventional commits",
    ]
