"""Tables of the pipeline against the repository that they speak of."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ci import images, sources
from ci.scripts import text_of

ROOT = Path(__file__).parents[2]
DAGGER = "0.21.8"


def toml(path: str) -> dict[str, Any]:
    """Read a TOML file of the repository."""
    return tomllib.loads((ROOT / path).read_text())


@pytest.mark.parametrize("path", sources.ALLOWED)
def test_every_path_that_a_stage_sees_exists(path: str) -> None:
    """A path that was renamed would make its stage see nothing."""
    assert (ROOT / path).exists()


def test_stages_see_no_history_no_secrets_and_nothing_of_the_pipeline() -> None:
    """The allow-list lets in what is named, and `.env` or `.git` is not."""
    assert sources.IGNORED[0] == "*"
    let_in = {pattern.removeprefix("!") for pattern in sources.IGNORED if pattern.startswith("!")}
    assert let_in == set(sources.ALLOWED)
    assert not let_in & {".git", ".env", "ci", "ci/src", "engine", "engine/src", "tests", "src"}


def test_the_freshness_stage_sees_every_project_that_has_a_lock() -> None:
    """A lock file that no stage checks goes stale unseen."""
    locks = {path.parent.relative_to(ROOT) for path in ROOT.glob("**/uv.lock") if ".venv" not in path.parts}
    assert locks == {Path(project) for project in sources.PROJECTS}


@pytest.mark.parametrize("project", sources.PROJECTS)
def test_versions_of_projects_are_static(project: str) -> None:
    """A dynamic version would make every check of a lock file build the project."""
    assert "dynamic" not in toml(f"{project}/pyproject.toml")["project"]


@pytest.mark.parametrize("project", [project for project in sources.PROJECTS if project != sources.TOOLS])
def test_every_lock_has_the_engines_version_of_the_client(project: str) -> None:
    """The pipeline runs in three environments, and speaks the same API in each."""
    versions = {p["name"]: p["version"] for p in toml(f"{project}/uv.lock")["package"]}
    assert versions["dagger-io"] == DAGGER


def test_the_module_names_the_engine_that_its_client_speaks_to() -> None:
    """dagger.json is the one place of the engine's version."""
    module = json.loads((ROOT / "dagger.json").read_text())
    assert module["engineVersion"] == f"v{DAGGER}"
    assert (module["name"], module["source"]) == ("ci", "ci")


def test_the_modules_project_stands_alone() -> None:
    """The engine locks and installs it with nothing beside it, on the Python that .python-version names."""
    project = toml("ci/pyproject.toml")
    assert project["project"]["requires-python"] == ">=3.11"
    assert "build-system" in project
    assert "sources" not in project.get("tool", {}).get("uv", {})
    assert (ROOT / "ci/.python-version").read_text().strip() in images.PYTHON


def test_images_are_named_in_one_place() -> None:
    """A second name of an image is one that somebody forgets to change."""
    pattern = re.compile(r"\b(python|postgres|redis|debian):\d")
    named = {
        path.relative_to(ROOT).name for path in (ROOT / "ci/src").rglob("*.py") if pattern.search(path.read_text())
    }
    assert named == {"images.py"}


def test_the_image_of_the_service_starts_where_the_stages_run() -> None:
    """What the tests saw is what is shipped: the same Python, the same Debian."""
    froms = re.findall(r"^FROM\s+(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert images.PYTHON in froms


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (ROOT / "ci/src/ci/scripts").glob("*.*") if path.name != "__init__.py")
)
def test_programs_for_containers_travel_with_the_package(name: str) -> None:
    """They are read from the installed package."""
    assert text_of(name).strip()
