"""The core depends on nothing but itself and the standard library."""

import ast
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "src/app/core"


@pytest.mark.parametrize("module", sorted(CORE.glob("*.py")), ids=lambda path: path.stem)
def test_the_core_imports_no_framework(module: Path) -> None:
    """Neither web framework nor database nor cache: they import the core."""
    imported = {
        name
        for node in ast.walk(ast.parse(module.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    foreign = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("app.core.")} == set()
