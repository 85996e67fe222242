"""`ci call SERVICE up`: a service on this machine until it is interrupted."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from urllib.request import urlopen

WriteModule = Callable[..., Path]

CODE = """
import dagger
from dagger import PortForward, dag, function, object_type


@object_type
class Front:
    @function
    def site(self, port: int) -> dagger.Service:
        return dag.host().service([PortForward(backend=port, frontend=80)])
"""


def test_port_that_a_service_is_reached_at_is_told(
    command: dict[str, str], tmp_path: Path, new_module: WriteModule
) -> None:
    """Whoever lets the engine choose a port learns which one it is; Ctrl-C ends the service."""
    module = new_module(tmp_path, name="front", code=CODE)
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        words = ("call", "site", f"--port={server.server_port}", "up", "--random")
        running = subprocess.Popen(
            [sys.executable, "-m", "embedded_engine.cli", *words],
            cwd=module,
            env=command,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stderr is not None
        try:
            told = next(line for line in running.stderr if "listening" in line)
            found = re.search(r"listening on (127\.0\.0\.1:\d+), which leads to port 80 of the service", told)
            assert found is not None, told
            with urlopen(f"http://{found[1]}/") as answer:
                assert answer.status == 200
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 130
        finally:
            running.kill()
            running.stderr.close()
            running.wait()
            server.shutdown()
