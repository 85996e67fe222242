"""What a request must be before it runs: valid against the schema, and of bounded size."""

from __future__ import annotations

import sys
from collections import deque

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    specified_rules,
    type_from_ast,
    validate,
)
from graphql.validation import ASTValidationRule, PossibleFragmentSpreadsRule

from embedded_engine.errors import EngineError

MAX_DEPTH = 2_000
MAX_FIELDS = 20_000
MAX_ALIASES_PER_SELECTION = 1_000


class RequestError(EngineError):
    """A request that is malformed, too large, or asks for what the schema lacks."""


class FragmentSpreadsRule(PossibleFragmentSpreadsRule):
    """A fragment fits where its type and the parent's have an object in common, or one implements the other.

    graphql-core looks at objects only, so it refuses `node(id:) { ... on SomeInterface }` for an interface that no
    object of the schema implements although the interface itself is a Node.
    """

    def enter_inline_fragment(self, node: InlineFragmentNode, *_args: object) -> None:
        """Check a fragment that stands in place."""
        if not _implements(self.context.schema, self.context.get_type(), self.context.get_parent_type()):
            super().enter_inline_fragment(node, *_args)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_args: object) -> None:
        """Check a fragment that is named."""
        definition = self.context.get_fragment(node.name.value)
        kind = type_from_ast(self.context.schema, definition.type_condition) if definition else None
        if not _implements(self.context.schema, kind, self.context.get_parent_type()):
            super().enter_fragment_spread(node, *_args)


_UNSEEN = frozenset(
    {
        # What only a person who writes queries by hand wants to hear: nothing goes wrong by it.
        "NoUnusedFragmentsRule",
        "NoUnusedVariablesRule",
        "UniqueDirectivesPerLocationRule",
        # What the schema does not have: subscriptions, and parts of an answer that come later.
        "SingleFieldSubscriptionsRule",
        "DeferStreamDirectiveOnRootField",
        "DeferStreamDirectiveOnValidOperationsRule",
        "DeferStreamDirectiveLabel",
        "StreamDirectiveOnListField",
    }
)
_ABOUT_VARIABLES = frozenset(
    {
        "NoUndefinedVariablesRule",
        "VariablesInAllowedPositionRule",
        "VariablesAreInputTypesRule",
        "UniqueVariableNamesRule",
    }
)

RULES: tuple[type[ASTValidationRule], ...] = tuple(
    FragmentSpreadsRule if rule is PossibleFragmentSpreadsRule else rule
    for rule in specified_rules
    if rule.__name__ not in _UNSEEN
)
_RULES_WITHOUT_VARIABLES = tuple(rule for rule in RULES if rule.__name__ not in _ABOUT_VARIABLES)


def check(schema: GraphQLSchema, document: DocumentNode, query: str) -> list[GraphQLError]:
    """The errors of a request, whose text is `query`. Raises RequestError for one that is too large to look at."""
    _bound(document)
    # An SDK writes values into its queries; following variables would be half of the work.
    return validate(schema, document, RULES if "$" in query else _RULES_WITHOUT_VARIABLES, max_errors=5)


def allow_deep_requests() -> None:
    """Let chains be longer than graphql-core's 200 levels, a bound that it has for another interpreter's sake."""
    for name in ("graphql.language.parser", "graphql.validation.validate"):
        vars(sys.modules[name])["MAX_NESTING_DEPTH"] = MAX_DEPTH


def asks_only_for_schema(document: DocumentNode) -> bool:
    """Whether every operation selects nothing but `__schema` or `__type`."""
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    selections = [selection for operation in operations for selection in operation.selection_set.selections]
    return bool(selections) and all(
        isinstance(each, FieldNode) and each.name.value in ("__schema", "__type") for each in selections
    )


def _bound(document: DocumentNode) -> None:
    """Count, without recursion, what the document selects; fragments count once, and cycles are validation's."""
    count = 0
    waiting: deque[SelectionSetNode] = deque(
        each.selection_set
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode | FragmentDefinitionNode)
    )
    while waiting:
        selections = waiting.pop().selections
        count += len(selections)
        if len(selections) > MAX_ALIASES_PER_SELECTION:
            raise RequestError(f"a request may select at most {MAX_ALIASES_PER_SELECTION} fields of one object")
        if count > MAX_FIELDS:
            raise RequestError(f"a request may select at most {MAX_FIELDS} fields")
        waiting.extend(
            each.selection_set
            for each in selections
            if isinstance(each, FieldNode | InlineFragmentNode) and each.selection_set
        )


def _implements(schema: GraphQLSchema, one: object, other: object) -> bool:
    """Whether one of two types is an interface that the other one implements."""
    implementing = (GraphQLInterfaceType, GraphQLObjectType)
    if not (isinstance(one, implementing) and isinstance(other, implementing)):
        return False
    return any(
        isinstance(above, GraphQLInterfaceType) and schema.is_sub_type(above, below)
        for below, above in ((one, other), (other, one))
    )
