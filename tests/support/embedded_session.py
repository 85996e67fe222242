"""A session of the embedded engine in a process of its own, so that nothing of it stays in the tests' process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SESSION = ("DAGGER_SESSION_PORT", "DAGGER_SESSION_TOKEN")

# Says where the session is, then keeps it open until its standard input closes.
_TELL = f"import json, os, sys; print(json.dumps([os.environ[n] for n in {SESSION}]), flush=True); sys.stdin.read()"


@contextmanager
def embedded_session() -> Iterator[dict[str, str]]:
    """Open a session; yields the variables by which a client finds it, and ends it with the block."""
    command = [sys.executable, "-m", "embedded_engine.cli", "session", "--", sys.executable, "-c", _TELL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told, "the embedded engine did not open a session: see `ci doctor`"
        try:
            yield dict(zip(SESSION, json.loads(told), strict=True))
        finally:
            process.stdin.close()
            process.wait(timeout=60)
