"""Logs: one JSON object per line, tied to its request."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.observability.logs import JsonFormatter, configure_logging, request_id


def formatted(**record: Any) -> dict[str, Any]:
    """Write a record of these attributes, and read the line."""
    line = JsonFormatter().format(logging.makeLogRecord({"name": "app", "levelname": "INFO"} | record))
    assert "\n" not in line
    content: dict[str, Any] = json.loads(line)
    return content


def test_a_line_has_what_was_logged() -> None:
    """Time, level, logger, message with its arguments, and whatever `extra` added."""
    line = formatted(msg="%d items", args=(3,), created=0.25, item="lamp", path=object)
    assert line == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "INFO",
        "logger": "app",
        "message": "3 items",
        "item": "lamp",
        "path": "<class 'object'>",
    }


def test_a_line_has_the_request_it_belongs_to() -> None:
    """Within a request every line has its id."""
    token = request_id.set("my-request")
    try:
        assert formatted(msg="hello")["request_id"] == "my-request"
    finally:
        request_id.reset(token)


def test_a_traceback_stays_in_its_line() -> None:
    """An exception is one member of one line, however long its traceback is."""
    try:
        raise ValueError("broken")
    except ValueError:
        line = formatted(msg="failed", exc_info=sys.exc_info())
    assert "ValueError: broken" in line["exception"]


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Undo what a test does to the loggers of the process."""
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access")]
    before = [(logger.level, logger.handlers[:], logger.propagate) for logger in loggers]
    yield
    for logger, (level, handlers, propagate) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate


@pytest.mark.usefixtures("restored_logging")
def test_all_loggers_write_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """The server's lines look like the service's; its own line per request is left out, and so is what is too low."""
    configure_logging("INFO")
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("app").debug("detail")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["logger"], line["message"]) for line in lines] == [("uvicorn.error", "started")]


async def test_a_request_is_logged_once(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """A line tells who asked for what, how it ended and how long it took; probes are for debugging only."""
    with caplog.at_level(logging.DEBUG, "app.access"):
        await client.get("/api/v1/items", params={"limit": 1})
        await client.get("/health")
    request, probe = (vars(record) for record in caplog.records if record.name == "app.access")
    assert (request["levelname"], probe["levelname"]) == ("INFO", "DEBUG")
    assert {name: request[name] for name in ("method", "path", "status", "client")} == {
        "method": "GET",
        "path": "/api/v1/items",
        "status": 200,
        "client": "192.0.2.1",
    }
    assert request["milliseconds"] > 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("my-request.1", True, id="the client's id"),
        pytest.param("", False, id="none"),
        pytest.param("two words", False, id="with a space"),
        pytest.param("x" * 65, False, id="too long"),
    ],
)
async def test_a_request_has_an_id(client: httpx.AsyncClient, given: str, kept: bool) -> None:
    """A usable id of the client is kept, in place of any other there is a new one."""
    response = await client.get("/health", headers={"X-Request-ID": given})
    assert (response.headers["X-Request-ID"] == given) is kept
    assert len(response.headers["X-Request-ID"]) >= 12
