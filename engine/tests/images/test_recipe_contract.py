"""What a recipe's root file system does for real, held to what the documentation of the official image promises.

The first run builds `python:3.13-slim` into the user's store (half a minute); the other images are tried where the
store has them already, or with CI_ENGINE_TEST_RECIPES=all.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from embedded_engine.events import Event, Note
from embedded_engine.images.recipes import RecipeTable
from embedded_engine.images.reference import Reference
from embedded_engine.images.settings import Settings
from embedded_engine.images.source import ImageSource, Origin
from embedded_engine.store import Store

# Runs a script in a throw-away overlay of a layer, in namespaces of its own, with the host's network.
ENTER = r"""
set -eu
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/upper,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc proc proc
mount --rbind /dev dev
for file in etc/resolv.conf etc/hosts; do touch "$file"; mount --bind "/$file" "$file"; done
if [ -n "${CERTIFICATES:-}" ]; then touch run/certificates; mount --bind "$CERTIFICATES" run/certificates; fi
shift
exec chroot . "$@"
"""

InImage = Callable[..., str]
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX")
ALL = os.environ.get("CI_ENGINE_TEST_RECIPES") == "all"


@pytest.fixture(scope="module")
def images() -> Iterator[tuple[Store, ImageSource]]:
    """The user's own store, where no registry is asked."""
    if os.geteuid() != 0:
        pytest.skip("building and entering a root file system takes root")
    with Store.open() as store:
        yield store, ImageSource(store, lambda event: None, replace(Settings.load(), offline=True))


@pytest.fixture
async def in_image(images: tuple[Store, ImageSource], request: pytest.FixtureRequest, tmp_path: Path) -> InImage:
    """Run a shell script in the image that the test's marker names, with the image's environment; give its output."""
    store, source = images
    reference = request.param
    resolved = await source.resolve(reference)
    recipe = RecipeTable.load().find(Reference.parse(reference))
    assert recipe is not None
    present = store.results.get(f"image:{resolved.key}") is not None
    if not (present or ALL or reference == "python:3.13-slim"):
        pytest.skip(f"{reference} is not built yet: run the full suite once, or set CI_ENGINE_TEST_RECIPES=all")
    tree = await source.fetch(resolved)
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | dict(resolved.config.env)
    certificates = os.environ.get("SSL_CERT_FILE", "")
    if certificates:
        environment |= dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"), "/run/certificates")

    def run(script: str, *, shell: str = "sh", check: bool = True) -> str:
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"]
        inside = [
            "/usr/bin/env",
            "-i",
            *(f"{name}={value}" for name, value in environment.items()),
            shell,
            "-c",
            script,
        ]
        done = subprocess.run(
            [*command, ":".join(map(str, reversed(store.layers.paths(tree)))), *inside],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            env={"PATH": os.environ["PATH"], "CERTIFICATES": certificates, "TMPDIR": str(tmp_path)},
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("in_image", ["python:3.13-slim"], indirect=True)
class TestPython:
    """python:3.13-slim."""

    def test_interpreter(self, in_image: InImage) -> None:
        """`python` and `python3` on PATH are the documented version, in UTF-8, and find their certificates."""
        script = "python --version; python3 --version; command -v python; command -v pip; python -c 'import sys; print(sys.flags.utf8_mode)'"
        lines = in_image(f"{script}; echo $PYTHON_VERSION; test -s /etc/ssl/certs/ca-certificates.crt").splitlines()
        version = lines[-1]
        assert lines[:4] == [f"Python {version}", f"Python {version}", "/usr/local/bin/python", "/usr/local/bin/pip"]
        assert in_image("python -c 'print(\"é\")'") == "é\n"

    def test_pip(self, in_image: InImage) -> None:
        """`pip install` works as root, also of pip itself; programs land on PATH, files in site-packages."""
        output = in_image(
            "set -e; pip list --format=freeze --disable-pip-version-check; pip install -q six wheel 2>&1 | grep -i error || true;"
            "python -c 'import six'; command -v wheel; ls /usr/local/lib/python3.13/site-packages | grep ^six.py;"
            "pip install -q --upgrade pip 2>/dev/null; pip uninstall -qy wheel 2>/dev/null; ! command -v wheel; pip --version"
        )
        assert output.startswith("pip==")
        assert "six.py\n" in output

    def test_environments(self, in_image: InImage) -> None:
        """`python -m venv` works, and `uv` from the index finds the interpreter and installs into either."""
        output = in_image(
            "set -e; python -m venv /v; /v/bin/pip --version; pip install -q uv 2>/dev/null; uv python find;"
            "uv venv -q /w; uv pip install -q --python /w/bin/python six; /w/bin/python -c 'import six; print(six.__file__)';"
            "uv pip install -q --system six; python -c 'import six'"
        )
        assert "/usr/local/bin/python" in output
        assert "/w/lib/python3.13/site-packages/six.py" in output

    def test_lean(self, in_image: InImage) -> None:
        """No manuals, no package lists, nothing of the building machine; licences are there."""
        script = "find /usr/share/man /usr/share/doc /var/lib/apt/lists /var/log -type f ! -name copyright 2>/dev/null; ls -A /dev/shm"
        output = in_image(f"{script}; ls /usr/share/doc/bash; cat /etc/hostname; stat -c %a /tmp")
        assert output.split() == ["/var/log/btmp", "/var/log/lastlog", "/var/log/wtmp", "copyright", "1777"] or (
            output.split()[-2:] == ["copyright", "1777"]
        )

    def test_packages_can_be_added(self, in_image: InImage) -> None:
        """`apt-get` works in the image with the machine's mirror."""
        script = "apt-get update -qq && apt-get install -qqy --no-install-recommends jq >/dev/null 2>&1 && jq --version"
        assert "jq-1" in in_image(script)


@pytest.mark.parametrize("in_image", ["postgres:17"], indirect=True)
class TestPostgres:
    """postgres:17."""

    WAIT = "for i in $(seq 200); do (echo >/dev/tcp/127.0.0.1/5432) 2>/dev/null && break; sleep 0.05; done\n"

    def start(self, *before: str) -> str:
        lines = ['export POSTGRES_USER=app POSTGRES_PASSWORD="p\'w" POSTGRES_DB=my-db PGPASSWORD="p\'w"', *before]
        return "\n".join([*lines, "docker-entrypoint.sh postgres >/tmp/log 2>&1 & server=$!", self.WAIT])

    def test_first_start(self, in_image: InImage) -> None:
        """User, password and database are made; initdb scripts have run before TCP answers; the server is not root."""
        output = in_image(
            self.start(
                "cd /docker-entrypoint-initdb.d",
                "echo 'CREATE TABLE t(x int); INSERT INTO t VALUES (1);' >10.sql",
                "echo 'INSERT INTO t VALUES (3);' | gzip >30.sql.gz",
                'echo \'psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO t VALUES (2)"; id -un >/tmp/who\' >20.sh',
            )
            + "psql -h 127.0.0.1 -U app my-db -Atc 'SELECT array_agg(x) FROM t' -c 'SHOW server_version_num'\n"
            "cat /tmp/who; stat -c %U /proc/$server; kill -INT $server; wait $server; echo exit $?",
            shell="bash",
        )
        numbers, version, user, owner, exit_code = output.splitlines()
        assert (numbers, user, owner, exit_code) == ("{1,2,3}", "postgres", "postgres", "exit 0")
        assert version.startswith("17")

    def test_password_is_needed(self, in_image: InImage) -> None:
        """From another address only the password lets in; without one the first start is refused by name."""
        output = in_image(
            self.start() + "address=$(hostname -I | cut -d' ' -f1)\n"
            "PGPASSWORD=wrong psql -h $address -U app my-db -c 'SELECT 1'; psql -h $address -U app my-db -Atc \"SELECT 'in'\"",
            shell="bash",
        )
        assert "password authentication failed" in output
        assert "in" in output.splitlines()
        assert "POSTGRES_PASSWORD" in in_image("docker-entrypoint.sh postgres", check=False)

    def test_second_start(self, in_image: InImage) -> None:
        """A data directory that is there already is kept."""
        output = in_image(
            self.start() + "psql -h 127.0.0.1 -U app my-db -qc 'CREATE TABLE kept()'\nkill $server; wait $server\n"
            "docker-entrypoint.sh postgres >/tmp/log2 2>&1 &\n"
            + self.WAIT
            + "grep -c 'Skipping initialization' /tmp/log2\n"
            "until psql -h 127.0.0.1 -U app my-db -Atc 'SELECT count(*) FROM kept' 2>/dev/null; do sleep 0.05; done",
            shell="bash",
        )
        assert output.split() == ["1", "0"]

    def test_secret_files_and_trust(self, in_image: InImage) -> None:
        """A value may come from a file; with `trust` nobody is asked; a failing script stops the start."""
        output = in_image(
            "echo filed >/tmp/user; export POSTGRES_USER_FILE=/tmp/user POSTGRES_HOST_AUTH_METHOD=trust\n"
            "docker-entrypoint.sh postgres >/tmp/log 2>&1 &\n"
            + self.WAIT
            + "psql -h 127.0.0.1 -U filed -Atc 'SELECT current_user'",
            shell="bash",
        )
        assert output.strip() == "filed"
        broken = in_image(
            "echo 'SELECT broken;' >/docker-entrypoint-initdb.d/x.sql; POSTGRES_PASSWORD=x docker-entrypoint.sh postgres",
            check=False,
        )
        assert 'column "broken" does not exist' in broken


@pytest.mark.parametrize("in_image", ["redis:8"], indirect=True)
class TestRedis:
    """redis:8."""

    WAIT = "for i in $(seq 200); do (echo >/dev/tcp/127.0.0.1/6379) 2>/dev/null && break; sleep 0.05; done\n"

    def test_default_command(self, in_image: InImage) -> None:
        """The server answers on all addresses without a password, keeps its data in /data, and is not root."""
        output = in_image(
            "cd /data; docker-entrypoint.sh redis-server >/tmp/log 2>&1 & server=$!\n" + self.WAIT + "redis-cli -h "
            "$(hostname -I | cut -d' ' -f1) set a b; redis-cli save; stat -c %U /data/dump.rdb /proc/$server; redis-cli info "
            "server | grep -o redis_version:8; kill $server; wait $server; echo exit $?",
            shell="bash",
        )
        assert output.split("\n")[:-1] == ["OK", "OK", "redis", "redis", "redis_version:8", "exit 0"]

    def test_own_configuration(self, in_image: InImage) -> None:
        """Options and a configuration file are taken over; what they set is not overridden."""
        output = in_image(
            "cd /data; echo 'protected-mode yes' >/tmp/redis.conf\n"
            "docker-entrypoint.sh /tmp/redis.conf --appendonly yes >/tmp/log 2>&1 &\n"
            + self.WAIT
            + "redis-cli config get "
            "protected-mode; redis-cli config get appendonly",
            shell="bash",
        )
        assert output.split() == ["protected-mode", "yes", "appendonly", "yes"]


async def test_said_aloud(tmp_path: Path) -> None:
    """Where a recipe stands in, a note says so and the labels record it."""
    events: list[Event] = []
    with Store.open(tmp_path / "store") as store:
        source = ImageSource(store, events.append, Settings(offline=True))
        resolved = await source.resolve("redis:8")
        again = await ImageSource(store, events.append, Settings(offline=True)).resolve("redis:8")
    assert events == [
        Note("redis:8: no registry is asked (offline); a Debian trixie recipe stands in for the image"),
    ]
    assert (resolved.origin, again) == (Origin.RECIPE, resolved)
    assert dict(resolved.config.labels) == {
        "embedded-engine.recipe": "redis-8",
        "embedded-engine.recipe.suite": "trixie",
    }
    assert resolved.config.workdir == "/data"
