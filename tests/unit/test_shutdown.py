"""The service under a real server: JSON from the first line on, and no request lost at its end."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, Any

import pytest


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """A server process on a port of its own choice."""
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as run:
        yield run
        run.kill()


def read_until(output: IO[str], message: str) -> dict[str, Any]:
    """Read lines until the one with this message; every line is JSON."""
    for text in output:
        line: dict[str, Any] = json.loads(text)
        if line["message"].startswith(message):
            return line
    raise AssertionError(f"the server ended without {message!r}")


def test_a_request_in_flight_is_finished(server: subprocess.Popen[str]) -> None:
    """After SIGTERM the request that has begun is read to its end and answered; then the process ends."""
    assert server.stdout is not None
    started = read_until(server.stdout, "Uvicorn running on")
    port = int(started["message"].split(":")[2].split(" ")[0])
    body = b'{"name": "lamp", "price": "9.95"}'
    head = (
        b"POST /api/v1/items HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head)
        # The service asks for the body: the request is in its hands.
        assert connection.recv(4096).startswith(b"HTTP/1.1 100")
        server.send_signal(signal.SIGTERM)
        read_until(server.stdout, "Waiting for connections to close")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=60)
        connection.sendall(body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 201")
    read_until(server.stdout, "Finished server process")
    # The server ends by the signal that it was sent, as a shell expects.
    assert server.wait(timeout=60) in (0, -signal.SIGTERM)
