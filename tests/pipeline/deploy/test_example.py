"""The target that docs/extending.md shows is one."""

import inspect
import re
from pathlib import Path
from typing import Any

from ci.engine_target import EngineTarget
from ci.target import Target

DOCUMENT = Path(__file__).parents[3] / "docs" / "extending.md"
METHODS = [name for name in vars(Target) if not name.startswith("_")]


def example() -> type:
    """The class of the document, made from its text."""
    found = re.search(r"<!-- example: target -->\n```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(compile(found[1], str(DOCUMENT), "exec"), names)
    made: type = names["PlatformTarget"]
    return made


def test_the_example_has_everything_that_a_target_needs() -> None:
    """With the same arguments; a method that is added to targets is missed here."""
    for target in (example(), EngineTarget):
        for name in METHODS:
            wanted, found = getattr(Target, name), inspect.getattr_static(target, name)
            if inspect.isfunction(wanted):
                assert list(inspect.signature(found).parameters) == list(inspect.signature(wanted).parameters), name
    assert "turn" in METHODS
    assert "record" in METHODS
