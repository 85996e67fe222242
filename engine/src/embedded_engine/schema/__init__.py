"""The whole core schema, made from the installed Dagger client once per version and kept in a cache directory."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from graphql import DocumentNode, GraphQLSchema, build_ast_schema, execute_sync, parse

from embedded_engine.errors import EngineError
from embedded_engine.schema.integers import with_wide_integers
from embedded_engine.schema.reflect import reflect
from embedded_engine.store.kept import keep, read_kept


class SchemaError(EngineError):
    """The schema cannot be read from the installed Dagger client."""


@dataclass(frozen=True)
class Schema:
    """The schema, ready to execute, and the answers to introspection that clients asked for before."""

    directory: Path
    types: str = ""

    @cached_property
    def sdl(self) -> str:
        """The schema in GraphQL's schema definition language, with every description."""
        path = self.directory / "schema.graphql"
        kept = read_kept(path)
        if kept is None:
            kept = reflect(_client_source()).encode()
            keep(path, kept)
        return kept.decode() + self.types

    def extended(self, types: str) -> Schema:
        """The schema with more types, in the schema definition language."""
        return Schema(self.directory / f"with-{_digest(types)}", types)

    @cached_property
    def executable(self) -> GraphQLSchema:
        """The schema as graphql-core's object. Unpickled in 15 ms where building it takes 70 ms."""
        path = self.directory / "schema.pickle"
        kept = read_kept(path)
        if kept is not None:
            # Written by this program below, in the user's own cache.
            return with_wide_integers(cast(GraphQLSchema, pickle.loads(kept)))  # noqa: S301
        document = parse(self.sdl, no_location=True)
        schema = build_ast_schema(document, assume_valid=True, assume_valid_sdl=True)
        keep(path, pickle.dumps(schema))
        return with_wide_integers(schema)

    def prepared(self, query: str) -> bytes | None:
        """The answer to an introspection query that was answered before, in this session or another."""
        return read_kept(self._answer(query))

    def introspect(self, query: str, document: DocumentNode) -> bytes:
        """The answer, as the body of a response, to a query that asks for nothing but the schema."""
        result = execute_sync(self.executable, document)
        answer = result.formatted
        _forget_new_locations(answer)
        body = json.dumps(answer, separators=(",", ":")).encode()
        if not result.errors:
            keep(self._answer(query), body)
        return body

    def _answer(self, query: str) -> Path:
        return self.directory / f"introspection-{_digest(query)}.json"


def load_schema(cache: Path) -> Schema:
    """The schema of the installed client; what is made of it is kept in `cache`, by version."""
    key = _digest(f"{version('dagger-io')} {version('graphql-core')} {sys.version} {_own_digest()}")
    return Schema(cache / f"schema-{key}")


def _client_source() -> str:
    """The client's generated code, found without importing the package."""
    spec = find_spec("dagger")
    if spec is None or spec.origin is None:
        raise SchemaError("dagger-io is not installed here: the engine reads its schema from it (uv sync)")
    return Path(spec.origin).with_name("client").joinpath("gen.py").read_text(encoding="utf-8")


def _own_digest() -> str:
    """So that a change of the reflection or of answers is not hidden by what an older one left in the cache."""
    parts = (Path(__file__), Path(__file__).with_name("reflect.py"))
    return _digest("".join(part.read_text(encoding="utf-8") for part in parts))


def _forget_new_locations(answer: Mapping[str, Any]) -> None:
    """Leave out of an answer where directives may stand since lately: a client that does not know it takes none of it."""
    schema = (answer.get("data") or {}).get("__schema") or {}
    for directive in schema.get("directives") or ():
        if "locations" in directive:
            directive["locations"] = [each for each in directive["locations"] if each != "DIRECTIVE_DEFINITION"]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
