"""How the words of a chain are read, before anything runs."""

from typing import Any

import pytest

from embedded_engine.api.definitions import (
    BOOLEAN,
    ENUM,
    FLOAT,
    INTEGER,
    LIST,
    OBJECT,
    SCALAR,
    STRING,
    EnumTypeDef,
    EnumValueTypeDef,
    Function,
    FunctionArg,
    Module,
    ObjectTypeDef,
    ScalarTypeDef,
    TypeDef,
)
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.core import CoreTypes, chain_query
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.flags import Reference, parse_value
from embedded_engine.cli.options import Options
from embedded_engine.cli.words import Chain, Step, parse_chain


def obj(name: str) -> TypeDef:
    """A type that refers to an object."""
    return TypeDef(OBJECT, definition=ObjectTypeDef(name))


def listed(element: TypeDef) -> TypeDef:
    """A list."""
    return TypeDef(LIST, element=element)


TEXT = TypeDef(STRING)
MODE = EnumTypeDef("Mode", members=(EnumValueTypeDef("FAST", "fast"), EnumValueTypeDef("SLOW", "slow")))
RUN = Function(
    "run",
    obj("Thing"),
    args=(
        FunctionArg("name", TEXT),
        FunctionArg("dockerConfig", TypeDef(STRING, optional=True)),
        FunctionArg("count", TypeDef(INTEGER), default_value="1"),
        FunctionArg("part", TypeDef(FLOAT), default_value="1"),
        FunctionArg("on", TypeDef(BOOLEAN), default_value="false"),
        FunctionArg("words", listed(TEXT), default_value="[]"),
        FunctionArg("numbers", listed(TypeDef(INTEGER)), default_value="[]"),
        FunctionArg("mode", TypeDef(ENUM, definition=EnumTypeDef("Mode")), default_value='"FAST"'),
        FunctionArg("modes", listed(TypeDef(ENUM, definition=EnumTypeDef("Mode"))), default_value="[]"),
        FunctionArg("source", obj("Directory"), default_path="/"),
        FunctionArg("files", listed(obj("File")), default_value="[]"),
        FunctionArg("data", TypeDef(SCALAR, definition=ScalarTypeDef("JSON")), default_value='"{}"'),
    ),
)
MODULE = Module(
    objects=(
        TypeDef(
            OBJECT,
            definition=ObjectTypeDef(
                "Main",
                functions=(RUN, Function("with_report", TEXT), Function("make", obj("Directory"))),
                constructor=Function("", obj("Main"), args=(FunctionArg("fresh", TEXT, default_value='""'),)),
            ),
        ),
        TypeDef(OBJECT, definition=ObjectTypeDef("Thing", functions=(Function("again", obj("Thing")),))),
    ),
    enums=(TypeDef(ENUM, definition=MODE),),
)


def no_core() -> CoreTypes:
    """The core schema, which these tests must not load."""
    raise AssertionError("the core schema is not needed here")


def read(words: str) -> Chain:
    """Read words that have no spaces of their own."""
    catalog = Catalog(MODULE, "Main", no_core)
    return parse_chain(words.split(), catalog.constructor, catalog.functions_of, Options())


def arguments(words: str) -> dict[str, Any]:
    """The arguments that the last call was given."""
    return read(words).steps[-1].arguments


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run --name x", {"name": "x"}),
        ("run --name=x=y", {"name": "x=y"}),
        ("run --name=", {"name": ""}),
        ("run --name -x", {"name": "-x"}),
        ("run --name a --name b", {"name": "b"}),
        ("run --name=x --docker-config=y", {"name": "x", "dockerConfig": "y"}),
        ("run --name=x --dockerConfig=y", {"name": "x", "dockerConfig": "y"}),
        ("run --name=x --count=-3", {"name": "x", "count": -3}),
        ("run --name=x --count=0x10", {"name": "x", "count": 16}),
        ("run --name=x --count=0644", {"name": "x", "count": 0o644}),
        ("run --name=x --part=.5", {"name": "x", "part": 0.5}),
        ("run --name=x --on", {"name": "x", "on": True}),
        ("run --name=x --on=false", {"name": "x", "on": False}),
        ("run --name=x --words=a,b --words c", {"name": "x", "words": ["a", "b", "c"]}),
        ('run --name=x --words="a,b",c', {"name": "x", "words": ["a,b", "c"]}),
        ("run --name=x --words=", {"name": "x", "words": []}),
        ("run --name=x --numbers=1,2", {"name": "x", "numbers": [1, 2]}),
        ("run --name=x --mode=slow", {"name": "x", "mode": "SLOW"}),
        ("run --name=x --modes=slow,FAST", {"name": "x", "modes": ["SLOW", "FAST"]}),
        ("run --name=x --source=.", {"name": "x", "source": Reference("Directory", ".")}),
        ("run --name=x --files=a,b", {"name": "x", "files": [Reference("File", "a"), Reference("File", "b")]}),
        ('run --name=x --data={"a":1}', {"name": "x", "data": '{"a":1}'}),
    ],
    ids=[
        "a value is the next word",
        "or follows the first equals sign",
        "a value may be empty",
        "a value may look like a flag",
        "the last value counts",
        "names are kebab case",
        "or as the SDK has them",
        "a negative number",
        "a hexadecimal number",
        "an octal number",
        "a number without a leading zero",
        "a switch needs no value",
        "a switch may be off",
        "a list is separated by commas and repeated",
        "a list's element may be quoted",
        "a list may be empty",
        "a list of numbers",
        "a member of an enum in any case",
        "a list of members",
        "an object stays a reference",
        "a list of objects",
        "JSON passes as text",
    ],
)
def test_flags_become_arguments(words: str, expected: dict[str, Any]) -> None:
    """A flag means what `dagger call` takes it to mean."""
    assert arguments(words) == expected


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("PortForward", ["8080:80", "5432:5432"], "[{frontend: 8080, backend: 80}, {frontend: 5432, backend: 5432}]"),
        ("BuildArg", ["A=1,B=x=y"], '[{name: "A", value: "1"}, {name: "B", value: "x=y"}]'),
    ],
)
def test_inputs_are_words(name: str, words: list[str], expected: str) -> None:
    """Ports to forward and arguments of a build are given as on Docker's command line."""
    type_def = listed(TypeDef(SCALAR, definition=ScalarTypeDef(name)))
    given = FunctionArg("given", type_def)
    step = Step(Function("do", TypeDef(), args=(given,)), {"given": parse_value("--given", type_def, words)})
    assert f"do(given: {expected})" in chain_query("id", "Thing", [step], "")


@pytest.mark.parametrize(("name", "word"), [("PortForward", "8080"), ("PortForward", "a:b"), ("BuildArg", "A")])
def test_inputs_that_are_none(name: str, word: str) -> None:
    """What is no such input is refused with an example."""
    with pytest.raises(UsageError, match="--given takes"):
        parse_value("--given", TypeDef(SCALAR, definition=ScalarTypeDef(name)), [word])


def test_chain_follows_return_types() -> None:
    """Each function is looked up on what the one before it returns; the constructor's flags come first."""
    chain = read("--fresh=1 run --name=x again again")
    assert [step.function.name for step in chain.steps] == ["", "run", "again", "again"]
    assert chain.steps[0].arguments == {"fresh": "1"}


def test_options_may_stand_anywhere() -> None:
    """The options of the command line are taken out of the chain, between functions too."""
    chain = read("-s run --name=x -o out again --json")
    assert (chain.options.silent, chain.options.output, chain.options.json) == (True, "out", True)
    assert len(chain.steps) == 3


def test_options_that_are_arguments_too() -> None:
    """An option whose name a module may have for an argument is left for it where it follows the command."""
    options, rest = Options().take_all(["-qq", "-vv", "-y", "--debug", "run"], leave={"--debug"})
    assert (options.quiet, options.verbose, options.auto_apply, rest) == (True, True, True, ["--debug", "run"])


def test_help_needs_no_arguments() -> None:
    """Asking for help checks nothing that is missing."""
    assert read("run --help").wants_help
    assert read("run -h").wants_help


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("rum", "unknown function 'rum'; did you mean 'run'?"),
        ("zzz", "unknown function 'zzz'; there are make, run, with-report"),
        ("run --name=x agian", "unknown function 'agian' of Thing; did you mean 'again'?"),
        ("with-report x", "with-report returns string: nothing can follow it, not 'x'"),
        ("run --nam=x", "unknown flag --nam for run; did you mean '--name'?"),
        ("--frsh=1 run", "unknown flag --frsh for the module; did you mean '--fresh'?"),
        ("run -x", "unknown flag -x for run"),
        ("run", "run needs --name"),
        ("run --count=1 again", "run needs --name"),
        ("run --name", "flag --name needs a value"),
        ("run --name=x --count=many", "--count takes a whole number, not 'many'"),
        ("run --name=x --part=nan", "--part takes a finite number, not 'nan'"),
        ("run --name=x --on=maybe", "--on takes true or false, not 'maybe'"),
        ("run --name=x --mode=medium", "--mode takes one of FAST, SLOW, not 'medium'"),
        ("run --name=x --modes=fast,medium", "--modes takes one of FAST, SLOW, not 'medium'"),
        ("run --name=x --source=", "--source needs the address of a Directory, not nothing"),
        ("run --name=x --data={", "--data takes JSON"),
        ("run --name=x --progress=loud", "option --progress takes one of auto, plain, tty, none, not 'loud'"),
        ("run --name=x -o", "option -o needs a value"),
        ("run --name=x -i", "option -i is not supported by the embedded engine"),
    ],
)
def test_bad_words_are_refused_in_one_line(words: str, message: str) -> None:
    """What cannot be meant is refused by name, with what was probably meant."""
    with pytest.raises(UsageError) as caught:
        read(words)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
