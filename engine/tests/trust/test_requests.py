"""Requests of every shape: chains of calls with random arguments, and bytes that are no requests at all."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    StringValueNode,
    get_named_type,
    is_leaf_type,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded_engine.binding import bound_fields
from embedded_engine.session import ApiError, Session
from embedded_engine.testing import embedded_session

_LEFT_OUT: Final = {
    "host": "it reads this machine",
    "address": "it reads this machine",
    "git": "it asks the network",
    "http": "it asks the network",
    "from": "it asks the network",
    "import": "it is slow",
    "publish": "it asks the network",
    "export": "it writes to this machine",
    "exportImage": "it writes to this machine",
    "moduleSource": "it reads this machine",
    "currentWorkspace": "it reads this machine",
    "currentEnv": "it reads this machine",
}
_OBJECTS: Final = """{
    Container: container { withNewFile(path: "/f", contents: "x") { id } }
    Directory: directory { withNewFile(path: "d/f", contents: "x") { id } }
    File: directory { withNewFile(path: "f", contents: "x") { file(path: "f") { id } } }
    CacheVolume: cacheVolume(key: "x") { id }
    Secret: setSecret(name: "s", plaintext: "p") { id }
    Service: container { asService(args: ["true"]) { id } }
}"""
_TEXTS: Final = st.one_of(
    st.sampled_from(
        ["", "/", ".", "..", "../../etc", "/a/b", "a" * 5000, "*", "**/[", "{", "\0", "\ud7ff", "/\n", "é", "-1", "$HOME",
         "env:HOME", "cmd:true", "linux/amd64", "linux/nothing/v9", "0:0", "root", "sha256:" + "0" * 64, "{}", "[1"]
    ),
    st.text(max_size=20),
)  # fmt: skip
_NUMBERS: Final = st.sampled_from([0, 1, -1, 80, 65535, 65536, 2**31 - 1, -(2**31), 2**53])
_UNFORESEEN: Final = re.compile(
    r"(Attribute|Key|Type|Index|Lookup|Assertion|Value|Unicode\w*|Recursion|Overflow|Arithmetic|Runtime|NotImplemented|"
    r"Memory|OS|IO|Permission|FileNotFound|IsADirectory|NotADirectory|JSONDecode|Name|System|Zero\w*|re\.|Struct)\w*[Ee]rror\b"
)


EXAMPLES: Final = 200


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One session for all of these requests."""
    root = tmp_path_factory.mktemp("fuzz")
    with embedded_session(store=root / "store", workdir=root) as opened:
        yield opened


def known_objects(session: Session) -> dict[str, str]:
    """The id of an object of each type that many fields take."""
    answered = asyncio.run(session.ask(_OBJECTS))
    ids = {}
    for name, answer in answered.items():
        while "id" not in answer:
            (answer,) = answer.values()  # noqa: PLW2901 - one level further in
        ids[name] = answer["id"]
    return ids


def literal(draw: st.DrawFn, kind: GraphQLInputType, ids: Sequence[str]) -> str:
    """A value of a type, as GraphQL writes it; where an object is asked for, one of `ids`."""
    if isinstance(kind, GraphQLNonNull):
        return literal(draw, kind.of_type, ids)
    if isinstance(kind, GraphQLList):
        return f"[{', '.join(literal(draw, kind.of_type, ids) for _ in range(draw(st.integers(0, 3))))}]"
    if isinstance(kind, GraphQLEnumType):
        return str(draw(st.sampled_from(sorted(kind.values))))
    if isinstance(kind, GraphQLInputObjectType):
        given = [
            name for name, each in kind.fields.items() if isinstance(each.type, GraphQLNonNull) or draw(st.booleans())
        ]
        return "{" + ", ".join(f"{name}: {literal(draw, kind.fields[name].type, ids)}" for name in given) + "}"
    is_known = bool(ids) and draw(st.integers(0, 9)) > 0
    match kind.name:
        case "Int":
            return str(draw(_NUMBERS) % 2**31)
        case "Float":
            return draw(st.sampled_from(["0.0", "-1.5", "1e300"]))
        case "Boolean":
            return draw(st.sampled_from(["true", "false"]))
        case "ID" if is_known:
            return json.dumps(draw(st.sampled_from(ids)))
        case _:
            return json.dumps(draw(_TEXTS), ensure_ascii=False).replace("\\/", "/")


@st.composite
def chains(draw: st.DrawFn, root: GraphQLObjectType, objects: Mapping[str, str]) -> str:
    """A chain of fields from the root to something that is answered, with random arguments."""
    at: GraphQLObjectType | GraphQLInterfaceType = root
    words: list[str] = []
    for depth in range(draw(st.integers(1, 7)) + 1):
        fields = {name: each for name, each in at.fields.items() if _is_tried(at.name, name)}
        leaves = sorted(name for name, each in fields.items() if is_leaf_type(get_named_type(each.type)))
        onward = sorted(set(fields) - set(leaves))
        wants_leaf = depth > 0 and draw(st.integers(0, 3)) == 0
        name = draw(st.sampled_from((leaves if wants_leaf or not onward else onward) or onward))
        field = fields[name]
        asked = [
            f"{argument}: {literal(draw, each.type, _fitting(each, objects))}"
            for argument, each in field.args.items()
            if isinstance(each.type, GraphQLNonNull) or draw(st.integers(0, 3)) == 0
        ]
        words.append(name + (f"({', '.join(asked)})" if asked else ""))
        named = get_named_type(field.type)
        if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            break
        at = named
    else:
        words.append("__typename" if "id" not in at.fields else draw(st.sampled_from(sorted({"id", *_leaf_names(at)}))))
    text = words.pop()
    while words:
        text = f"{words.pop()} {{ {text} }}"
    return f"{{ {text} }}"


def _is_tried(type_name: str, field_name: str) -> bool:
    return field_name not in _LEFT_OUT and (field_name == "id" or (type_name, field_name) in bound_fields())


def _fitting(argument: GraphQLArgument, objects: Mapping[str, str]) -> list[str]:
    """The ids of objects that an argument takes."""
    for directive in (argument.ast_node and argument.ast_node.directives) or ():
        value = directive.arguments[0].value if directive.arguments else None
        if isinstance(value, StringValueNode) and value.value in objects:
            return [objects[value.value]]
    return list(objects.values())


def _leaf_names(kind: GraphQLObjectType | GraphQLInterfaceType) -> list[str]:
    return [
        name
        for name, each in kind.fields.items()
        if is_leaf_type(get_named_type(each.type))
        and _is_tried(kind.name, name)
        and not any(isinstance(argument.type, GraphQLNonNull) for argument in each.args.values())
    ]


def complaint(session: Session, query: str) -> str:
    """What the session has against a query; empty when it is answered."""
    try:
        asyncio.run(asyncio.wait_for(session.ask(query), 60))
    except ApiError as error:
        return str(error)
    return ""


def test_any_chain_is_answered_or_refused_in_foreseen_words(session: Session) -> None:
    """Whatever is called with whatever arguments: there is an answer, or an error that the engine meant to give."""

    root = session.schema.executable.query_type
    assert root is not None

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(chains(root, known_objects(session)))
    def holds(query: str) -> None:
        said = complaint(session, query)
        assert not _UNFORESEEN.match(said), (query, said)

    holds()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (r'{ host { directory(path: "\u0000") { entries } } }', "null byte"),
        (r'{ host { file(path: "\u0000") { contents } } }', "null byte"),
        (r'{ host { unixSocket(path: "\u0000") { id } } }', "null byte"),
        (r'{ secret(uri: "file:\u0000") { plaintext } }', "null byte"),
        (r'{ directory { withNewFile(path: "\u0000", contents: "") { entries } } }', "invalid argument"),
        ('{ directory { exists(path: "' + "a" * 256 + '") } }', "file name too long"),
        ('{ host { directory(path: "' + "a" * 5000 + '") { entries } } }', "file name too long"),
        ('{ git(url: "ext::sh -c id") { branches } }', "neither a URL nor a directory"),
        ('{ git(url: "--upload-pack=id") { branches } }', "neither a URL nor a directory"),
        ('{ http(url: "file:///etc/passwd") { contents } }', "no http or https URL"),
    ],
)
def test_what_no_machine_can_do_is_refused_in_one_line(session: Session, query: str, message: str) -> None:
    """Paths that cannot be, and addresses that would run a program or read a file of this machine."""
    said = complaint(session, query)
    assert message in said
    assert "\n" not in said
    assert len(said) < 400
