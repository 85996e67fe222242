"""The OpenAPI document against an earlier one, on an engine: the service itself, changed as a person would change it."""

import shutil
import subprocess
from functools import partial
from pathlib import Path

import dagger
import pytest
from dagger import dag

from ci import sources
from ci.openapi import openapi, openapi_changed
from ci.outcome import Status
from ci.stage import Result, carry_out

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]


class Work:
    """The service in a repository of its own, released as v1.0.0, on a branch that left main."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in (*sources.SERVICE, sources.TOOLS):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / name, path / name)
        shutil.copy2(ROOT / "uv.lock", path / "uv.lock")
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("feat: the service")
        self.git("tag", "v1.0.0")
        self.git("checkout", "--quiet", "-b", "feature/change")

    def git(self, *arguments: str) -> None:
        """Run git as nobody in particular."""
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
        subprocess.run(["git", *who, *arguments], cwd=self.path, check=True, capture_output=True)

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")

    def change(self, file: str, old: str, new: str) -> None:
        """Change one place of a file."""
        text = (self.path / file).read_text()
        assert old in text
        (self.path / file).write_text(text.replace(old, new, 1))

    @property
    def directories(self) -> tuple[dagger.Directory, dagger.Directory]:
        """The source and the history, as the module gets them."""
        host = dag.host()
        source = host.directory(str(self.path), exclude=sources.IGNORED, no_cache=True)
        return source, host.directory(str(self.path), exclude=sources.HISTORY_IGNORED, no_cache=True)

    async def result(self) -> Result:
        """Carry the stage out as a suite does."""
        return await carry_out("openapi", partial(openapi, *self.directories, "", ""))


@pytest.fixture
def work(tmp_path: Path, connection: None, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Nothing is changed yet."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return Work(tmp_path)


async def log_of(result: Result) -> str:
    """What the stage printed."""
    assert result.container is not None
    return await result.container.file("/reports/logs/openapi.txt").contents()


async def test_what_clients_do_not_see_is_the_same_document(work: Work) -> None:
    """A change inside is no difference."""
    work.change("src/app/api/schemas.py", "class ItemOut(BaseModel):", "# Made by a test.\nclass ItemOut(BaseModel):")
    work.commit("refactor: inside")
    result = await work.result()
    assert result.outcome.status is Status.PASSED
    assert "the OpenAPI document is that of main as the work left it\n" in await log_of(result)
    assert not await openapi_changed(*work.directories)


async def test_a_field_that_is_gone_is_red_until_a_commit_says_so(work: Work) -> None:
    """The log names what clients lose, and the commit that announced it."""
    work.change("src/app/api/schemas.py", "    created_at: datetime\n    updated_at", "    updated_at")
    work.commit("feat: a shorter answer")
    result = await work.result()
    assert result.outcome.status is Status.FAILED
    assert "created_at" in result.outcome.excerpt
    assert await openapi_changed(*work.directories)

    work.commit("feat(items)!: an item has no time of its creation")
    result = await work.result()
    assert result.outcome.status is Status.PASSED
    assert "announced by: feat(items)!: an item has no time of its creation\n" in await log_of(result)


async def test_what_is_added_is_told_and_passes(work: Work) -> None:
    """Clients that do not know of it go on."""
    work.change(
        "src/app/api/schemas.py", "    updated_at: datetime\n", "    updated_at: datetime\n    stock: int = 0\n"
    )
    work.commit("feat: stock")
    result = await work.result()
    assert result.outcome.status is Status.PASSED
    assert "stock" in await log_of(result)


async def test_before_the_first_release_everything_is_new(work: Work) -> None:
    """The stage says that there is nothing to compare with."""
    work.git("tag", "--delete", "v1.0.0")
    work.git("checkout", "--quiet", "main")
    result = await work.result()
    assert result.outcome.status is Status.PASSED
    assert "there is nothing earlier to compare with" in await log_of(result)
