"""Which commit may take the place of the one that is deployed."""

import pytest

from ci.policy.succession import Difference, Objection, objection

OURS, THEIRS = "a" * 40, "b" * 40
NEWER = Objection("bbbbbbb runs there, which contains aaaaaaa and 1 commit more", is_failure=False)
UNKNOWN = Objection(
    "bbbbbbb runs there, which is not in this history: fetch, and run the job again "
    "(ci deploy --digest=... deploys whatever it is told to)",
    is_failure=True,
)


@pytest.mark.parametrize(
    ("running", "difference", "expected"),
    [
        pytest.param(None, None, None, id="where nothing runs, or nobody knows of which commit, anything may"),
        pytest.param(OURS, None, None, id="the same commit may be deployed again, as another image of it"),
        pytest.param(OURS, Difference(0, 0), None, id="it differs in nothing from itself"),
        pytest.param(THEIRS, Difference(2, 0), None, id="a newer commit replaces one that it contains"),
        pytest.param(THEIRS, Difference(0, 1), NEWER, id="an older commit is left out"),
        pytest.param(THEIRS, Difference(3, 1), None, id="a rewritten branch replaces what it was"),
        pytest.param(THEIRS, None, UNKNOWN, id="what this history does not have may be newer"),
    ],
)
def test_an_older_commit_never_replaces_a_newer_one(
    running: str | None, difference: Difference | None, expected: Objection | None
) -> None:
    """What is out of date is left out in silence; what nobody knows turns the run red."""
    assert objection(OURS, running, difference) == expected
