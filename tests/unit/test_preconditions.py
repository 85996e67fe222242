"""If-Match, as RFC 9110 has it."""

import pytest
from starlette.requests import Request

from app.api.preconditions import accepted_versions
from app.api.problems import ProblemError
from app.core.items import AcceptedVersions


def request_with(*headers: str) -> Request:
    """A request with these If-Match headers."""
    return Request({"type": "http", "headers": [(b"if-match", header.encode()) for header in headers]})


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        pytest.param('"3"', AcceptedVersions.of([3]), id="one tag"),
        pytest.param('"3", "4"', AcceptedVersions.of([3, 4]), id="several tags"),
        pytest.param("*", AcceptedVersions(None), id="any"),
        pytest.param('W/"3"', AcceptedVersions.of([]), id="a weak tag never matches"),
        pytest.param('"abc"', AcceptedVersions.of([]), id="a foreign tag"),
        pytest.param("3", AcceptedVersions.of([]), id="no tag at all"),
        pytest.param("", AcceptedVersions.of([]), id="empty"),
    ],
)
def test_reads_the_versions_that_a_client_accepts(header: str, accepted: AcceptedVersions) -> None:
    """Tags name versions; what is no tag of ours matches none."""
    assert accepted_versions(request_with(header)) == accepted


def test_a_change_names_its_version() -> None:
    """Without If-Match a change is refused: it might overwrite what its author has not seen."""
    with pytest.raises(ProblemError, match="If-Match"):
        accepted_versions(request_with())


def test_a_header_may_come_in_parts() -> None:
    """A list that is sent as several headers is one list."""
    assert accepted_versions(request_with('"1"', '"2"')) == AcceptedVersions.of([1, 2])
