"""Builds of recipes that fail, are cancelled, or are asked for by many."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedded_engine.images.errors import ImageError
from embedded_engine.images.recipes import RecipeTable
from embedded_engine.images.settings import Settings
from embedded_engine.images.source import ImageSource
from embedded_engine.store import Store
from machine_programs import copy_programs


class TestBuild:
    """Builds of recipes that do not come to their end."""

    TABLE = '[[recipe]]\nname = "x"\nreferences = ["x:1"]\nextends = "trixie"\n'

    @pytest.fixture
    def source(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ImageSource]:
        """A source whose minimal system is a stub of a root: these tests are about what happens on it."""
        if os.geteuid() != 0:
            pytest.skip("building a root file system takes root")
        (tmp_path / "own.toml").write_text(self.TABLE + request.param)
        with Store.open(tmp_path / "store") as store:
            recipe = RecipeTable.load([tmp_path / "own.toml"]).recipes[0]
            with store.layers.stage() as staged:
                _busybox(staged.fs)
                staged.commit(f"recipe-{recipe.keys[0][:24]}")
            yield ImageSource(store, lambda event: None, Settings(offline=True, recipes=(tmp_path / "own.toml",)))

    @pytest.mark.parametrize("source", ["after = 'echo something is wrong >&2; exit 3'"], indirect=True)
    async def test_failing_step(self, source: ImageSource, tmp_path: Path) -> None:
        """A step that fails ends in one line with what it said, and leaves no layer."""
        with pytest.raises(ImageError, match=r"building x:1 from Debian trixie failed: .*something is wrong") as caught:
            await source.fetch(await source.resolve("x:1"))
        assert "\n" not in str(caught.value)
        assert len(list((tmp_path / "store" / "layers").iterdir())) == 1

    @pytest.mark.parametrize("source", ["after = 'echo > /started; sleep 100'"], indirect=True)
    async def test_cancelled(self, source: ImageSource, tmp_path: Path) -> None:
        """A build that is cancelled ends at once: no process, no mount and no half layer remain."""
        task = asyncio.create_task(source.fetch(await source.resolve("x:1")))
        await _until(lambda: bool(list((tmp_path / "store" / "staging").rglob("started"))))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _until(lambda: not _processes(str(tmp_path)))
        assert str(tmp_path) not in _mounts()
        assert len(list((tmp_path / "store" / "layers").iterdir())) == 1

    @pytest.mark.parametrize("source", ["after = 'echo > /started; sleep 100'"], indirect=True)
    async def test_killed(self, source: ImageSource, tmp_path: Path) -> None:
        """When the engine is killed, its build ends with it."""
        program = (
            "import asyncio, pathlib, sys\n"
            "from embedded_engine.images.settings import Settings\n"
            "from embedded_engine.images.source import ImageSource\n"
            "from embedded_engine.store import Store\n"
            "async def main(root):\n"
            "    settings = Settings(offline=True, recipes=(root / 'own.toml',))\n"
            "    source = ImageSource(Store.open(root / 'store'), lambda event: None, settings)\n"
            "    await source.fetch(await source.resolve('x:1'))\n"
            "asyncio.run(main(pathlib.Path(sys.argv[1])))\n"
        )
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path))
        await _until(lambda: bool(list((tmp_path / "store" / "staging").rglob("started"))))
        process.kill()
        await process.wait()
        await _until(lambda: not _processes(str(tmp_path)))
        assert str(tmp_path) not in _mounts()

    @pytest.mark.parametrize("source", ["after = 'mkdir /new; echo 1 >/new/file'"], indirect=True)
    async def test_built_once(self, source: ImageSource) -> None:
        """However many ask at once, a layer is built once, and only what the steps made is in it."""
        resolved = await source.resolve("x:1")
        trees = await asyncio.gather(*(source.fetch(resolved) for _ in range(5)))
        assert len(set(trees)) == 1
        top = source._store.layers.path(trees[0].layers[-1])
        assert sorted(str(path.relative_to(top)) for path in top.rglob("*")) == ["new", "new/file"]

    async def test_no_mmdebstrap(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without mmdebstrap one line says how to get it."""
        source = ImageSource(store, lambda event: None, Settings(offline=True))
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(ImageError, match=r"needs mmdebstrap: install it \(apt-get install mmdebstrap\)"):
            await source.fetch(await source.resolve("debian:13"))


def _busybox(root: Path) -> None:
    """The least that the installing script needs: a shell, its libraries, and the folders that it mounts on."""
    for folder in ("proc", "dev", "etc/dpkg/dpkg.cfg.d", "var/cache/apt", "var/lib/apt/lists", "usr/sbin", "tmp"):
        (root / folder).mkdir(parents=True)
    for file in ("etc/resolv.conf", "etc/hosts"):
        (root / file).touch()
    copy_programs(root, ("sh", "mkdir", "sleep"))


def _mounts() -> str:
    """What is mounted where, as this process sees it."""
    return Path("/proc/self/mountinfo").read_text()


def _processes(text: str) -> list[str]:
    """Command lines that have the text in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if text in line and path.parent.name != str(os.getpid()):
                found.append(line)
    return found


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, a minute at most."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about in a minute")
