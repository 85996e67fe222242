"""Options of a test run: which engine Dagger programs run on, how long the test of interruptions goes on, how many processes."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

HALF = "tests/pipeline/"
"""What takes about as long as everything else."""
_IN_HALVES = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; a test asks for one with `request.config.getoption("--engine")`."""
    parser.addoption(
        "--engine",
        choices=("embedded", "dagger"),
        default="embedded",
        help="the engine that Dagger programs of the tests run on; `dagger` needs its CLI and an engine at hand",
    )
    parser.addoption("--kills", type=int, default=10, help="how often the test of interruptions kills a run (10)")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the whole suite in two processes, a half each: many tests wait for programs that they have started.

    What the command line names runs in this one; so does everything with `-n 0`, or for a debugger.
    """
    option = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not hasattr(config, "workerinput")
    if whole and getattr(option, "numprocesses", 0) is None and not (option.usepdb or option.collectonly):
        option.numprocesses, option.dist = 2, "loadscope"
        config.stash[_IN_HALVES] = True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Give each process the same tests in the same order every time: none depends on how busy the machine is."""
    if not config.stash.get(_IN_HALVES, False):
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Halves(LoadScopeScheduling):  # type: ignore[misc]  # it carries no types
        def _split_scope(self, nodeid: str) -> str:
            return HALF if nodeid.startswith(HALF) else ""

    return Halves(config, log)


def pytest_configure() -> None:
    """Let Ctrl-C mean what it means: what a shell starts in the background ignores it, and so would all that tests start.

    And let the hundreds of programs that tests start keep what Python compiles, wherever a machine is told not to: each
    would compile the engine anew.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
