"""Modules for tests, written as `dagger init` would lay them out."""

import json
from pathlib import Path


def write_module(module: Path, name: str, code: str, project: str = "") -> Path:
    """A module with its package in `src`; its project requires nothing, unless it is given."""
    package = module / "src" / name
    package.mkdir(parents=True)
    (module / "dagger.json").write_text(json.dumps({"name": name, "sdk": {"source": "python"}, "source": "."}))
    (module / "pyproject.toml").write_text(project or f'[project]\nname = "{name}"\nversion = "0"\n')
    (package / "__init__.py").write_text(code)
    return module
