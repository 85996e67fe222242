"""Which engine the tests that need one run on: `pytest --engine embedded` (the default) or `--engine dagger`."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option; a test asks for it with `request.config.getoption("--engine")`."""
    parser.addoption(
        "--engine",
        choices=("embedded", "dagger"),
        default="embedded",
        help="the engine that Dagger programs of the tests run on; `dagger` needs its CLI and an engine at hand",
    )
