"""An engine for the tests that need one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SESSION = ("DAGGER_SESSION_PORT", "DAGGER_SESSION_TOKEN")

# Says where the session is, then keeps it open until its standard input closes.
_TELL = f"import json, os, sys; print(json.dumps([os.environ[n] for n in {SESSION}]), flush=True); sys.stdin.read()"


@contextmanager
def embedded_session() -> Iterator[dict[str, str]]:
    """A session of the embedded engine in a process of its own; yields the variables by which a client finds it."""
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


@pytest.fixture(scope="session")
def engine_session() -> Iterator[None]:
    """The session that the tests were started in (`dagger run pytest`, `ci session -- pytest`), else an embedded one."""
    if SESSION[0] in os.environ:
        yield
        return
    with embedded_session() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield
