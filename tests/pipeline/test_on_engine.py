"""The pipeline's functions on an engine, on this repository as it is and with faults put into it."""

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagger
import pytest
import pytest_asyncio
from dagger import dag

from ci import Ci, sources
from ci.errors import StageFailed, SuiteFailed
from ci.outcome import Status
from ci.policy.suites import Suite, stages_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.asyncio(loop_scope="module")

QUICK = len(stages_of(Suite.QUICK))
UNUSED_IMPORT = '"""Made by a test."""\n\nimport os\n'
FAILING_TEST = (
    '"""Made by a test."""\n\n\ndef test_fails() -> None:\n    """It fails."""\n    assert sorted("ba") == []\n'
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def connection(engine_session: None) -> AsyncIterator[None]:
    """The functions' client, connected to an engine."""
    async with dagger.connection():
        yield


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what the module sees of this repository, to put faults into."""
    for path in sources.ALLOWED:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy2(ROOT / path, target)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=feat: begin"], check=True)
    return tmp_path


def history_of(repository: Path) -> dagger.Directory:
    """What the functions see of its history."""
    return dag.host().directory(str(repository), exclude=sources.HISTORY_IGNORED, no_cache=True)


def pipeline(repository: Path, fresh: str = "") -> Any:  # the SDK's decorators hide the constructor from type checkers
    """The module over a repository, as the command line makes it."""
    source = dag.host().directory(str(repository), exclude=sources.IGNORED, no_cache=True)
    make: Any = Ci
    return make(source=source, fresh=fresh)


async def stages_in(reports: dagger.Directory) -> dict[str, dict[str, object]]:
    """The stages of a report by name."""
    summary = json.loads(await reports.file("summary.json").contents())
    return {stage["stage"]: stage for stage in summary["stages"]}


def replace(path: Path, old: str, new: str) -> None:
    """Change one place of a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


async def test_the_quick_suite_is_green(repository: Path) -> None:
    """The repository keeps its own rules."""
    assert f"quick: all {QUICK} stages passed" in await pipeline(repository).quick(history=history_of(repository))


async def test_a_red_suite_names_the_stages_and_leaves_reports(repository: Path) -> None:
    """Two faults: both stages are named with their output, the other stages ran, and the report has it all."""
    (repository / "src/app/unused.py").write_text(UNUSED_IMPORT)
    (repository / "tests/unit/test_made.py").write_text(FAILING_TEST)
    with pytest.raises(SuiteFailed) as failure:
        await pipeline(repository).quick(history=history_of(repository))
    text = str(failure.value)
    assert f"quick: {QUICK - 2} of {QUICK} stages passed; lint failed, unit failed" in text
    assert "src/app/unused.py:3:8: F401" in text
    assert "assert ['a', 'b'] == []" in text
    assert "rerun: ci unit (or: dagger call unit)" in text

    reports = await pipeline(repository).report(suite=Suite.QUICK, history=history_of(repository))
    files = set(await reports.glob("**/*"))
    assert {f"logs/{name}.txt" for name in stages_of(Suite.QUICK)} <= files
    assert {"junit/unit.xml", "coverage/coverage.xml", "coverage/html/index.html"} <= files
    assert {"index.html", "summary.md", "summary.json"} <= files
    assert 'name="test_fails"' in await reports.file("junit/unit.xml").contents()
    stages = await stages_in(reports)
    assert stages["unit"]["status"] == Status.FAILED
    assert (
        await stages_in(await pipeline(repository).report(suite=Suite.QUICK, history=history_of(repository))) == stages
    )


async def test_a_stage_alone_raises_its_output(repository: Path) -> None:
    """The message is the same as in a suite."""
    (repository / "src/app/unused.py").write_text(UNUSED_IMPORT)
    with pytest.raises(StageFailed, match=r"F401[\s\S]*\nrerun: ci lint"):
        await pipeline(repository).lint()


async def test_a_stale_lock_file_is_red(repository: Path) -> None:
    """A dependency that was added by hand is not in the lock file."""
    replace(repository / "pyproject.toml", "dependencies = [", 'dependencies = [\n    "six",')
    with pytest.raises(StageFailed, match="lock failed: exit code 1"):
        await pipeline(repository).lock()


async def test_a_workflow_that_pastes_into_a_shell_is_red(repository: Path) -> None:
    """What a stranger writes must not become a command, and a context that does not exist is found."""
    workflow = repository / ".github/workflows/ci.yml"
    replace(workflow, "cat reports/annotations.txt", 'echo "${{ github.event.pull_request.title }}"')
    with pytest.raises(StageFailed, match="potentially untrusted"):
        await pipeline(repository).workflow()
    replace(workflow, 'github.event.pull_request.title }}"', 'github.nonsense }}"')
    with pytest.raises(StageFailed, match='property "nonsense" is not defined'):
        await pipeline(repository).workflow()


async def test_an_edit_runs_only_the_stages_that_see_it(repository: Path) -> None:
    """An edit of a test leaves the lock files' check alone; secrets are looked for in every file."""
    before = await stages_in(await pipeline(repository).report(suite=Suite.QUICK, history=history_of(repository)))
    (repository / "tests/unit/test_made.py").write_text(f'"""{uuid4()}"""\n')
    after = await stages_in(await pipeline(repository).report(suite=Suite.QUICK, history=history_of(repository)))
    again = {name for name in before if before[name]["started"] != after[name]["started"]}
    assert again == {"formatting", "lint", "types", "unit", "secrets"}


async def test_a_fresh_run_runs_again(repository: Path) -> None:
    """The same value is the same run, another one is another."""
    fresh = str(uuid4())
    first = await stages_in(await pipeline(repository).report(suite=Suite.QUICK, history=history_of(repository)))
    second = await stages_in(
        await pipeline(repository, fresh).report(suite=Suite.QUICK, history=history_of(repository))
    )
    again = await stages_in(await pipeline(repository, fresh).report(suite=Suite.QUICK, history=history_of(repository)))
    assert all(first[name]["started"] != second[name]["started"] for name in first)
    assert second == again


async def test_migrations_with_two_heads_are_red(repository: Path) -> None:
    """Two revisions that follow the same one cannot both be next."""
    folder = repository / "src/app/migrations/versions"
    first = next(folder.glob("0001_*.py")).read_text()
    (folder / "0001_other.py").write_text(first.replace('"0001"', '"0001b"'))
    with pytest.raises(StageFailed, match="migrations failed: exit code 1"):
        await pipeline(repository).migrations()


async def test_a_model_without_its_migration_is_red(repository: Path) -> None:
    """Models and schema must agree."""
    replace(repository / "src/app/db/schema.py", "String(120)", "String(121)")
    with pytest.raises(StageFailed, match="New upgrade operations detected"):
        await pipeline(repository).migrations()


async def test_a_broken_integration_test_is_red_and_in_the_report(repository: Path) -> None:
    """JUnit names the test, on a real database."""
    (repository / "tests/integration/test_made.py").write_text(FAILING_TEST)
    with pytest.raises(StageFailed, match=r"assert \['a', 'b'\] == \[\]"):
        await pipeline(repository).integration()


async def test_an_image_that_cannot_be_built_is_no_red_test(repository: Path) -> None:
    """The stage says that it could not run and what the build printed."""
    replace(repository / "Dockerfile", "FROM ", "FROM python:0.0-nosuch AS never\nRUN true\nFROM never AS other\nFROM ")
    with (repository / "Dockerfile").open("a") as dockerfile:
        dockerfile.write("\nRUN echo cannot go on && exit 7\n")
    with pytest.raises(StageFailed, match="build could not run") as failure:
        await pipeline(repository).build()
    assert failure.value.outcome.status is Status.ERROR
    assert "cannot go on" in str(failure.value)


async def test_an_image_of_root_with_a_secret_is_red(repository: Path) -> None:
    """The inspection names every broken rule."""
    with (repository / "Dockerfile").open("a") as dockerfile:
        dockerfile.write("\nUSER root\nRUN touch /srv/.env\nENV API_TOKEN=abc\n")
    with pytest.raises(StageFailed, match="build failed: exit code 1") as failure:
        await pipeline(repository).build()
    assert "FAIL  runs as an ordinary user: it runs as 'root'" in str(failure.value)
    assert "FAIL  has no files with secrets: found /srv/.env" in str(failure.value)
    assert "FAIL  has no secrets in its environment: found API_TOKEN" in str(failure.value)


async def test_the_image_is_as_it_is_meant_to_be(repository: Path) -> None:
    """Every rule is kept."""
    container = await pipeline(repository).build()
    log = await container.file("/reports/logs/build.txt").contents()
    assert log.count("ok    ") == 8


async def test_the_image_passes_its_smoke_test(repository: Path) -> None:
    """Four steps, then the service's own log."""
    container = await pipeline(repository).smoke()
    log = await container.file("/reports/logs/smoke.txt").contents()
    assert log.count("ok    ") == 4
    assert "--- the service's log" in log


async def test_a_service_that_cannot_start_fails_the_smoke_test_with_its_log(repository: Path) -> None:
    """What the service printed last is the reason."""
    with (repository / "src/app/main.py").open("a") as main:
        main.write('\nraise RuntimeError("no way to start")\n')
    with pytest.raises(StageFailed, match="smoke") as failure:
        await pipeline(repository).smoke()
    assert "no way to start" in str(failure.value)
