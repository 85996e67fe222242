"""Modules that call others: their functions are fields of the API, their objects pass from one to another."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_engine.api.definitions import (
    ENUM,
    INTERFACE,
    OBJECT,
    STRING,
    EnumTypeDef,
    EnumValueTypeDef,
    Function,
    FunctionArg,
    InterfaceTypeDef,
    Module,
    ObjectTypeDef,
    TypeDef,
)
from embedded_engine.served.client import client_of
from embedded_engine.served.names import NamedModule, field_name, type_name
from embedded_engine.served.schema import schema_of

Run = Callable[..., subprocess.CompletedProcess[str]]

STOCK = '''
import enum
from typing import Annotated, Protocol, Self

import dagger
from dagger import DefaultPath, dag, enum_type, field, function, interface, object_type


@enum_type
class Grade(enum.Enum):
    GOOD = "a good one"
    POOR = "a poor one"


@interface
class Speaker(Protocol):
    @function
    async def say(self, word: str = "nothing") -> str: ...

    @function
    def called(self, name: str) -> Self: ...


@object_type
class Box:
    label: str = field()
    weight: int = field(default=1)

    @function
    def filled(self, by: int = 1) -> Self:
        return Box(label=self.label, weight=self.weight + by)


@object_type
class Stock:
    prefix: str = field(default="box ")

    @function
    def box(self, label: str = "x") -> Box:
        """A box."""
        print("packing", label)
        return Box(label=self.prefix + label)

    @function
    def boxes(self) -> list[Box]:
        return [Box(label="a"), Box(label="b", weight=5)]

    @function
    def graded(self, grade: Grade = Grade.POOR) -> Grade:
        return grade

    @function
    async def names(self, source: dagger.Directory, more: list[str] | None = None) -> list[str]:
        return await source.entries() + (more or [])

    @function
    def tree(self) -> dagger.Directory:
        return dag.directory().with_new_file("made", "in stock")

    @function
    async def note(self, file: Annotated[dagger.File, DefaultPath("note.txt")]) -> str:
        return await file.contents()

    @function
    async def hear(self, speaker: Speaker) -> str:
        return await speaker.called("Ann").say(word="hello")

    @function
    def label_of(self, box: Box) -> str:
        return box.label

    @function
    async def own_name(self) -> str:
        return await dag.current_module().name()

    @function
    def nothing(self) -> None:
        return None

    @function
    def boom(self) -> str:
        raise ValueError("out of stock")

    @function
    async def missing(self) -> str:
        return await dag.directory().file("nope").contents()
'''

PERSON = """
import subprocess
import sys
from typing import Self

from dagger import dag, field, function, object_type


@object_type
class Person:
    name: str = field(default="nobody")

    @function
    def say(self, word: str = "nothing") -> str:
        return f"{self.name} says {word}"

    @function
    def called(self, name: str) -> Self:
        self.name = name
        return self

    @function
    def program(self) -> str:
        code = "import person, dagger; print(dagger.Stock.__name__, person.__name__)"
        return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()

    @function
    async def deeper(self) -> str:
        return await dag.stock().box(label="of a person").label()
"""

SHOP = """
from typing import Protocol

import dagger
from dagger import dag, function, interface, object_type


@interface
class Voice(Protocol):
    @function
    async def say(self, word: str = "nothing") -> str: ...


@object_type
class Shop:
    @function
    async def everything(self) -> list[str]:
        stock = dag.stock()
        answers = [await stock.prefix(), await dag.stock(prefix="big ").box(label="one").label()]
        answers.append(str(await stock.box().filled(by=4).filled().weight()))
        answers += [await box.label() for box in await stock.boxes()]
        answers += [(await stock.graded()).value, (await stock.graded(grade=dagger.StockGrade.GOOD)).value]
        answers += await stock.names(dag.directory().with_new_file("f", "f"), more=["more"])
        answers += [await stock.tree().file("made").contents(), await stock.note()]
        answers += [await stock.hear(dag.person()), await stock.label_of(stock.box(label="again"))]
        answers += [await stock.own_name(), str(await stock.nothing()), await dag.current_module().name()]
        answers += [await dag.person().deeper(), await dag.person().program()]
        answers += sorted([await each.name() for each in await dag.current_module().dependencies()])
        return answers

    @function
    def voice(self) -> Voice:
        return dag.person(name="Eve")

    @function
    def voices(self) -> list[Voice]:
        return [dag.person(name="Eve"), dag.person(name="Bob")]

    @function
    async def boom(self) -> str:
        return await dag.stock().boom()

    @function
    async def missing(self) -> str:
        return await dag.stock().missing()
"""

EVERYTHING = [
    "box ",
    "big one",
    "6",
    "a",
    "b",
    "a poor one",
    "a good one",
    "f",
    "more",
    "in stock",
    "a note",
    "Ann says hello",
    "box again",
    "stock",
    "None",
    "shop",
    "box of a person",
    "Stock person",
    "person",
    "stock",
]


def write(place: Path, name: str, code: str, **dependencies: str) -> Path:
    """A module; its dependencies are names and places."""
    package = place / "src" / name
    package.mkdir(parents=True)
    listed = [{"name": each, "source": where} for each, where in dependencies.items()]
    configuration = {"name": name, "sdk": {"source": "python"}, "source": ".", "dependencies": listed}
    (place / "dagger.json").write_text(json.dumps(configuration))
    (place / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "0"\n')
    (package / "__init__.py").write_text(code)
    return place


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module that depends on two others, one of which depends on the other."""
    root = tmp_path_factory.mktemp("shop")
    (root / ".git").mkdir()
    (write(root / "stock", "stock", STOCK) / "note.txt").write_text("a note")
    write(root / "person", "person", PERSON, stock="../stock")
    return write(root / "shop", "shop", SHOP, stock="../stock", person="../person")


def test_functions_of_dependencies_are_called(ci: Run, shop: Path) -> None:
    """Objects, lists, enums, core types, default paths and interfaces pass between modules, first and known later."""
    ran = [ci("everything", cwd=shop) for _ in range(2)]
    assert [each.stdout.splitlines() for each in ran] == [EVERYTHING, EVERYTHING], ran
    assert ran[1].stderr.count("packing one") == 1


def test_object_of_a_dependency_stands_for_an_interface(ci: Run, shop: Path) -> None:
    """What is returned as an interface can be followed on the command line, alone and in a list."""
    assert ci("voice", "say", "--word=hi", cwd=shop).stdout == "Eve says hi"
    assert ci("voices", "say", cwd=shop).stdout == "Eve says nothing\nBob says nothing\n"
    assert "say" in ci("functions", "voice", cwd=shop).stdout


def test_failure_of_a_dependency_is_one_line(ci: Run, shop: Path) -> None:
    """What a function of a dependency raises reaches the caller."""
    for function, line in (("boom", "out of stock"), ("missing", "stat /nope: no such file or directory")):
        ran = ci(function, cwd=shop)
        assert ran.returncode == 1
        assert f"Error: {line}\n" in ran.stderr


@pytest.mark.parametrize(
    ("dependencies", "reason"),
    [
        ({"far": "github.com/somebody/far@v1"}, "serves modules on this machine only"),
        ({"gone": "../gone"}, "has no dagger.json"),
        ({"alone": "."}, "depends on alone, which depends on it"),
    ],
    ids=["elsewhere", "not there", "itself"],
)
def test_dependency_that_cannot_be_served(ci: Run, tmp_path: Path, dependencies: dict[str, str], reason: str) -> None:
    """A dependency that is not served is refused by name before anything runs."""
    module = write(tmp_path / "alone", "alone", SHOP.replace("Shop", "Alone"), **dependencies)
    write(module / "stock", "stock", STOCK)
    ran = ci("boom", cwd=module)
    assert ran.returncode == 1
    assert reason in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_object_that_is_called_as_one_of_the_core_api(ci: Run, tmp_path: Path) -> None:
    """A module cannot define an object type that the API has."""
    code = "from dagger import function, object_type\n@object_type\nclass File:\n    pass\n@object_type\nclass Own:\n"
    code += "    @function\n    def file(self) -> File:\n        return File()\n"
    ran = ci("functions", cwd=write(tmp_path / "own", "own", code))
    assert ran.stderr == "Error: the object type File is already defined by the core API: give it another name\n"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("def a(self) -> list[dagger.StockBox]:", 'object "Own" function "a" cannot return StockBox'),
        ("def a(self, box: dagger.StockBox) -> str:", 'object "Own" function "a" arg "box" cannot take StockBox'),
        ("def id(self) -> str:", 'cannot define function with reserved name "id" on object "Own"'),
    ],
    ids=["returned", "taken", "reserved"],
)
def test_what_cannot_be_served_is_refused(ci: Run, tmp_path: Path, function: str, reason: str) -> None:
    """A module's functions neither return nor take types of other modules, as on Dagger; interfaces are the way."""
    write(tmp_path / "stock", "stock", STOCK)
    code = f"import dagger\n@dagger.object_type\nclass Own:\n    @dagger.function\n    {function}\n        ...\n"
    ran = ci("functions", cwd=write(tmp_path / "own", "own", code, stock="../stock"))
    assert reason in ran.stderr


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("dep", "Obj", "DepObj"),
        ("dep", "Dep", "Dep"),
        ("dep", "DepObj", "DepObj"),
        ("post", "Postman", "PostPostman"),
        ("my-module", "Thing", "MyModuleThing"),
        ("project2", "Project2", "Project2"),
    ],
)
def test_types_have_the_name_of_their_module(module: str, name: str, expected: str) -> None:
    """Types are told apart by their module's name, which is not put in front twice."""
    assert type_name(module, name) == expected


def test_fields_have_the_names_of_the_api() -> None:
    """Names of functions and modules are written as the API writes them."""
    assert [field_name(each) for each in ("with_report", "my-module", "asService")] == [
        "withReport",
        "myModule",
        "asService",
    ]


def some_module() -> NamedModule:
    """A module with an object, an interface that the object has, and an enum."""
    text = TypeDef(STRING)
    say = Function("say_it", text, "Say it.", (FunctionArg("how_often", TypeDef("INTEGER_KIND"), default_value="2"),))
    grade = TypeDef(ENUM, definition=EnumTypeDef("Grade", members=(EnumValueTypeDef("GOOD", "g"),)))
    graded = Function("graded", grade, args=(FunctionArg("to", grade, default_value='"GOOD"'),))
    main = TypeDef(OBJECT, definition=ObjectTypeDef("Some", functions=(say, graded)))
    voice = TypeDef(INTERFACE, definition=InterfaceTypeDef("Voice", functions=(Function("say_it", text),)))
    return NamedModule("some", Module("some", objects=(main,), interfaces=(voice,), enums=(grade,)))


def test_schema_of_a_module() -> None:
    """Types, defaults and what an object implements are in the schema, and the main object is a field of Query."""
    schema = schema_of([some_module()])
    assert "type Some implements Node & SomeVoice {" in schema
    assert '"Say it." sayIt(howOften: Int! = 2): String!' in schema
    assert "graded(to: SomeGrade! = GOOD): SomeGrade!" in schema
    assert "extend type Query {\n  some: Some!\n}" in schema
    assert "extend" not in schema_of([], [some_module()])


def test_client_of_a_module() -> None:
    """The client's classes are Python, with names and defaults as a program writes them."""
    source = client_of([some_module()])
    compile(source, "client", "exec")
    assert "async def say_it(self, *, how_often: 'int' = 2) -> 'str':" in source
    assert "Client.some = some" in source
