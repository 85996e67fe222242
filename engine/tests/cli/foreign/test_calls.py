"""Functions of a module that needs packages which are not here are called in a child process."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_engine.cli.options import Options
from embedded_engine.cli.output import printed
from embedded_engine.cli.words import parse_chain
from embedded_engine.cli.workbench import Work, Workbench
from embedded_engine.errors import EngineError

Run = Callable[..., subprocess.CompletedProcess[str]]

ANSWERS = {
    "--prefix=q six": "q 1.17.0",
    "prefix": "made",
    "kept": "kept.txt\n",
    "beside": "[project]",
    "given": "'x'\nNone\nNone\n'low level'\nTrue\n",
    "given --from=a --maybe=3 --words=a,b --level=high --on=false": "'a'\n3\n['a', 'b']\n'high level'\nFalse\n",
    "level": "HIGH",
    "renamed": "2.5",
    "cat --name=kit lose lose --lives=2 lives": "6",
    "cat lose home entries": "tom\n",
    "cat level": "LOW",
    "cat kittens name": "tom1\ntom2\n",
    "cats lose lives": "8\n8\n",
    "directories file --path=f contents": "one\ntwo\n",
    "file contents": "in the file",
    "here": "",
    "hear": "silence",
    "nothing": "",
    "boom": "Error: it went wrong",
    "missing": "Error: stat /nope: no such file or directory",
    "unserialisable": "Error: what Foreign.unserialisable returned is not what its signature says: "
    "TypeError: Object of type object is not JSON serializable",
    "leave": "Error: the function ended its process: exit code 7",
    "give-up": "Error: the function cancelled itself",
    "hang-up": "Error: the process of the module foreign ended unexpectedly: exit code 74",
}
"""What chains of the module print, in the order in which one child is asked; the last one ends it."""


@pytest.fixture(scope="module")
def answers(foreign: Path, store: Path) -> dict[str, str]:
    """What the chains print, all of them run in one session and one child."""

    async def run() -> dict[str, str]:
        bench = Workbench(Options(module=foreign, silent=True, progress="none"))
        async with bench.work(bench.source()) as work:
            return {words: await answer(words, bench, work) for words in ANSWERS}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CI_ENGINE_STORE", str(store))
        return asyncio.run(run())


async def answer(words: str, bench: Workbench, work: Work) -> str:
    """What a chain prints, or its error."""
    chain = parse_chain(words.split(), work.catalog.constructor, work.catalog.functions_of, bench.options)
    try:
        outcome = await work.runner.run(chain.steps)
    except EngineError as error:
        return f"Error: {error}"
    return printed(outcome, work.catalog, bench.options, bench.workdir)[0]


def test_function_is_called_in_the_child(answers: dict[str, str]) -> None:
    """Objects, fields, enums, names, defaults, lists and core types are what they are for a module in process."""
    assert answers == ANSWERS


def test_crash_of_the_child_is_one_line(call: Run) -> None:
    """The end of the module's process is one line, with the signal that ended it."""
    ran = call("crash")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "Error: the process of the module foreign ended unexpectedly: SIGKILL\n"


def test_end_of_the_child_is_seen_although_another_process_holds_its_place(call: Run) -> None:
    """A process that the module left behind, with all that it inherited, keeps no call waiting."""
    started = time.monotonic()
    assert "ended unexpectedly: exit code 9" in call("fork").stderr
    assert time.monotonic() - started < 100


def test_stages_and_checks_of_the_child_are_shown(call: Run) -> None:
    """A span in the child is a stage; checks run at once there too."""
    assert re.search(r"first: passed in \d", call("staged").stderr)
    ran = call("check", "--no-generate")
    assert ran.returncode == 1
    assert re.search(r"✔ good", ran.stdout)
    assert re.search(r"✘ bad .*\n    not well", ran.stdout)


def test_help_is_known_without_the_child(call: Run) -> None:
    """What the module defines is kept by its content."""
    assert "The version of what is not installed here." in call("call", "--help").stdout
    assert "--from string" in call("given", "--help").stdout


def test_signal_ends_the_child(command: dict[str, str], foreign: Path) -> None:
    """Ctrl-C ends a function that blocks its process, and leaves no process behind."""
    words = [sys.executable, "-m", "embedded_engine.cli", "block"]
    with subprocess.Popen(
        words, cwd=foreign, env=command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said, child = process.stderr.readline().split()
        assert said == "asleep"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "Interrupted: everything that ran has been stopped.\n")
    assert not Path("/proc", child).exists()


def test_child_ends_when_the_command_is_killed(command: dict[str, str], foreign: Path) -> None:
    """Nothing is left of a run that was killed, even if a function blocks."""
    words = [sys.executable, "-m", "embedded_engine.cli", "block"]
    with subprocess.Popen(
        words, cwd=foreign, env=command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        child = process.stderr.readline().split()[1]
        process.kill()
    until = time.monotonic() + 60
    while Path("/proc", child).exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path("/proc", child).exists()
