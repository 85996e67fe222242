"""What a run is told of the world is looked at before anything is done."""

from typing import Any, cast

import pytest

from ci.errors import PipelineError
from ci.leave import Outside, github

SECRET = cast(Any, object())


@pytest.mark.parametrize("commit", ["abc", "HEAD", "../../pulls", "f" * 39, f"{'f' * 40}/..", "0" * 40])
def test_a_commit_that_is_to_show_statuses_is_one(commit: str) -> None:
    """It becomes a part of addresses to which the token is sent."""
    with pytest.raises(PipelineError, match=r"commit .* is refused: expected the 40"):
        Outside(status_commit=commit)


@pytest.mark.parametrize("url", ["ftp://example.com", "http://example.com", "https://a:b@example.com", "nonsense"])
def test_the_address_of_the_api_is_one(url: str) -> None:
    """Refused at once, not when the image is published and the release is to follow."""
    with pytest.raises(PipelineError, match="the API's URL is refused"):
        github("acme/items", SECRET, url)


def test_nobody_to_write_to_is_no_error() -> None:
    """A laptop has neither a repository nor a token; whatever else it says is not needed."""
    assert github("", SECRET, "nonsense") is None
    assert github("acme/items", None, "") is None
    client = github("acme/items", SECRET, "")
    assert client is not None
    assert client.api_url == "https://api.github.com"
