"""A git server on loopback: git's own HTTP program behind a login, over a bare repository that a test can look into."""

import base64
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

USER = "x-access-token"
_PROGRAM = "git-http-backend"


class GitServer:
    """Serves one repository, `/acme/app.git`; without a token to everybody."""

    def __init__(self, folder: Path, token: str = "") -> None:
        self.repository = folder / "acme" / "app.git"
        self.token = token
        self.requests: list[str] = []
        """The request lines, and nothing else of what was asked."""
        self.loses_answers = False
        """Whether what is pushed is taken, and the connection breaks before the answer."""
        self.silence = 0.0
        """Seconds before each answer."""
        self._folder = folder
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.repository))
        # Without a login nobody would be allowed to push.
        self._git("-C", str(self.repository), "config", "http.receivepack", "true")
        self.port = 0

    @property
    def path(self) -> str:
        """The path of the repository's URL."""
        return "/acme/app.git"

    def refs(self) -> dict[str, str]:
        """What the repository holds: the commit of every branch, and of every tag what it stands for."""
        lines = self._git("-C", str(self.repository), "show-ref", "--dereference", check=False).splitlines()
        # An annotated tag is listed twice: itself, then what it stands for.
        return {name.removesuffix("^{}"): commit for commit, _, name in (line.partition(" ") for line in lines)}

    def refuse(self, line: str) -> None:
        """Let the server refuse every push, as the rules of a branch would."""
        hook = self.repository / "hooks" / "update"
        hook.write_text(f'#!/bin/sh\ncase "$1" in refs/heads/*) echo "{line}"; exit 1;; esac\n')
        hook.chmod(0o755)

    @contextmanager
    def running(self) -> Iterator["GitServer"]:
        """Answer until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Hand a request to git's program and its answer back."""
        self.requests.append(request.requestline)
        time.sleep(self.silence)
        expected = "Basic " + base64.b64encode(f"{USER}:{self.token}".encode()).decode()
        if self.token and request.headers.get("Authorization") != expected:
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="git"')
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        parts = urlsplit(request.path)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": request.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": request.headers.get("Content-Length", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        program = Path(self._git("--exec-path").strip(), _PROGRAM)
        done = subprocess.run([program], input=body, env=environment, capture_output=True, check=False)
        if self.loses_answers and request.command == "POST" and "receive-pack" in request.path:
            request.close_connection = True
            return
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        request.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def do_POST(self) -> None:
                server.answer(self)

            def log_message(self, *arguments: object) -> None:  # nobody reads it
                pass

        return Handler

    @staticmethod
    def _git(*arguments: str, check: bool = True) -> str:
        done = subprocess.run(["git", *arguments], check=check, stdout=subprocess.PIPE, text=True)
        return done.stdout
