"""The examples in the documentation of functions."""

import doctest
from types import ModuleType

import pytest

from embedded_engine import binding, dotenv
from embedded_engine.api import module
from embedded_engine.cli import machine, naming, project
from embedded_engine.progress import text
from embedded_engine.served import names


@pytest.mark.parametrize(
    "documented", [binding, dotenv, machine, module, names, naming, project, text], ids=lambda each: each.__name__
)
def test_examples_say_the_truth(documented: ModuleType) -> None:
    """What an example shows is what comes out."""
    ran = doctest.testmod(documented)
    assert (ran.failed, ran.attempted > 0) == (0, True)
