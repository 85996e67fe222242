"""Modules in the shapes that people write them in: what each chain of calls prints, or how it is refused."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_engine.api.definitions import BOOLEAN, FLOAT, INTEGER, LIST, STRING, TypeDef
from embedded_engine.cli.errors import FunctionError
from embedded_engine.cli.options import Options
from embedded_engine.cli.output import printed
from embedded_engine.cli.results import held
from embedded_engine.cli.words import parse_chain
from embedded_engine.cli.workbench import Work, Workbench
from embedded_engine.errors import EngineError

Run = Callable[..., subprocess.CompletedProcess[str]]

# It needs a package that is not here, so that it runs in a child and this process imports none of it.
PROJECT = '[project]\nname = "free"\nversion = "0"\ndependencies = ["dagger-io", "six"]\n'

PARTS = {
    "defaults.py": 'NAMED = "from another file"\n',
    "made.py": '''
import dataclasses
from typing import Annotated, Self

import dagger as d
from dagger import Doc, Name, field as fld, function as fn, object_type as ot


class Base:
    """Its functions are inherited."""

    @fn
    def shout(self, word: Annotated[str, Doc("What to shout")]) -> str:
        """Shout a word."""
        return word.upper()

    @fn
    async def itself(self) -> Self:
        return self


@ot
class Child(Base):
    @fn
    def whisper(self, word: str) -> str:
        return word.lower()

    @staticmethod
    @fn
    def twice(word: str) -> str:
        return word * 2


@ot
class Factory:
    """Made by a method of its own."""

    kept: str = ""

    @classmethod
    async def create(cls, given: Annotated[str, Doc("What to keep")], more: int | None = None) -> Self:
        """Make one."""
        return cls(kept=f"{given}{more}")

    @fn
    def shown(self) -> str:
        return self.kept


@ot
class Initialised:
    first: dataclasses.InitVar[str] = "one"
    second: dataclasses.InitVar[Annotated[str, Doc("The second")]] = "two"
    both: list[str] = dataclasses.field(init=False)

    def __post_init__(self, first: str, second: str) -> None:
        self.both = [first, second]

    @fn
    def joined(self) -> str:
        return "+".join(self.both)


@ot
class Fields:
    open: str = fld(default="seen")
    only_read: bool = fld(default=True, init=False)
    only_given: Annotated[int, Doc("Given, not seen")] = 1
    from_: str = fld(default="")
    named_: str = fld(name="other", default="o")
    items: list[str] = fld(default=list)

    @fn
    def given(self) -> int:
        return self.only_given

    @fn(name="pass")
    def passed(self, import_: str = "", arg_: Annotated[str, Name("plain")] = "") -> str:
        return f"{import_}|{arg_}"

    @fn
    def changed(self) -> Self:
        self.open = "changed"
        return self
''',
    "given.py": """
import enum
from collections.abc import Sequence
from typing import Optional

import dagger
from dagger import dag, enum_type, function, object_type

from .defaults import NAMED
from .made import Factory


@enum_type
class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 100


@object_type
class Given:
    LOCAL = "from the class"

    @function
    def named(self, word: str = NAMED, other: str = LOCAL) -> str:
        return f"{word}, {other}"

    @function
    def old_optional(self, word: Optional[str] = None) -> str:
        return repr(word)

    @function
    def needed_optional(self, word: str | None) -> str:
        return repr(word)

    @function
    def nobody(self) -> Factory | None:
        return None

    @function
    def sequence(self, words: Sequence[str]) -> str:
        return repr(list(words))

    @function
    def pair(self, words: tuple[str, ...]) -> str:
        return "+".join(words)

    @function
    def size(self, size: Size = Size.LARGE) -> Size:
        return size

    @function
    def sizes(self, sizes: list[Size]) -> list[Size]:
        return list(reversed(sizes))

    @function
    def protocol(self, protocol: dagger.NetworkProtocol = dagger.NetworkProtocol.TCP) -> dagger.NetworkProtocol:
        return protocol

    @function
    def platform(self, platform: dagger.Platform = dagger.Platform("linux/amd64")) -> dagger.Platform:
        return platform

    @function
    def lists(self, whole: list[int], parts: list[float] | None = None, flags: list[bool] = [True]) -> str:
        return f"{whole} {parts} {flags}"

    @function
    async def directories(self, places: list[dagger.Directory]) -> list[str]:
        return [name for place in places for name in await place.entries()]

    @function
    async def maybe(self, place: dagger.Directory | None = None) -> dagger.Directory | None:
        return place
""",
    "answers.py": '''
import dagger
from dagger import dag, function, object_type


@object_type
class Answers:
    @function
    def number(self) -> int:
        return "12"

    @function
    def wrong(self) -> int:
        return "many"

    @function
    def nothing(self) -> str:
        return None

    @function
    def undeclared(self):
        return None

    @function
    def floats(self) -> list[float]:
        return [1.5, 2.0]

    @function
    def flags(self) -> list[bool]:
        return [True, False]

    @function
    def text(self) -> dagger.JSON:
        return dagger.JSON('{"a": 1}')

    @function
    async def unawaited(self) -> list[str]:
        return dag.directory().entries()

    @function
    def not_async(self) -> list[str]:
        return dag.directory().entries()

    @function
    def secret(self) -> dagger.Secret:
        return dag.set_secret("name", "plain")

    @function
    def group(self) -> str:
        raise ExceptionGroup("both", [ValueError("one"), ValueError("two")])

    @function(deprecated="use number")
    def old(self) -> str:
        """An older one."""
        return "old"
''',
    "__init__.py": '''
"""Shapes of modules."""

import six
from dagger import function, object_type

from .answers import Answers
from .given import Given
from .made import Child, Factory, Fields, Initialised


@object_type
class Shapes:
    child = function(Child)
    factory = function(Factory)
    again = function(doc="Made otherwise")(Factory)
    initialised = function(Initialised)
    fields = function(Fields)
    given = function(Given)
    answers = function(Answers)
''',
}

EXPECTED = {
    "child shout --word=a": "A",
    "child whisper --word=A": "a",
    "child itself whisper --word=B": "b",
    "child twice --word=ab": "abab",
    "factory --given=x shown": "xNone",
    "factory --given=x --more=2 shown": "x2",
    "again --given=y shown": "yNone",
    "initialised joined": "one+two",
    "initialised --second=2 joined": "one+2",
    "fields open": "seen",
    "fields --open=given open": "given",
    "fields only-read": "true",
    "fields --only-given=3 given": "3",
    "fields --from=here from": "here",
    "fields other": "o",
    "fields --items=a,b --items=c items": "a\nb\nc\n",
    "fields pass --import=i --plain=p": "i|p",
    "fields changed open": "changed",
    "fields changed changed from": "",
    "given named": "from another file, from the class",
    "given named --word=w": "w, from the class",
    "given old-optional": "None",
    "given needed-optional": "None",
    "given needed-optional --word=": "''",
    "given sequence --words=a,b": "['a', 'b']",
    "given sequence --words=": "[]",
    'given sequence --words=a,"b,c"': "['a', 'b,c']",
    "given pair --words=a --words=b": "a+b",
    "given size": "LARGE",
    "given size --size=small": "SMALL",
    "given sizes --sizes=small,LARGE": "LARGE\nSMALL\n",
    "given protocol": "TCP",
    "given protocol --protocol=udp": "UDP",
    "given platform": "linux/amd64",
    "given lists --whole=1,-2": "[1, -2] None [True]",
    "given lists --whole=0x10 --parts=1.5,2 --flags=false,true": "[16] [1.5, 2.0] [False, True]",
    "given maybe": "",
    "given maybe entries": "<nil>",
    "given nobody shown": "<nil>",
    "answers number": "12",
    "answers nothing": "",
    "answers undeclared": "",
    "answers floats": "1.5\n2\n",
    "answers flags": "true\nfalse\n",
    "answers text": '{"a": 1}',
    "answers secret plaintext": "plain",
    "answers old": "old",
}

REFUSED = {
    "factory shown": "factory needs --given",
    "fields only-given": "unknown function 'only-given'",
    "given size --size=100": "--size takes one of SMALL, LARGE, not '100'",
    "given protocol --protocol=icmp": "--protocol takes one of TCP, UDP, not 'icmp'",
    "given lists --whole=a": "--whole takes a whole number, not 'a'",
    "answers wrong": "what Answers.wrong returned is not what its signature says: 'many' is not a whole number",
    "answers unawaited": "was never awaited",
    "answers not-async": "returned a coroutine",
    "answers group": "one; two",
    "answers floats entries": "floats returns []float: nothing can follow it, not 'entries'",
}


def write(place: Path, code: dict[str, str]) -> Path:
    """A module named `shapes` whose package is called as its project."""
    package = place / "src" / "free"
    package.mkdir(parents=True)
    (place / ".git").mkdir()
    (place / "dagger.json").write_text(json.dumps({"name": "shapes", "sdk": {"source": "python"}, "source": "."}))
    (place / "pyproject.toml").write_text(PROJECT)
    for name, text in code.items():
        (package / name).write_text(text)
    return place


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module."""
    return write(tmp_path_factory.mktemp("shapes"), PARTS)


@pytest.fixture(scope="module")
def answers(shapes: Path, store: Path) -> dict[str, str]:
    """What every chain prints, or its error, all asked in one session."""

    async def ask() -> dict[str, str]:
        bench = Workbench(Options(module=shapes, silent=True, progress="none"))
        async with bench.work(bench.source()) as work:
            return {words: await answer(words, bench, work) for words in (*EXPECTED, *REFUSED)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CI_ENGINE_STORE", str(store))
        return asyncio.run(ask())


async def answer(words: str, bench: Workbench, work: Work) -> str:
    """What a chain prints, or its error."""
    try:
        chain = parse_chain(words.split(), work.catalog.constructor, work.catalog.functions_of, bench.options)
        outcome = await work.runner.run(chain.steps)
    except EngineError as error:
        return f"Error: {error}"
    return printed(outcome, work.catalog, bench.options, bench.workdir)[0]


def test_chains_print_what_dagger_prints(answers: dict[str, str]) -> None:
    """Inherited, static and renamed functions, constructors, fields, defaults and answers of every type."""
    assert {words: answers[words] for words in EXPECTED} == EXPECTED


@pytest.mark.parametrize("words", REFUSED)
def test_refusals_say_what_is_wrong(answers: dict[str, str], words: str) -> None:
    """What does not fit is an error that names it."""
    assert answers[words].startswith("Error: ")
    assert REFUSED[words] in answers[words]


def test_help_shows_what_the_code_says(ci: Run, shapes: Path, answers: dict[str, str]) -> None:
    """Descriptions of modules, constructors, inherited functions and arguments, defaults, and what is deprecated."""
    assert answers
    assert "Made otherwise" in ci("functions", cwd=shapes).stdout
    shout = ci("call", "child", "shout", "--help", cwd=shapes).stdout
    assert "Shout a word." in shout
    assert "What to shout [required]" in shout
    assert "Deprecated: use number" in ci("call", "answers", "old", "--help", cwd=shapes).stdout
    assert "(SMALL, LARGE)" in ci("call", "given", "size", "--help", cwd=shapes).stdout


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("a", STRING, "a"),
        (None, STRING, ""),
        (3, INTEGER, 3),
        (3.0, INTEGER, 3),
        ("0x10", INTEGER, 16),
        (None, INTEGER, 0),
        (2, FLOAT, 2.0),
        ("1.5", FLOAT, 1.5),
        ("true", BOOLEAN, True),
        (False, BOOLEAN, False),
    ],
)
def test_answers_that_are_taken(value: object, kind: str, expected: object) -> None:
    """Text that reads as a number is one, and nothing is the empty value of its type."""
    assert held(value, TypeDef(kind), "it") == expected
    assert held([value], TypeDef(LIST, element=TypeDef(kind)), "it") == [expected]
    assert held(None, TypeDef(kind, optional=True), "it") is None


@pytest.mark.parametrize(
    ("value", "kind"), [(1, STRING), (1.5, INTEGER), (True, INTEGER), ("x", FLOAT), (1, BOOLEAN), ("yes", BOOLEAN)]
)
def test_answers_that_are_not_taken(value: object, kind: str) -> None:
    """What cannot be taken for its type is an error that shows it."""
    with pytest.raises(FunctionError, match="what it returned is not what its signature says"):
        held(value, TypeDef(kind), "it")
