"""`ci call` on a real engine: arguments in, results and errors out."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
WriteModule = Callable[..., Path]


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ("hello --name=bob", "hello bob"),
        ("call --greeting=hi hello --name bob", "hi bob"),
        ("kinds", "1\n0.5\nTrue\nNone\nNone\n'red'\n[]\n"),
        (
            "kinds --whole=2 --part=1.5 --on=false --words=a,b --numbers=1,2 --color=blue --colors=RED,blue",
            "2\n1.5\nFalse\n['a', 'b']\n[1, 2]\n'blue'\n['red', 'blue']\n",
        ),
        ("number", "12345678"),
        ("ratio", "2"),
        ("truth", "true"),
        ("nothing", ""),
        ("thing --name=y bigger --by=4 describe --loud", "Y:7"),
        ("thing size", "3"),
        ("things name", "a\nb\n"),
        ("things name --json", '[\n    "a",\n    "b"\n]\n'),
        ("read --file=pyproject.toml", '[project]\nname = "sample"\nversion = "0"\n'),
        ("tree file --path=a/b.txt contents", "hi"),
        ("tree entries", "a/\n"),
        ("here", ""),
        ("reveal --token=env:TOKEN", "s3cret"),
        ("reveal --token=env://TOKEN", "s3cret"),
        ("reveal --token=file:pyproject.toml", '[project]\nname = "sample"\nversion = "0"\n'),
    ],
)
def test_result_is_printed_as_dagger_prints_it(ci: Run, words: str, out: str) -> None:
    """A function gets what its flags say, and its result is on standard output, nothing else."""
    ran = ci(*words.split(), TOKEN="s3cret")
    assert (ran.returncode, ran.stdout) == (0, out), ran.stderr


def test_objects_are_printed_by_type_and_digest(ci: Run) -> None:
    """An object without a printable value is its type and a digest; a list of them has a line each."""
    assert re.fullmatch(r"Directory@sha256:[0-9a-f]{64}\n", ci("tree").stdout)
    assert re.fullmatch(r"(- SampleThing@sha256:[0-9a-f]{64}\n){2}", ci("things").stdout)


def test_changeset_is_shown_and_applied_when_asked(ci: Run, sample: Path, tmp_path: Path) -> None:
    """What it would change, file by file; with -y it is applied to where the command was given."""
    ran = ci("change")
    assert ran.stdout == "+ new.txt  +2 -0\n1 file changed, +2 -0 lines\n", ran.stderr
    assert "Nothing is changed yet: -y applies it" in ran.stderr
    assert not (sample / "new.txt").exists()
    ran = ci("-m", str(sample), "change", "-y", cwd=tmp_path)
    assert (tmp_path / "new.txt").read_text() == "1\n2\n", ran.stderr
    assert "It is applied." in ran.stderr


def test_directory_is_read_from_where_the_command_was_given(ci: Run, sample: Path) -> None:
    """A relative path begins at the working directory, and the module's own is an empty one."""
    inside = ci("-m", "../module", "entries", "--source=.", cwd=sample.parent / "kept")
    assert inside.stdout == "file.txt\nnot/\n"
    absolute = ci("entries", f"--source={sample.parent}/other")
    assert absolute.stdout == "file.txt\n"


def test_default_path_is_the_repository_without_what_is_ignored(ci: Run) -> None:
    """`/` is the repository, another path begins at dagger.json, and `!` takes back what a pattern ignored."""
    ran = ci("context")
    assert ran.stdout.splitlines() == ["kept/", "kept/file.txt", "module/", "module/pyproject.toml", "[project]"]


def test_default_path_never_leaves_the_repository(ci: Run) -> None:
    """A module cannot read beside its repository."""
    ran = ci("outside")
    assert ran.returncode != 0
    assert "leaves the repository" in ran.stderr


def test_object_is_exported(ci: Run, sample: Path, tmp_path: Path) -> None:
    """`export` and `--output` write to paths from where the command was given, and say where."""
    exported = ci("-m", str(sample), "tree", "export", "--path=here", cwd=tmp_path)
    assert (exported.returncode, exported.stdout) == (0, f"{tmp_path}/here")
    assert (tmp_path / "here" / "a" / "b.txt").read_text() == "hi"
    saved = ci("-m", str(sample), "tree", "file", "--path=a/b.txt", "-o", "there/b.txt", cwd=tmp_path)
    assert (saved.returncode, saved.stdout) == (0, "")
    assert f'Saved to "{tmp_path}/there/b.txt".' in saved.stderr
    assert (tmp_path / "there" / "b.txt").read_text() == "hi"


def test_value_is_written_to_the_output_too(ci: Run, sample: Path, tmp_path: Path) -> None:
    """With `--output` a value is printed and kept in a file."""
    ran = ci("-m", str(sample), "-o", "deep/name.txt", "thing", "name", cwd=tmp_path)
    assert ran.stdout == "x"
    assert (tmp_path / "deep" / "name.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("helo", "Error: unknown function 'helo'; did you mean 'hello'?"),
        ("hello", "Error: hello needs --name"),
        ("hello --nme=x", "Error: unknown flag --nme for hello; did you mean '--name'?"),
        ("entries --source=./nope", "no such file or directory"),
        ("entries --source=pyproject.toml", "it is a file"),
        ("read --file=nope", "no such file"),
        ("kinds --color=green", "Error: --color takes one of RED, BLUE, not 'green'"),
        ("reveal --token=env:NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"),
        ("boom", "Error: it went wrong"),
        ("group", "Error: one; two"),
        ("missing", "nope"),
        ("unserialisable", "Error: what Sample.unserialisable returned is not what its signature says"),
        ("-m /nowhere hello", "Error: no such directory: /nowhere"),
        ("--engine=other hello", "Error: option --engine takes one of embedded, dagger, not 'other'"),
    ],
)
def test_error_is_one_line(ci: Run, words: str, message: str) -> None:
    """Whatever is wrong, the last line says what, the exit code is not 0, and there is no traceback."""
    ran = ci(*words.split())
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert message in ran.stderr
    assert len([line for line in ran.stderr.splitlines() if line.startswith("Error:")]) == 1
    assert "Traceback" not in ran.stderr


def test_store_that_cannot_be_is_refused(ci: Run) -> None:
    """Where the store cannot be made the line says so, for calls and for lists."""
    for words in (("hello", "--name=x"), ("functions",)):
        ran = ci(*words, CI_ENGINE_STORE="/dev/null/store")
        assert ran.returncode == 1
        assert re.fullmatch(r"Error: .*/dev/null.*\n", ran.stderr)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["at the end", "at once"])
def test_result_that_cannot_be_written_is_an_error(command: dict[str, str], sample: Path, unbuffered: str) -> None:
    """A full disk behind standard output is no success."""
    environment = {**command, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "embedded_engine.cli", "number"]
        ran = subprocess.run(
            words, cwd=sample, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300, check=False
        )
    assert ran.returncode != 0
    assert "No space left on device" in ran.stderr


def test_traceback_is_shown_when_asked(ci: Run) -> None:
    """With -v anywhere, or CI_ENGINE_DEBUG, the place in the function is shown once."""
    assert ci("-v", "boom").stderr.count("raise ValueError") == 1
    assert ci("boom", "-v").stderr.count("raise ValueError") == 1
    assert ci("boom", CI_ENGINE_DEBUG="1").stderr.count("raise ValueError") == 1


def test_module_knows_itself(ci: Run) -> None:
    """A function reads files that lie beside its code, and what it wrote to its own working directory."""
    assert ci("own").stdout.splitlines() == ["sample", "dagger.json", "pyproject.toml", "src/", "made here"]


def test_what_a_module_prints_is_not_its_result(ci: Run) -> None:
    """Standard output holds the result alone; prints of a function go to standard error."""
    ran = ci("talk")
    assert (ran.stdout, ran.stderr) == ("said", "talking\n")


def test_no_cache_makes_a_run_its_own(ci: Run) -> None:
    """`--no-cache` gives the constructor's `fresh` a new value each time; an explicit one is kept."""
    assert ci("secret-run").stdout == ""
    first, second = ci("--no-cache", "secret-run").stdout, ci("--no-cache", "secret-run").stdout
    assert first
    assert first != second
    assert ci("--no-cache", "--fresh=mine", "secret-run").stdout == "mine"


def test_help_names_arguments_and_functions(ci: Run) -> None:
    """Help for the module lists its functions; for a function, its arguments with what they take."""
    module = ci("call", "--help").stdout
    assert '--greeting string   How to greet (default "hello")' in module
    assert "hello" in module
    function = ci("hello", "--help").stdout
    assert "Greet somebody." in function
    assert "--name string   Whom to greet [required]" in function
    assert '(RED, BLUE) (default "RED")' in ci("kinds", "--help").stdout


def test_stages_are_shown_with_times_and_a_summary(ci: Run) -> None:
    """Each span of the module is a stage: a line when it starts, one when it ends, and a summary of all."""
    ran = ci("staged")
    assert ran.stdout == "done"
    assert "first: started" in ran.stderr
    assert re.search(r"first: passed in \d+(\.\d+)? s", ran.stderr)
    assert re.search(r"second: failed: red; in \d+(\.\d+)? s", ran.stderr)
    assert re.search(r"1 of 2 stages failed in \d", ran.stderr)
    assert ci("-s", "staged").stderr == ""


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_signal_ends_a_run_in_one_line(
    command: dict[str, str], sample: Path, sent: signal.Signals, code: int, said: str
) -> None:
    """A run that is told to stop stops, says so in one line, and exits with the signal's code."""
    words = [sys.executable, "-m", "embedded_engine.cli", "sleep"]
    with subprocess.Popen(
        words, cwd=sample, env=command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "asleep\n"
        process.send_signal(sent)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err == f"{said}: everything that ran has been stopped.\n"


def test_definitions_are_known_without_importing_the_module(ci: Run, tmp_path: Path, new_module: WriteModule) -> None:
    """What a module defines is kept by its content: listed again without running its code, anew after an edit."""
    code = """
import pathlib
import dagger
pathlib.Path("{trace}").open("a").write("imported ")

@dagger.object_type
class Traced:
    @dagger.function
    def one(self) -> str:
        return "1"
""".format(trace=tmp_path / "trace")
    module = new_module(tmp_path / "repository", "traced", code)
    assert "one" in ci("functions", cwd=module).stdout
    assert "one" in ci("functions", cwd=module).stdout
    assert (tmp_path / "trace").read_text() == "imported "
    source = module / "src" / "traced" / "__init__.py"
    # Of another length: Python tells byte code of the same second and length from its source by nothing.
    source.write_text(source.read_text().replace("def one", "def three"))
    assert "three" in ci("functions", cwd=module).stdout
    assert (tmp_path / "trace").read_text() == "imported imported "


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_package", "needs 'no_such_package', which is not installed in this environment: uv sync"),
        ("1 / 0", "cannot import the module broken: ZeroDivisionError: division by zero"),
        ("x = 1", "has no object type Broken"),
        (
            "import dagger\n@dagger.object_type\nclass Broken:\n  @dagger.function\n  def f(self, x: dict) -> str: ...",
            "unsupported",
        ),
    ],
    ids=["a missing dependency", "an error at import", "no main object", "a type that the API lacks"],
)
def test_module_that_cannot_be_loaded_says_why(
    ci: Run, tmp_path: Path, new_module: WriteModule, code: str, message: str
) -> None:
    """A module that is broken is refused in one line."""
    ran = ci("functions", cwd=new_module(tmp_path, "broken", code))
    assert ran.returncode != 0
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ("{", "is not a module's configuration"),
        ("[]", "is not a module's configuration"),
        ("{}", "is not a module's configuration"),
        ('{"name": "x", "sdk": {"source": "go"}}', "runs Python modules; this one's SDK is 'go'"),
        ('{"name": "x", "sdk": "python", "source": "nope"}', "its source 'nope' is no directory"),
    ],
)
def test_bad_configuration_is_refused(ci: Run, tmp_path: Path, configuration: str, message: str) -> None:
    """A dagger.json that makes no sense is named with what is wrong."""
    (tmp_path / "dagger.json").write_text(configuration)
    ran = ci("functions", cwd=tmp_path)
    assert ran.returncode != 0
    assert message in ran.stderr
    assert ran.stderr.startswith(f"Error: {tmp_path}/dagger.json")


def test_same_words_go_to_dagger(ci: Run, sample: Path, tmp_path: Path) -> None:
    """`--engine dagger` becomes the `dagger` command with the same words, the module's arguments as they stand."""
    fake = tmp_path / "dagger"
    fake.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n")
    fake.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ran = ci("--engine=dagger", "-m", ".", "--greeting=hi", "hello", "--name", "a b", PATH=path)
    assert (ran.returncode, ran.stdout.splitlines()) == (7, ["call", "--greeting=hi", "hello", "--name", "a b"])
    checks = ci("check", "--engine", "dagger", "-l", PATH=path)
    assert checks.stdout.splitlines() == ["check", "-l"]


def test_program_finds_a_session(ci: Run) -> None:
    """`ci session` runs a program that uses the SDK without a module, and passes its exit code on."""
    program = """
import asyncio, sys, dagger
from dagger import dag
async def main():
    async with dagger.connection():
        print(await dag.directory().with_new_file("x", "y").file("x").contents())
asyncio.run(main())
sys.exit(5)
"""
    ran = ci("session", "--", sys.executable, "-c", program)
    assert (ran.returncode, ran.stdout) == (5, "y\n"), ran.stderr


def test_sdk_starts_a_session_itself(command: dict[str, str], sample: Path, tmp_path: Path) -> None:
    """A program that is run as it is gets its session from `ci`, if the SDK is told that this is Dagger's command line."""
    program = """
import asyncio, sys, dagger
async def main():
    async with dagger.Connection(dagger.Config(workdir=sys.argv[1])) as client:
        print(await client.host().directory(".").entries())
asyncio.run(main())
"""
    # Tests of other folders keep a session open, which the environment of this process names.
    alone = {name: value for name, value in command.items() if not name.startswith("DAGGER_SESSION_")}
    ran = subprocess.run(
        [sys.executable, "-c", program, str(sample)],
        cwd=tmp_path,
        env={**alone, "_EXPERIMENTAL_DAGGER_CLI_BIN": str(Path(sys.executable).with_name("ci"))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "dagger.json" in ran.stdout, ran.stderr


def test_json_of_a_text_is_quoted(ci: Run) -> None:
    """`--json` prints what a program can read back."""
    assert json.loads(ci("hello", "--name=ü\n", "--json").stdout) == "hello ü\n"
