"""Starts the service in its own image as the image says, and stands by: the smoke test asks it to stop the service.

Usage: python attend.py PORT MIGRATE -- COMMAND...
First the migrations run (MIGRATE is a line of shell), then COMMAND, the image's own entrypoint and arguments. On PORT:
    GET /log          what the service has printed
    POST /terminate   send it SIGTERM, wait, and answer {"exit_code": ..., "seconds": ..., "log": ...}
Ends when the service ends of itself, with its exit code. Standard library only: it runs in any image with Python.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

MAX_LOG_LINES = 400
SECONDS_TO_STOP = 20.0


class Attended:
    """The service as a child process; its lines are passed on and remembered."""

    def __init__(self, command: Sequence[str]) -> None:
        self.asked_to_stop = threading.Event()
        self._lines: deque[str] = deque(maxlen=MAX_LOG_LINES)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._relay = threading.Thread(target=self._pass_on, daemon=True)
        self._relay.start()

    def _pass_on(self) -> None:
        if self._process.stdout is None:
            return
        with self._process.stdout as lines:
            for line in lines:
                self._lines.append(line)
                print(line, end="", flush=True)

    def log(self) -> str:
        """Return the last lines that the service printed."""
        return "".join(self._lines)

    def wait(self) -> int:
        """Wait for the service to end; a signal's exit code is negative."""
        code = self._process.wait()
        self._relay.join(timeout=5)
        return code

    def terminate(self) -> dict[str, object]:
        """Ask the service to stop; when it does not obey in time it is killed, and the exit code says so."""
        self.asked_to_stop.set()
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
        seconds = time.monotonic() - started
        return {"exit_code": self.wait(), "seconds": round(seconds, 3), "log": self.log()}


def control(attended: Attended, port: int) -> ThreadingHTTPServer:
    """Make the server through which the smoke test speaks to this program."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("text/plain", attended.log())

        def do_POST(self) -> None:
            self._answer("application/json", json.dumps(attended.terminate()))

        def _answer(self, content_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Keep this program's own requests out of the service's log."""

    return ThreadingHTTPServer(("", port), Handler)


def main(arguments: Sequence[str]) -> int:
    """Migrate, serve, stand by; the exit code is that of what ended first."""
    port, migrate, _, *command = arguments
    if code := subprocess.run(["sh", "-c", migrate], check=False).returncode:
        print(f"the migrations failed with exit code {code}: {migrate}", flush=True)
        return code
    attended = Attended(command)
    stopped_from_outside = threading.Event()

    def pass_on(_signal: int, _frame: FrameType | None) -> None:
        stopped_from_outside.set()
        threading.Thread(target=attended.terminate, daemon=True).start()

    signal.signal(signal.SIGTERM, pass_on)
    threading.Thread(target=control(attended, int(port)).serve_forever, daemon=True).start()
    code = attended.wait()
    if attended.asked_to_stop.is_set():
        # The one who asked still reads the answer; the container's end comes from outside.
        stopped_from_outside.wait()
        return 0
    print(f"the service ended of itself with exit code {code}", flush=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
