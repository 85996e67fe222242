"""One request from body to body: parsed, checked, executed, its errors put into one line each."""

from __future__ import annotations

import inspect
import json
import os
import sys
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, execute

from embedded_engine.binding import ObjectTable, RequestContext, Resolver, ServedModule
from embedded_engine.errors import EngineError
from embedded_engine.graph.graph import current_stage
from embedded_engine.schema import Schema
from embedded_engine.session.fields import Fields, QueryRoot
from embedded_engine.session.parsing import parse
from embedded_engine.session.validation import RequestError, asks_only_for_schema, check

DEBUG_VARIABLE = "CI_ENGINE_DEBUG"
_PARSED_DOCUMENTS = 256
_LONGEST_KEPT = 64 * 1024  # characters: a longer request holds a file's content, and hardly comes twice
_SHOWN = 300  # characters of a path; one that is longer than paths can be says no more than its beginning
_ROOT = QueryRoot()


class Execution:
    """Executes requests against an engine; `objects` are what its clients hold ids of."""

    def __init__(self, schema: Schema, engine: Any, objects: ObjectTable) -> None:
        self._schema = schema
        self.engine = engine
        self._objects = objects
        self.module: ServedModule | None = None
        self._fields: Fields | None = None
        self._resolvers: Mapping[tuple[str, str], Resolver] = {}
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()

    def serve(self, schema: Schema, resolvers: Mapping[tuple[str, str], Resolver]) -> None:
        """Serve another schema from the next request on; `resolvers` are for what is in it beside the core API."""
        self._schema, self._resolvers = schema, resolvers
        self._fields = None
        self._documents = OrderedDict()

    async def respond(self, body: bytes, stage: str | None = None, module: ServedModule | None = None) -> bytes:
        """The body of the response to a request's body. Errors are in it, never raised."""
        try:
            query, variables, operation = _request(body)
            prepared = self._schema.prepared(query) if "__schema" in query else None
            if prepared is not None:
                return prepared
            document = self._document(query)
            if asks_only_for_schema(document):
                return self._schema.introspect(query, document)
            result = await self._execute(document, variables, operation, stage, module or self.module)
        except EngineError as error:
            result = ExecutionResult(None, [GraphQLError(str(error), original_error=error)])
        except GraphQLError as error:
            result = ExecutionResult(None, [error])
        except RecursionError:
            result = ExecutionResult(None, [GraphQLError("the request is nested too deep")])
        return _encode(result)

    async def _execute(
        self,
        document: DocumentNode,
        variables: dict[str, Any],
        operation: str | None,
        stage: str | None,
        module: ServedModule | None,
    ) -> ExecutionResult:
        if self._fields is None:
            self._fields = Fields(self._schema.executable, self._resolvers)
        # A request is a task of its own: what it sets reaches the steps that it starts, and no other request.
        current_stage.set(stage)
        result = execute(
            self._schema.executable,
            document,
            root_value=_ROOT,
            context_value=RequestContext(self.engine, self._objects, stage, module),
            variable_values=variables,
            operation_name=operation,
            field_resolver=self._fields.resolve,
            type_resolver=self._fields.resolve_type,
        )
        return await result if inspect.isawaitable(result) else result

    def _document(self, query: str) -> DocumentNode:
        """The parsed and checked document; the ones asked for last are kept."""
        known = self._documents.get(query)
        if known is not None:
            self._documents.move_to_end(query)
            return known
        document = parse(query)
        errors = check(self._schema.executable, document, query)
        if errors:
            raise RequestError("; ".join(error.message for error in errors))
        if len(query) > _LONGEST_KEPT:
            return document
        self._documents[query] = document
        if len(self._documents) > _PARSED_DOCUMENTS:
            self._documents.popitem(last=False)
        return document


def _request(body: bytes) -> tuple[str, dict[str, Any], str | None]:
    try:
        request = json.loads(body)
        query, variables, operation = request["query"], request.get("variables"), request.get("operationName")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RequestError('a request is a JSON object with a "query"') from None
    variables = {} if variables is None else variables
    if not isinstance(query, str) or not isinstance(variables, dict) or not isinstance(operation, str | None):
        raise RequestError('a request has a "query" text, and may have "variables" and an "operationName"')
    return query, variables, operation


def _encode(result: ExecutionResult) -> bytes:
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [_error(error) for error in result.errors]
    return json.dumps(body, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _error(error: GraphQLError) -> dict[str, Any]:
    """One error as a client sees it: what the engine refuses keeps its text, what it did not foresee gets one line."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    shown: dict[str, Any] = {"message": error.message}
    if cause is not None and not isinstance(cause, EngineError | GraphQLError):
        shown["message"] = _said(cause)
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exception(cause, file=sys.stderr)
    if error.path:
        shown["path"] = error.path
    extensions = cause.extensions if isinstance(cause, EngineError) else error.extensions
    if extensions:
        shown["extensions"] = extensions
    return shown


def _said(error: BaseException) -> str:
    """What the operating system refuses, in its words; of anything else the kind as well, as it was not foreseen."""
    if isinstance(error, OSError) and error.strerror:
        place = ascii(error.filename)[1:-1] if isinstance(error.filename, str) else ""
        return f"{place[:_SHOWN]}: {error.strerror.lower()}" if place else error.strerror.lower()
    text = " ".join(str(error).split())
    # Python says "embedded null byte", "embedded null character in path", or either after the name of a call.
    if isinstance(error, ValueError) and "embedded null " in text:
        return "a path or an argument has a null byte in it"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
