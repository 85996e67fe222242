"""The examples in the pipeline's documentation are what the code does."""

import doctest
import importlib
import pkgutil

import pytest

import ci

# Programs for containers that import what only their container has.
ELSEWHERE = {"ci.scripts.write_sbom"}
MODULES = sorted(module.name for module in pkgutil.walk_packages(ci.__path__, "ci.") if module.name not in ELSEWHERE)


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    """Most modules have none."""
    ran = doctest.testmod(importlib.import_module(name))
    assert ran.failed == 0


def test_there_are_examples() -> None:
    """Were they not found, the test above would hold for nothing."""
    attempted = {name: doctest.testmod(importlib.import_module(name)).attempted for name in MODULES}
    assert sum(attempted.values()) > 20
