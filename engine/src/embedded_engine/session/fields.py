"""Between GraphQL and the resolvers: arguments become Python values, results become what the schema promises."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from graphql import (
    DirectiveNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    StringValueNode,
    get_named_type,
)

from embedded_engine.binding import ApiValue, RequestContext, Resolver, resolver_of, snake_case

Convert = Callable[[RequestContext, Any], Any]


@dataclass(frozen=True)
class QueryRoot:
    """The value behind the root of every query."""

    TYPE: ClassVar[str] = "Query"


@dataclass(frozen=True)
class _Plan:
    """What a field needs at every call, worked out once."""

    resolver: Resolver
    arguments: dict[str, tuple[str, Convert]]
    answers_id: bool


class Fields:
    """Resolves every field of the schema. `resolve` and `resolve_type` are what graphql-core calls."""

    def __init__(self, schema: GraphQLSchema, resolvers: Mapping[tuple[str, str], Resolver]) -> None:
        self._schema = schema
        self._resolvers = resolvers
        self._plans: dict[tuple[str, str], _Plan] = {}

    def resolve(self, source: Any, info: GraphQLResolveInfo[Any], /, **arguments: Any) -> Any:
        """Call the resolver of a field; its arguments may have any name, `source` too."""
        context: RequestContext = info.context
        plan = self._plan(info)
        values = {}
        for name, given in arguments.items():
            if given is not None:
                python_name, convert = plan.arguments[name]
                values[python_name] = convert(context, given)
        result = plan.resolver(context, source, **values)
        if not plan.answers_id:
            return result
        return _later_id(context, result) if inspect.isawaitable(result) else _id(context, result)

    @staticmethod
    def resolve_type(value: ApiValue, *_: object) -> str:
        """The object type of a value where the schema says an interface."""
        return value.TYPE

    def _plan(self, info: GraphQLResolveInfo[Any]) -> _Plan:
        place = (info.parent_type.name, info.field_name)
        plan = self._plans.get(place)
        if plan is None:
            definition = info.parent_type.fields[info.field_name]
            arguments = {
                name: (snake_case(name), self._converter(argument.type, _directives(argument.ast_node)))
                for name, argument in definition.args.items()
            }
            answers_id = get_named_type(definition.type).name == "ID"
            plan = self._plans[place] = _Plan(self._resolvers.get(place) or _resolver(*place), arguments, answers_id)
        return plan

    def _converter(self, kind: GraphQLInputType, directives: Sequence[DirectiveNode]) -> Convert:
        if isinstance(kind, GraphQLNonNull):
            return self._converter(kind.of_type, directives)
        if isinstance(kind, GraphQLList):
            each = self._converter(kind.of_type, directives)
            return lambda context, given: tuple(each(context, item) for item in given)
        if isinstance(kind, GraphQLEnumType):
            canonical = {name: _canonical(name, member.ast_node) for name, member in kind.values.items()}
            return lambda _, given: canonical[given]
        if isinstance(kind, GraphQLInputObjectType):
            return self._input(kind)
        if kind.name.endswith("ID"):
            expected = _expected(directives) or kind.name.removesuffix("ID")
            accepted = self._accepted(expected) if expected else ()
            return lambda context, given: context.objects.get(given, accepted)
        return _unchanged

    def _input(self, kind: GraphQLInputObjectType) -> Convert:
        members = {
            name: (snake_case(name), self._converter(member.type, _directives(member.ast_node)))
            for name, member in kind.fields.items()
        }

        def convert(context: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
            present = ((members[name], value) for name, value in given.items())
            return {name: None if value is None else each(context, value) for (name, each), value in present}

        return convert

    def _accepted(self, name: str) -> tuple[str, ...]:
        """The object types that an expected type admits: itself, or those that implement it."""
        expected = self._schema.type_map[name]
        if isinstance(expected, GraphQLObjectType):
            return (name,)
        return (name, *(each.name for each in self._schema.get_possible_types(expected)))  # type: ignore[arg-type]


def _resolver(type_name: str, field_name: str) -> Resolver:
    if field_name == "id":
        return _itself
    if type_name == "Query" and (field_name == "node" or loads_by_id(field_name)):
        return _by_id
    return resolver_of(type_name, field_name)


def _itself(_context: RequestContext, value: ApiValue) -> ApiValue:
    return value


def _by_id(_context: RequestContext, _root: object, *, id: ApiValue) -> ApiValue:  # noqa: A002 - the field's name
    return id


def loads_by_id(field_name: str) -> bool:
    """Whether a field of Query finds an object of some type by its id, as `node` does."""
    return field_name.startswith("load") and field_name.endswith("FromID")


def _unchanged(_context: RequestContext, given: Any) -> Any:
    return given


def _id(context: RequestContext, result: Any) -> str | None:
    return result if result is None or isinstance(result, str) else context.objects.put(result)


async def _later_id(context: RequestContext, result: Awaitable[Any]) -> str | None:
    return _id(context, await result)


def _directives(node: Any) -> Sequence[DirectiveNode]:
    return (node.directives or ()) if node is not None else ()


def _expected(directives: Sequence[DirectiveNode]) -> str:
    return _directive(directives, "expectedType")


def _canonical(name: str, node: Any) -> str:
    """Members of one value are aliases: resolvers see the value, which is the first member's name."""
    return _directive(_directives(node), "enumValue") or name


def _directive(directives: Sequence[DirectiveNode], name: str) -> str:
    for directive in directives:
        for argument in directive.arguments or ():
            if directive.name.value == name and isinstance(argument.value, StringValueNode):
                return argument.value.value
    return ""
