"""Cursors: opaque, exact, and not to be forged."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.api.cursors import CursorCodec
from app.api.problems import ProblemError
from app.core.items import Cursor


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(datetime(2025, 1, 1, 12, 0, 0, 1, tzinfo=UTC), id="to the microsecond"),
        pytest.param(datetime(1900, 1, 1, tzinfo=UTC), id="before the epoch"),
        pytest.param(datetime.max.replace(tzinfo=UTC), id="the end of time"),
    ],
)
def test_gives_back_the_place(moment: datetime) -> None:
    """A cursor read again is the place that was written, exactly."""
    codec, place = CursorCodec("secret"), Cursor(moment, uuid4())
    assert codec.decode(codec.encode(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("nonsense", id="too short"),
        pytest.param("ä", id="not ASCII"),
        pytest.param("A", id="not base64"),
        pytest.param(CursorCodec("other").encode(Cursor(datetime(2025, 1, 1, tzinfo=UTC), UUID(int=1))), id="forged"),
    ],
)
def test_refuses_what_it_has_not_written(text: str) -> None:
    """Whatever else comes as a cursor is a problem, never a place."""
    with pytest.raises(ProblemError):
        CursorCodec("secret").decode(text)
