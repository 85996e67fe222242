"""Dagger's Int has 64 bits, for instance for the size of a large file; GraphQL's own ends at 32."""

from __future__ import annotations

from typing import Any, cast

from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema, IntValueNode, ValueNode, print_ast

LARGEST = 2**63 - 1


def with_wide_integers(schema: GraphQLSchema) -> GraphQLSchema:
    """The schema, its Int widened to 64 bits. It is the Int of every schema of this process."""
    integers = cast(GraphQLScalarType, schema.type_map["Int"])
    integers.coerce_output_value = _integer
    integers.coerce_input_value = _integer
    integers.coerce_input_literal = _literal
    return schema


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -LARGEST - 1 <= value <= LARGEST:
        raise GraphQLError(f"Int cannot represent {value!r}: it is no integer of 64 bits")
    return value


def _literal(node: ValueNode) -> int:
    if not isinstance(node, IntValueNode):
        raise GraphQLError(f"Int cannot represent non-integer value: {print_ast(node)}", node)
    return _integer(int(node.value))
