"""What a module's project says: whether it runs in this process, and what it requires."""

from importlib.metadata import version
from pathlib import Path

import pytest

from embedded_engine.cli.project import Project, required_name


@pytest.mark.parametrize(
    ("project", "lock", "home"),
    [
        ('[project]\nname = "x"\ndependencies = ["dagger-io"]', None, True),
        ('[project]\nname = "x"\ndependencies = ["dagger_io>=0.1", "six"]', None, False),
        ('[project]\nname = "x"', ("0.18.0", 'registry = "r"'), False),
        ('[project]\nname = "x"', (version("dagger-io"), 'registry = "r"'), True),
        ('[project]\nname = "x"', ("0.0.0", 'editable = "sdk"'), True),
        ('[project]\nname = "embedded-engine"\ndependencies = ["six"]', None, False),
    ],
    ids=[
        "only the SDK",
        "one package more",
        "another SDK",
        "the same SDK",
        "Dagger's copy",
        "installed from elsewhere",
    ],
)
def test_module_is_at_home(tmp_path: Path, project: str, lock: tuple[str, str] | None, home: bool) -> None:
    """A module runs in this process if it needs nothing that is not here, or is what is installed here."""
    (tmp_path / "pyproject.toml").write_text(project)
    if lock is not None:
        text = f'[[package]]\nname = "dagger-io"\nversion = "{lock[0]}"\nsource = {{ {lock[1]} }}\n'
        (tmp_path / "uv.lock").write_text(text)
    assert Project.read(tmp_path).is_at_home() is home


def test_names_of_requirements() -> None:
    """Names are compared in their normal form."""
    assert [required_name(each) for each in ("Dagger.IO>=1", "six ; python_version>'3'", "")] == [
        "dagger-io",
        "six",
        "",
    ]
