"""What images take from the machine: settings, logins, Debian mirrors, recipes, whether a host answers."""

from __future__ import annotations

import base64
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.images import mirrors
from embedded_engine.images.auth import Challenge, Credentials, find_credentials
from embedded_engine.images.errors import ImageError
from embedded_engine.images.reach import unreachable
from embedded_engine.images.recipes import Delta, Recipe, RecipeTable
from embedded_engine.images.reference import Reference
from embedded_engine.images.settings import Settings


class TestSettings:
    """The configuration file and the environment."""

    def test_nothing(self, tmp_path: Path) -> None:
        """Without either, Docker Hub is asked by TLS and loopback without."""
        settings = Settings.load({"HOME": str(tmp_path)})
        assert settings == Settings()
        assert settings.endpoints("docker.io") == ("https://registry-1.docker.io",)
        assert settings.endpoints("host:5000") == ("https://host:5000",)
        for host in ("localhost:5000", "127.0.0.1:5000", "[::1]:5000", "127.8.8.8"):
            assert settings.endpoints(host) == (f"http://{host}",)

    def test_file_and_environment(self, tmp_path: Path) -> None:
        """What both say is joined; where only one can hold, the environment wins."""
        folder = tmp_path / "ci-engine"
        folder.mkdir()
        (folder / "config.toml").write_text(
            '[images]\nrecipes = ["own.toml"]\ndebian-mirror = "http://a"\noffline = true\n'
            '[registries."docker.io"]\nmirrors = ["https://m1/"]\n[registries."host:1"]\nplain-http = true\n'
        )
        environment = {
            "XDG_CONFIG_HOME": str(tmp_path),
            "CI_ENGINE_MIRRORS": "docker.io=m2,ghcr.io=http://m3",
            "CI_ENGINE_PLAIN_HTTP": "host:2",
            "CI_ENGINE_RECIPES": "/x/a.toml:/x/b.toml",
            "CI_ENGINE_DEBIAN_MIRROR": "http://b",
            "CI_ENGINE_OFFLINE": "0",
        }
        settings = Settings.load(environment)
        assert settings.endpoints("docker.io") == ("https://m1", "https://m2", "https://registry-1.docker.io")
        assert settings.endpoints("ghcr.io") == ("http://m3", "https://ghcr.io")
        assert settings.endpoints("host:1") == ("http://host:1",)
        assert settings.endpoints("host:2") == ("http://host:2",)
        assert settings.recipes == (Path("/x/a.toml"), Path("/x/b.toml"), folder / "own.toml")
        assert (settings.debian_mirror, settings.offline) == ("http://b", False)

    @pytest.mark.parametrize("text", ["?", "images = 1", "[registries]\nx = 1"])
    def test_damaged(self, tmp_path: Path, text: str) -> None:
        """A file that cannot be read as meant is named in one line."""
        (tmp_path / "ci-engine").mkdir()
        (tmp_path / "ci-engine" / "config.toml").write_text(text)
        with pytest.raises(ImageError, match=r"config\.toml is not valid"):
            Settings.load({"XDG_CONFIG_HOME": str(tmp_path)})


class TestLogins:
    """Docker's configuration file."""

    def write(self, folder: Path, document: Any) -> dict[str, str]:
        (folder / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
        return {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:/usr/bin:/bin"}

    @pytest.mark.parametrize(
        ("registry", "name"),
        [
            ("docker.io", "https://index.docker.io/v1/"),
            ("ghcr.io", "ghcr.io"),
            ("ghcr.io", "https://ghcr.io"),
            ("host:5000", "http://host:5000/v2/"),
        ],
    )
    def test_names(self, tmp_path: Path, registry: str, name: str) -> None:
        """A registry's login is found under each of the names that Docker gave it in the course of time."""
        auth = base64.b64encode(b"me:pa:ss").decode()
        environment = self.write(tmp_path, {"auths": {name: {"auth": auth}, "other": {"auth": auth}}})
        assert find_credentials(registry, environment) == Credentials("me", "pa:ss")
        assert find_credentials("elsewhere", environment) is None

    def test_helpers(self, tmp_path: Path) -> None:
        """A helper of the registry goes first, a store for all comes last, a missing one gives nothing."""
        for helper, answer in (
            ("one", '{"Username": "a", "Secret": "b"}'),
            ("all", '{"Username": "<token>", "Secret": "t"}'),
        ):
            program = tmp_path / f"docker-credential-{helper}"
            program.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
            program.chmod(0o755)
        environment = self.write(tmp_path, {"credHelpers": {"a.io": "one", "c.io": "none"}, "credsStore": "all"})
        assert find_credentials("a.io", environment) == Credentials("a", "b")
        assert find_credentials("b.io", environment) == Credentials("", "", "t")
        assert find_credentials("c.io", environment) is None

    @pytest.mark.parametrize("document", ["?", "[]", {"auths": {"a.io": {"auth": "?"}}}, {"credsStore": "../evil"}])
    def test_damaged(self, tmp_path: Path, document: Any) -> None:
        """A file that cannot be read as meant is named in one line."""
        with pytest.raises(ImageError, match="cannot read the logins"):
            find_credentials("a.io", self.write(tmp_path, document))

    def test_secret_is_not_shown(self) -> None:
        """A login's text has no secret in it."""
        assert "hush" not in repr(Credentials("me", "hush", "hush"))

    def test_challenge(self) -> None:
        """A challenge's parameters are read with and without quotes, commas inside included."""
        found = Challenge.parse('Bearer realm="https://a/token",service=reg, scope="repository:x:pull,push"')
        assert found.scheme == "bearer"
        assert found.parameters == {"realm": "https://a/token", "service": "reg", "scope": "repository:x:pull,push"}


class TestMirrors:
    """The machine's own Debian sources."""

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            pytest.param({}, None, id="none"),
            pytest.param(
                {
                    "sources.list.d/debian.sources": "Types: deb\nURIs: http://m/debian/\nSuites: bookworm bookworm-updates\n"
                    "Components: main\n\nTypes: deb\nURIs: http://s/debian-security\nSuites: bookworm-security\n"
                },
                ("http://m/debian", "http://s/debian-security"),
                id="stanzas",
            ),
            pytest.param(
                {"sources.list": "# x\ndeb [signed-by=/k] https://m/debian bookworm main contrib\n"},
                ("https://m/debian", "https://m/debian-security"),
                id="lines",
            ),
            pytest.param(
                {
                    "sources.list": "deb http://other.test/ubuntu noble main\ndeb http://x/nodistro nodistro main\n",
                    "sources.list.d/off.sources": "Types: deb\nURIs: http://off\nSuites: trixie\nEnabled: no\n",
                },
                None,
                id="other archives and what is off do not count",
            ),
        ],
    )
    def test_sources(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: tuple[str, str] | None
    ) -> None:
        """The machine's mirror serves all suites; without one nothing is said, and mmdebstrap takes Debian's own."""
        (tmp_path / "sources.list.d").mkdir()
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        monkeypatch.setattr(mirrors, "_FOLDER", tmp_path)
        if expected is None:
            assert mirrors.apt_sources("trixie") is None
            return
        archive, security = expected
        assert mirrors.apt_sources("trixie") == (
            f"deb {archive} trixie main\ndeb {archive} trixie-updates main\ndeb {security} trixie-security main\n"
        )

    def test_given_mirror(self) -> None:
        """A mirror that is given has the security fixes beside it."""
        lines = mirrors.apt_sources("trixie", "http://m/debian")
        assert lines is not None
        assert lines.count("http://m/debian") == 3


class TestRecipes:
    """The table."""

    @pytest.mark.parametrize(
        ("reference", "recipe"),
        [
            ("python:3.13-slim", "python-3.13-slim"),
            ("docker.io/library/python:3.13-slim", "python-3.13-slim"),
            ("python:3-slim", "python-3.13-slim"),
            ("python:3.13", "python-3.13"),
            ("postgres:17", "postgres-17"),
            ("postgres:17.5", "postgres-17"),
            ("redis:8", "redis-8"),
            ("debian:trixie-slim", "trixie"),
            ("debian:13", "trixie"),
            ("debian:bookworm-slim", "bookworm"),
            ("debian:12", "bookworm"),
            ("python:3.12-slim", None),
            ("postgres:16", None),
            ("ghcr.io/library/redis:8", None),
            ("team/redis:8", None),
            ("redis:8@sha256:" + "0" * 64, None),
        ],
    )
    def test_find(self, reference: str, recipe: str | None) -> None:
        """A recipe stands in for the image it names, and for no other."""
        found = RecipeTable.load().find(Reference.parse(reference))
        assert (found.name if found is not None else None) == recipe

    def test_built_in_table(self) -> None:
        """Every recipe has a name, a reference and a key of its own."""
        recipes = RecipeTable.load().recipes
        assert len({recipe.name for recipe in recipes}) == len(recipes)
        assert len({recipe.key for recipe in recipes}) == len(recipes)
        assert all(reference == reference.lower() for recipe in recipes for reference in recipe.references)
        assert all(recipe.references and recipe.suite for recipe in recipes)

    def test_own_recipe(self, tmp_path: Path) -> None:
        """A team's recipe may extend a built-in one and goes before it."""
        (tmp_path / "tool.sh").write_bytes(b"#!/bin/sh\n")
        (tmp_path / "own.toml").write_text(
            '[[recipe]]\nname = "own"\nreferences = ["python:3.13-slim", "team.example/tools:*"]\n'
            'extends = "python-3.13-slim"\npackages = ["git"]\nafter = "true"\n'
            '[recipe.files]\n"/usr/local/bin/tool" = { source = "tool.sh", mode = "0755" }\n'
            '[recipe.config]\nuser = "nobody"\nenv = { LANG = "C" }\n'
        )
        table = RecipeTable.load([tmp_path / "own.toml"])
        found = table.find(Reference.parse("python:3.13-slim"))
        assert found is not None
        assert found == table.find(Reference.parse("team.example/tools:5"))
        assert (found.name, found.deltas[-1].packages, found.config.user) == ("own", ("git",), "nobody")
        assert (found.config.get_env("LANG"), found.config.cmd) == ("C", ("python3",))
        file = found.deltas[-1].files[0]
        assert (file.path, file.mode) == ("/usr/local/bin/tool", 0o755)
        built_in = RecipeTable.load().find(Reference.parse("python:3.13-slim"))
        assert built_in is not None
        assert found.keys[:-1] == built_in.keys

    def test_other_suite(self) -> None:
        """The same steps on another suite are other layers."""
        trixie, bookworm = (
            RecipeTable.load().find(Reference.parse(f"python:{name}-slim")) for name in ("3.13", "3.11")
        )
        assert trixie is not None
        assert bookworm is not None
        assert trixie.deltas == bookworm.deltas
        assert not set(trixie.keys) & set(bookworm.keys)

    def test_key(self) -> None:
        """The key changes with what is in the root file system, not with what only describes it."""
        recipe = Recipe("a", ("a:1",), "trixie", (Delta(("x",)),))
        assert recipe.key == Recipe("b", ("b:1",), "trixie", (Delta(("x",)),)).key
        others = [Recipe("a", ("a:1",), "trixie", (Delta(("y",)),)), Recipe("a", ("a:1",), "sid", (Delta(("x",)),))]
        assert recipe.key not in {other.key for other in others}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            pytest.param("?", "not valid TOML", id="no TOML"),
            pytest.param('[[recipe]]\nname = "x"', "needs a suite", id="no suite"),
            pytest.param('[[recipe]]\nname = "x"\nsuit = "y"', "unknown field 'suit'", id="a slip"),
            pytest.param('[[recipe]]\nname = "x"\nextends = "y"', "extends 'y', which is no recipe", id="unknown base"),
            pytest.param(
                '[[recipe]]\nname = "x"\nsuite = "y"\npackages = "z"', "must be a list of strings", id="no list"
            ),
            pytest.param(
                '[[recipe]]\nname="x"\nsuite="y"\nfiles={"a"={source="b"}}', "must have an absolute path", id="path"
            ),
            pytest.param('[[recipe]]\nname="x"\nsuite="y"\nfiles={"/a"={source="b"}}', "cannot read", id="no file"),
            pytest.param('[[recipe]]\nname="x"\nsuite="y"\nconfig={port="1"}', "unknown field 'port'", id="config"),
        ],
    )
    def test_refused(self, tmp_path: Path, text: str, message: str) -> None:
        """A wrong table is refused in one line with the file's name."""
        (tmp_path / "own.toml").write_text(text)
        with pytest.raises(ImageError, match=message) as caught:
            RecipeTable.load([tmp_path / "own.toml"])
        assert "own.toml" in str(caught.value)
        assert "\n" not in str(caught.value)


class TestReach:
    """Whether a host answers."""

    async def test_answers(self) -> None:
        """A port that listens is reached."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            assert await unreachable(f"http://127.0.0.1:{server.getsockname()[1]}", 30) is None

    async def test_refuses(self) -> None:
        """A port where nobody listens says so at once."""
        assert await unreachable("http://127.0.0.1:1", 30) == "connection refused"

    async def test_unknown(self) -> None:
        """A name that nobody knows says so."""
        assert await unreachable("https://no-such-host.invalid", 60) == "its name is unknown here"

    async def test_silent(self) -> None:
        """A host that says nothing is given up in time."""
        start = time.monotonic()
        # TEST-NET-1 belongs to nobody.
        assert await unreachable("https://192.0.2.1", 0.2) is not None
        assert time.monotonic() - start < 30

    async def test_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With a proxy it is the proxy that must answer; loopback has none."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            assert await unreachable("https://no-such-host.invalid", 30) is None
            assert await unreachable("https://127.0.0.1:1", 30) == "connection refused"
