"""Defaults that a module's user keeps in `.env` files."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_engine.api.definitions import (
    BOOLEAN,
    INTEGER,
    LIST,
    OBJECT,
    STRING,
    Function,
    FunctionArg,
    Module,
    ObjectTypeDef,
    TypeDef,
)
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.flags import parse_words
from embedded_engine.cli.local_defaults import with_defaults
from embedded_engine.cli.module import ModuleSource

Run = Callable[..., subprocess.CompletedProcess[str]]

TEXT = TypeDef(STRING)
PART = ObjectTypeDef("Part", functions=(Function("shown", TEXT, args=(FunctionArg("by", TEXT),)),))
MAIN = ObjectTypeDef(
    "MyModule",
    functions=(Function("push_image", TEXT, args=(FunctionArg("tag", TEXT), FunctionArg("dry_run", TEXT))),),
    constructor=Function("", TEXT, args=(FunctionArg("registry", TEXT, default_value='"none"'),)),
)
MODULE = Module(objects=(TypeDef(OBJECT, definition=MAIN), TypeDef(OBJECT, definition=PART)))


def defaults(inner: str, outer: str, root: Path) -> dict[str, str | None]:
    """The defaults of all arguments, for a module in `root/module` that is called from there."""
    place = root / "module"
    place.mkdir()
    (place / ".env").write_text(inner)
    (root / ".env").write_text(outer)
    source = ModuleSource("my-module", place, place, root)
    found = with_defaults(MODULE, source, root)
    return {
        ".".join(part for part in (each.name, function.name, arg.name) if part): arg.user_default
        for each in found.objects
        if isinstance(each.definition, ObjectTypeDef)
        for function in (each.definition.constructor, *each.definition.functions)
        if function is not None
        for arg in function.args
    }


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("REGISTRY=here", "", {"MyModule.registry": "here"}),
        ("registry=here\nPUSH_IMAGE_TAG=v1", "", {"MyModule.registry": "here", "MyModule.push_image.tag": "v1"}),
        ("pushimage_dryrun=yes", "", {"MyModule.push_image.dry_run": "yes"}),
        ("PART_SHOWN_BY='some body'", "", {"Part.shown.by": "some body"}),
        ("", "MY_MODULE_REGISTRY=above\nREGISTRY=not", {"MyModule.registry": "above"}),
        ("", "mymodule_push_image_tag=v2", {"MyModule.push_image.tag": "v2"}),
        ("HOST=h\nREGISTRY=${HOST}/${ORG}", "ORG=team", {"MyModule.registry": "h/team"}),
        ("# REGISTRY=no\nOTHER=1", "UNRELATED=2", {}),
    ],
    ids=[
        "the constructor's",
        "a function's",
        "camel case",
        "another object's",
        "from above with the module's name",
        "from above for a function",
        "with references",
        "nothing for this module",
    ],
)
def test_variables_are_defaults(tmp_path: Path, inner: str, outer: str, expected: dict[str, str]) -> None:
    """A variable is the default of the argument that its name leads to, without the module's name or below it."""
    found = defaults(inner, outer, tmp_path)
    assert {name: value for name, value in found.items() if value is not None} == expected


@pytest.mark.parametrize(
    ("type_def", "text", "expected"),
    [
        (TEXT, "a,b", "a,b"),
        (TypeDef(INTEGER), "3", 3),
        (TypeDef(BOOLEAN), "true", True),
        (TypeDef(LIST, element=TEXT), "a,b", ["a", "b"]),
        (TypeDef(LIST, element=TEXT), '["a, b", "say \\"c\\""]', ["a, b", 'say "c"']),
        (TypeDef(LIST, element=TypeDef(INTEGER)), "[1, 2]", [1, 2]),
    ],
)
def test_values_have_the_arguments_type(type_def: TypeDef, text: str, expected: object) -> None:
    """A variable means what the same words mean to a flag; a list may be JSON."""
    assert parse_words("the default of x", type_def, text) == expected


def test_value_that_does_not_fit_is_refused() -> None:
    """A variable that its argument cannot take is refused by the argument's name."""
    with pytest.raises(UsageError, match="the default of x takes a whole number, not 'many'"):
        parse_words("the default of x", TypeDef(INTEGER), "many")


def test_default_is_used_shown_and_overruled(ci: Run, sample: Path) -> None:
    """A required argument may be left out, help shows the default, a flag goes before it, paths begin at the caller."""
    env = sample / ".env"
    env.write_text("GREETING=salut\nHELLO_NAME=${SOMEBODY}\nREAD_FILE=../kept/file.txt\n")
    try:
        assert ci("call", "--greeting=hi", "hello", SOMEBODY="monde").stdout == "hi monde"
        assert ci("read", SOMEBODY="monde").stdout == "kept/file.txt"
        assert '(default "salut")' in ci("call", "--help", SOMEBODY="monde").stdout
        assert ci("hello").stderr == "Error: HELLO_NAME: SOMEBODY: unbound variable\n"
    finally:
        env.unlink()
