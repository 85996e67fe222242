"""The smoke test's two programs against a small server that is started for real."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from ci.scripts import attend, probe

# Health, readiness and items, in memory; its ways to misbehave are arguments.
SERVER = """
import json, signal, sys, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, *faults = sys.argv[1:]
items = {}

class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {})
        elif self.path == "/ready":
            self.answer(503 if "unready" in faults else 200, {"database": "down"})
        elif "forgetful" in faults:
            self.answer(404, {"title": "Not Found"})
        else:
            self.answer(200, items[self.path.rsplit("/", 1)[1]])

    def do_POST(self):
        item = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        item["id"] = str(uuid.uuid4())
        items[item["id"]] = item
        self.answer(201, item)

if "stubborn" in faults:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("serving", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def attended(tmp_path: Path, *faults: str, migrate: str = "echo migrated") -> Iterator[tuple[str, str]]:
    """The server with the attendant beside it; yields the URLs of both."""
    server, service, control = tmp_path / "server.py", free_port(), free_port()
    server.write_text(SERVER)
    command = [sys.executable, str(server), str(service), *faults]
    process = subprocess.Popen(
        [sys.executable, attend.__file__, str(control), migrate, "--", *command], stdout=subprocess.PIPE
    )
    try:
        yield f"http://127.0.0.1:{service}", f"http://127.0.0.1:{control}"
    finally:
        process.terminate()
        process.communicate(timeout=120)
    assert process.returncode == 0


def wait_for_attendant(url: str) -> None:
    """Wait until the attendant answers, as the engine's health check does."""
    probe.wait_for(f"{url}/log", 120)


def test_a_good_service_passes_every_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four steps and the service's log, which begins with the migrations' end."""
    with attended(tmp_path) as (service, attendant):
        wait_for_attendant(attendant)
        assert probe.main(service, attendant, seconds=60) == 0
    printed = capsys.readouterr().out
    assert [line.split(" (")[0] for line in printed.splitlines() if line.startswith("ok")] == [
        "ok    /health answers",
        "ok    /ready answers",
        "ok    an item is created and read",
        "ok    SIGTERM is obeyed",
    ]
    assert "--- the service's log\nserving" in printed


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        pytest.param("unready", "FAIL  /ready answers: ", id="a service that never becomes ready"),
        pytest.param("forgetful", "FAIL  an item is created and read: GET ", id="a service that stores nothing"),
    ],
)
def test_a_bad_service_fails_at_its_step_and_shows_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str, line: str
) -> None:
    """The first red step ends the test; what the service printed is shown."""
    with attended(tmp_path, fault) as (service, attendant):
        wait_for_attendant(attendant)
        probe.wait_for(f"{service}/health", 120)
        assert probe.main(service, attendant, seconds=1) == 1
    printed = capsys.readouterr().out
    assert line in printed
    assert "--- the service's log\nserving" in printed


def test_a_service_that_ignores_sigterm_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed in bounded time, and its exit code says so."""
    monkeypatch.setattr(attend, "SECONDS_TO_STOP", 0.5)
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    stubborn = attend.Attended([sys.executable, str(server), str(free_port()), "stubborn"])
    while "serving" not in stubborn.log():
        time.sleep(0.02)
    answer = stubborn.terminate()
    assert answer["exit_code"] == -9
    assert answer["exit_code"] not in probe.TERMINATED


def test_an_unreachable_service_fails_in_bounded_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody answers: the test says so and ends."""
    nobody = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    assert probe.main(nobody, nobody, seconds=0.5) == 1
    assert time.monotonic() - started < 60
    printed = capsys.readouterr().out
    assert "FAIL  /health answers" in printed
    assert "Connection refused" in printed


def run_attendant(migrate: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the attendant to its end."""
    arguments = [sys.executable, attend.__file__, str(free_port()), migrate, "--", *command]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)


def test_failed_migrations_end_the_container_with_their_exit_code() -> None:
    """The engine then shows the output as the reason why the service did not start."""
    done = run_attendant("echo no database; exit 3", "true")
    assert done.returncode == 3
    assert "no database" in done.stdout
    assert "the migrations failed with exit code 3" in done.stdout


def test_a_service_that_ends_of_itself_ends_the_container() -> None:
    """A server that cannot start is not waited for."""
    done = run_attendant("true", "sh", "-c", "echo bad settings; exit 4")
    assert done.returncode == 4
    assert "bad settings" in done.stdout
    assert "the service ended of itself with exit code 4" in done.stdout


def test_the_attendant_answers_with_the_exit_code_and_the_log(tmp_path: Path) -> None:
    """The one who asks for SIGTERM learns what came of it."""
    with attended(tmp_path) as (_, attendant):
        wait_for_attendant(attendant)
        with urlopen(f"{attendant}/terminate", data=b"") as answer:
            told = json.load(answer)
    assert told["exit_code"] in probe.TERMINATED
    assert 0 <= told["seconds"] < attend.SECONDS_TO_STOP
