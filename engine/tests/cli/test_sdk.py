"""The SDK, imported in half the time, is the SDK."""

import subprocess
import sys

import pytest

from embedded_engine.cli import naming
from embedded_engine.cli.sdk import import_sdk

IMPORT = "from embedded_engine.cli.sdk import import_sdk; import_sdk(); import dagger"


def run(code: str) -> str:
    """Run code in a Python of its own, in which the SDK is imported as the command line does it."""
    done = subprocess.run(
        [sys.executable, "-c", f"{IMPORT}\n{code}"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


WRONG_CALLS = """
from dagger import dag
for call in (
    lambda: dag.container().with_exec("text"),
    lambda: dag.container().with_env_variable("A", 1),
    lambda: dag.container().with_directory("/x", dag.container()),
    lambda: dagger.BuildArg(1, "x"),
):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, str(error).partition("parameter")[2].partition("=")[0])
    else:
        print("no error")
"""


def test_arguments_are_checked_all_the_same() -> None:
    """A wrong argument is refused, by its name, exactly where the SDK imported in the usual way refuses it."""
    ours = run(WRONG_CALLS)
    usual = subprocess.run(
        [sys.executable, "-c", f"import dagger\n{WRONG_CALLS}"], capture_output=True, text=True, timeout=300, check=True
    )
    assert ours == usual.stdout
    assert ours.count("TypeError") == 4


def test_methods_keep_their_shape() -> None:
    """A method has its name, documentation and kind, before its first call and after."""
    code = """
import inspect
method = dagger.Container.stdout
print(method.__name__, inspect.iscoroutinefunction(method), bool(method.__doc__), list(inspect.signature(method).parameters))
container = dagger.dag.container()
print(dagger.Container.with_exec is dagger.Container.with_exec, type(container.with_workdir("/")).__name__)
"""
    assert run(code).splitlines() == ["stdout True True ['self']", "True Container"]


def test_method_that_returns_its_own_type_is_checked() -> None:
    """A method whose signature says `Self` takes and returns its class and no other."""
    code = """
from dagger import dag
directory = dag.directory()
print(type(directory.diff(dag.directory())).__name__, type(directory.with_new_file("a", "b")).__name__)
try:
    directory.diff(dag.container())
except TypeError as error:
    print("refused")
"""
    assert run(code).splitlines() == ["Directory Directory", "refused"]


def test_replaced_method_is_left_alone() -> None:
    """A test that puts a method of its own in place keeps it, whoever calls the one that was there."""
    code = """
before = dagger.Container.with_workdir
dagger.Container.with_workdir = lambda self, path: path
print(type(before(dagger.dag.container(), "/")).__name__, dagger.dag.container().with_workdir("/x"))
"""
    assert run(code).splitlines() == ["Container /x"]


def test_command_line_of_the_http_client_is_there_when_asked() -> None:
    """httpx keeps its command line; only its import waits."""
    code = "import httpx, sys; print('click' in sys.modules, httpx.main.__name__); from httpx._main import main; print(main.name)"
    first, second = run(code).splitlines()
    assert first.startswith("False")
    assert second


def test_imported_sdk_is_left_alone() -> None:
    """Where the SDK is imported already, nothing happens."""
    import dagger

    before = dict(vars(dagger.Container))
    import_sdk()
    assert dict(vars(dagger.Container)) == before


@pytest.mark.parametrize(
    ("name", "kebab"),
    [
        ("with_report", "with-report"),
        ("withReport", "with-report"),
        ("JSONValue", "json-value"),
        ("python3_version", "python-3-version"),
        ("asGPUs", "as-gp-us"),
        ("a", "a"),
    ],
)
def test_names_are_written_as_dagger_writes_them(name: str, kebab: str) -> None:
    """The command line has names in the case that `dagger call` gives them."""
    assert naming.kebab_case(name) == kebab


@pytest.mark.parametrize(
    ("module", "main_object", "package"),
    [
        ("ci", "Ci", "ci"),
        ("my-module", "MyModule", "my_module"),
        ("myModule", "MyModule", "my_module"),
        ("my module", "MyModule", "my_module"),
        ("friendly-2", "Friendly2", "friendly_2"),
    ],
)
def test_module_name_gives_class_and_package(module: str, main_object: str, package: str) -> None:
    """A module's main object and package are found by its name, as the SDK's runtime does."""
    assert naming.pascal_case(module) == main_object
    assert naming.package_name(module) == package


ANSWERS = """
import anyio
from embedded_engine.testing import embedded_session
from dagger import dag

async def main():
    async with dagger.connection():
        container = dag.container().with_env_variable("A", "1").with_exposed_port(80, protocol=dagger.NetworkProtocol.UDP)
        print([await variable.value() for variable in await container.env_variables()])
        print([(await port.port(), await port.protocol()) for port in await container.exposed_ports()])
        print(await container.env_variable("B"), await container.workdir(), await dag.directory().entries())
        print(await dag.file("f", "text").size(), await dag.directory().exists("f"))

with embedded_session():
    anyio.run(main)
"""


def test_answers_are_what_the_sdk_makes_of_them() -> None:
    """Objects of a list, enums, what is absent, numbers and texts: as with the SDK imported in the usual way."""
    ours = run(ANSWERS)
    usual = subprocess.run(
        [sys.executable, "-c", f"import dagger\n{ANSWERS}"], capture_output=True, text=True, timeout=300, check=True
    )
    assert ours == usual.stdout
    assert ours.splitlines()[0] == "['1']"
