"""Options of a test run: which engine Dagger programs run on, and how long the test of interruptions goes on."""

import signal

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; a test asks for one with `request.config.getoption("--engine")`."""
    parser.addoption(
        "--engine",
        choices=("embedded", "dagger"),
        default="embedded",
        help="the engine that Dagger programs of the tests run on; `dagger` needs its CLI and an engine at hand",
    )
    parser.addoption("--kills", type=int, default=10, help="how often the test of interruptions kills a run (10)")


def pytest_configure() -> None:
    """Let Ctrl-C mean what it means: what a shell starts in the background ignores it, and so would all that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
