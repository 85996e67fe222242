"""Options of a test run: which engine Dagger programs run on, and how long the test of interruptions goes on."""

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
