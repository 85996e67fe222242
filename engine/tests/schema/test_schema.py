"""The schema that is read from the installed Dagger client."""

import ast
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_introspection_query,
    parse,
    print_ast,
    validate_schema,
)

from embedded_engine.schema import Schema, load_schema
from embedded_engine.schema.reflect import reflect


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache directory that the tests of this file share."""
    return tmp_path_factory.mktemp("schema")


@pytest.fixture(scope="module")
def schema(cache: Path) -> Schema:
    """The schema of the installed client."""
    return load_schema(cache)


@pytest.fixture(scope="module")
def graphql(schema: Schema) -> GraphQLSchema:
    """The same as graphql-core sees it."""
    return schema.executable


def object_type(graphql: GraphQLSchema, name: str) -> GraphQLObjectType:
    """An object type by name."""
    found = graphql.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def test_schema_is_valid(schema: Schema) -> None:
    """What is printed is a valid schema by the rules of the language, not only one that can be executed."""
    assert validate_schema(build_schema(schema.sdl)) == []


def test_schema_is_whole(graphql: GraphQLSchema) -> None:
    """All of v0.21.8 is there: 100 types and 778 fields, beside the ids by type that older clients use."""
    types = {name: kind for name, kind in graphql.type_map.items() if not name.endswith("ID") or name == "ID"}
    composite = (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)
    fields = [
        (name, field)
        for name, kind in types.items()
        if isinstance(kind, composite)
        for field in kind.fields
        if not (name == "Query" and field.startswith("load") and field.endswith("FromID"))
    ]
    assert (len(types), len(fields)) == (100, 778)


def test_every_method_of_the_client_has_its_field(graphql: GraphQLSchema) -> None:
    """No call of the client can ask for a field or argument that the schema lacks."""
    missing = [
        f"{type_name}.{field_name}({argument})"
        for type_name, field_name, arguments in selections()
        for argument in arguments or ("",)
        if field_name not in fields_of(graphql, type_name)
        or (argument and argument not in fields_of(graphql, type_name)[field_name].args)
    ]
    assert missing == []


def selections() -> Iterator[tuple[str, str, list[str]]]:
    """Every (type, field, arguments) that a method of the installed client selects."""
    spec = find_spec("dagger")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).with_name("client").joinpath("gen.py").read_text(encoding="utf-8"))
    for node in tree.body:
        for method in node.body if isinstance(node, ast.ClassDef) else ():
            calls = [call for call in ast.walk(method) if isinstance(call, ast.Call)]
            for call in calls:
                if isinstance(call.func, ast.Attribute) and call.func.attr == "_select":
                    assert isinstance(node, ast.ClassDef)
                    arguments = [
                        ast.literal_eval(each.args[0])
                        for each in calls
                        if isinstance(each.func, ast.Name) and each.func.id == "Arg"
                    ]
                    name = (
                        node.name.removeprefix("_").removesuffix("Client") if node.name.startswith("_") else node.name
                    )
                    yield name, ast.literal_eval(call.args[0]), arguments


def fields_of(graphql: GraphQLSchema, name: str) -> dict[str, Any]:
    """The fields of an object or interface type."""
    kind = graphql.type_map[name]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    return dict(kind.fields)


def default_of(argument: GraphQLArgument) -> str | None:
    """The default of an argument as it is written."""
    assert argument.ast_node is not None
    return print_ast(argument.ast_node.default_value) if argument.ast_node.default_value else None


def test_arguments_keep_types_and_defaults(graphql: GraphQLSchema) -> None:
    """An argument is required, optional, or has the default that the client leaves out."""
    arguments = object_type(graphql, "Container").fields["withExec"].args
    assert str(arguments["args"].type) == "[String!]!"
    assert str(arguments["useEntrypoint"].type) == "Boolean"
    assert [default_of(arguments[name]) for name in ("args", "useEntrypoint", "expect")] == [None, "false", "SUCCESS"]
    assert "shell command" in (arguments["args"].description or "")


def test_objects_are_passed_by_id_of_a_type(schema: Schema) -> None:
    """An argument that is an object is an ID whose directive names the type; so is the id that `sync` answers."""
    assert 'source: ID! @expectedType(name: "Directory")' in schema.sdl
    assert 'sync: ID! @expectedType(name: "Container")' in schema.sdl


def test_interfaces_follow_from_fields(graphql: GraphQLSchema) -> None:
    """A container can be synced and exported; a secret is a node and no more."""
    assert {each.name for each in object_type(graphql, "Container").interfaces} == {"Exportable", "Node", "Syncer"}
    assert {each.name for each in object_type(graphql, "Secret").interfaces} == {"Node"}


def test_aliases_of_enum_members_keep_their_value(graphql: GraphQLSchema, schema: Schema) -> None:
    """Both names of a member are there, and the newer one says which value it has."""
    kind = graphql.type_map["ImageLayerCompression"]
    assert isinstance(kind, GraphQLEnumType)
    assert {"Gzip", "GZIP"} <= set(kind.values)
    assert 'GZIP @enumValue(value: "Gzip")' in schema.sdl


def test_deprecation_is_kept(graphql: GraphQLSchema) -> None:
    """A deprecated field says what to use instead, in the API's names."""
    assert object_type(graphql, "TypeDef").fields["withEnumValue"].deprecation_reason == "Use `withEnumMember` instead"


def test_introspection_is_prepared_once(schema: Schema, cache: Path) -> None:
    """The answer to an introspection query is kept for the next session, byte for byte."""
    query = get_introspection_query()
    assert schema.prepared(query) is None
    first = schema.introspect(query, parse(query))
    assert b'"withExec"' in first
    assert load_schema(cache).prepared(query) == first


def test_clients_of_before_read_it(schema: Schema) -> None:
    """The answer has no place of directives that clients of modules which were locked a while ago do not know."""
    query = get_introspection_query()
    directives = json.loads(schema.introspect(query, parse(query)))["data"]["__schema"]["directives"]
    places = {place for each in directives for place in each["locations"]}
    assert places
    assert "DIRECTIVE_DEFINITION" not in places


def test_more_types_stand_beside_the_core(schema: Schema) -> None:
    """A schema can be had with more types and fields, and is itself left as it is."""
    more = schema.extended("type More implements Node { id: ID! }\nextend type Query { more: More! }\n")
    assert "More" in more.executable.type_map
    assert more.executable.query_type is not None
    assert {"more", "container"} <= set(more.executable.query_type.fields)
    assert "More" not in schema.executable.type_map


@pytest.mark.parametrize("damage", [b"", b"\x80\x05garbage", b"cos\nno_such_name\n."], ids=["empty", "cut", "foreign"])
def test_damaged_cache_is_made_again(cache: Path, damage: bytes) -> None:
    """A prepared schema that cannot be read is replaced, not trusted."""
    path = load_schema(cache).directory / "schema.pickle"
    path.write_bytes(damage)
    assert load_schema(cache).executable.query_type is not None
    assert path.stat().st_size > 100_000


def test_client_of_another_shape_is_read_too() -> None:
    """The reflection knows how the client is written, not what is in it."""
    sdl = reflect(
        '''
class Mode(Enum):
    """How."""

    FAST = "FAST"
    """At once."""


class Thing(Type):
    """A thing."""

    async def id(self) -> str:
        _args = []
        _ctx = self._select("id", _args)
        return await _ctx.execute(str)

    def join(self, other: Self, *, mode: Mode | None = Mode.FAST) -> "Thing":
        """Join two.

        Parameters
        ----------
        other:
            The other one.
        """
        _args = [Arg("other", other), Arg("mode", mode, Mode.FAST)]
        _ctx = self._select("join", _args)
        return Thing(_ctx)


class Query(Root):
    """The root."""

    def thing(self) -> Thing:
        _args = []
        _ctx = self._select("thing", _args)
        return Thing(_ctx)
'''
    )
    assert "type Thing implements Node {" in sdl
    assert 'other: ID! @expectedType(name: "Thing")' in sdl
    assert "mode: Mode = FAST" in sdl
