"""How API resolvers meet the session: the `field` decorator, the object table and the context of a request.

A resolver is a function `(ctx, self, **arguments)`, async or not. Its arguments arrive converted:

- names in snake_case, Python keywords with a trailing underscore (`from_`);
- an ID (or a list of them) as the API value that it stands for, already checked against the expected type;
- an enum member as its GraphQL name (`"SUCCESS"`), a list as a tuple, an input object as a dict with snake_case keys;
- a default of the schema filled in; an optional argument without default that is absent, or null, is not passed at all.

It returns a scalar, an enum's GraphQL name, an API value, a sequence of these, or None. Where the field's type is an
ID (`sync`, `id`), it returns the API value and the session answers with the value's id.

API values are frozen, hashable by content, and name their GraphQL type in `TYPE`. What the id covers are the
dataclass fields that take part in comparison, or, where a class defines `identity()`, what that returns instead.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from embedded_engine.errors import EngineError, NotSupportedError

Resolver = Callable[..., Any]
ResolverT = TypeVar("ResolverT", bound=Resolver)

_RESOLVERS: dict[tuple[str, str], Resolver] = {}
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class EngineLike(Protocol):
    """What a session needs of the engine that it serves; resolvers know the rest of it."""

    async def close(self) -> None:
        """Stop everything that runs and let go of the store."""


@runtime_checkable
class ApiValue(Protocol):
    """An immutable value behind an object of the API."""

    TYPE: ClassVar[str]


class UnknownObjectError(EngineError):
    """An id that this session did not hand out, or of another type than the field takes."""


def field(type_name: str, field_name: str) -> Callable[[ResolverT], ResolverT]:
    """Bind a resolver to a field of the API, both by their GraphQL names: `@field("Container", "withExec")`."""

    def bind(resolver: ResolverT) -> ResolverT:
        place = (type_name, field_name)
        known = _RESOLVERS.get(place)
        if known is not None and _origin(known) != _origin(resolver):
            raise ValueError(f"{type_name}.{field_name} is bound twice: {_origin(known)} and {_origin(resolver)}")
        _RESOLVERS[place] = resolver
        return resolver

    return bind


def attributes(type_name: str, *field_names: str) -> None:
    """Bind fields that only read the attribute of the same name in snake_case: `attributes("Port", "port")`."""
    for field_name in field_names:
        _RESOLVERS[type_name, field_name] = _attribute(snake_case(field_name))


def resolver_of(type_name: str, field_name: str) -> Resolver:
    """The bound resolver, or one that refuses by name."""
    return _RESOLVERS.get((type_name, field_name)) or _refusal(f"{type_name}.{field_name}")


def bound_fields() -> frozenset[tuple[str, str]]:
    """Every (type, field) that has a resolver."""
    return frozenset(_RESOLVERS)


def snake_case(name: str) -> str:
    """A GraphQL name as a Python argument.

    >>> snake_case("useEntrypoint"), snake_case("from"), snake_case("insecureSkipTLSVerify")
    ('use_entrypoint', 'from_', 'insecure_skip_tls_verify')
    """
    snake = _CAPITAL.sub("_", name).lower()
    return f"{snake}_" if keyword.iskeyword(snake) else snake


class ObjectTable:
    """The API values of one session by id. Equal values have equal ids; an id means nothing in another session.

    `key` makes ids unguessable from the values, so that an id in a log says nothing of a secret.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key
        self._values: dict[str, ApiValue] = {}
        # A digest per object, by identity; the object is held so that its address is not used again.
        self._digests: dict[int, tuple[object, bytes]] = {}

    def put(self, value: ApiValue) -> str:
        """The id of a value, which `get` resolves from now on."""
        object_id = f"{value.TYPE}:{self._digest(value).hex()}"
        self._values.setdefault(object_id, value)
        return object_id

    def get(self, object_id: str, type_names: Sequence[str] = ()) -> ApiValue:
        """The value of an id, which must be of one of `type_names` if any are given."""
        value = self._values.get(object_id)
        if value is None:
            raise UnknownObjectError(f"no object with id {object_id[:80]!r} in this session")
        if type_names and value.TYPE not in type_names:
            raise UnknownObjectError(f"expected the id of a {type_names[0]}, got that of a {value.TYPE}")
        return value

    def _digest(self, root: object) -> bytes:
        """Digest depth first without recursion: a chain of steps may be longer than Python's stack."""
        known = self._digests.get(id(root))
        if known is not None:
            return known[1]
        stack = [(root, _content(root))]
        while stack:
            current, content = stack[-1]
            inner = [part for part in _compounds(content) if id(part) not in self._digests]
            if inner:
                stack.extend((part, _content(part)) for part in inner)
                continue
            hasher = hashlib.sha256(self._key)
            self._encode(content, hasher.update)
            self._digests[id(current)] = (current, hasher.digest())
            stack.pop()
        return self._digests[id(root)][1]

    def _encode(self, item: object, write: Callable[[bytes], object]) -> None:
        """Write a canonical form: each item with its kind and length, so that no two values run together."""
        if isinstance(item, enum.Enum):
            _write(write, b"e", f"{type(item).__qualname__}.{item.name}".encode())
        elif item is None or isinstance(item, bool | int | float):
            _write(write, b"n", repr(item).encode())
        elif isinstance(item, str):
            _write(write, b"s", item.encode("utf-8", "surrogatepass"))
        elif isinstance(item, bytes):
            _write(write, b"b", item)
        elif isinstance(item, PurePath):
            _write(write, b"p", str(item).encode("utf-8", "surrogateescape"))
        elif isinstance(item, tuple | list):
            write(b"[%d:" % len(item))
            for part in item:
                self._encode(part, write)
        elif isinstance(item, Mapping):
            write(b"{%d:" % len(item))
            for key in sorted(item, key=str):
                self._encode(key, write)
                self._encode(item[key], write)
        elif isinstance(item, frozenset | set):
            write(b"<%d:" % len(item))
            for part in sorted(item, key=repr):
                self._encode(part, write)
        elif (known := self._digests.get(id(item))) is not None:
            write(b"v")
            write(known[1])
        else:
            raise TypeError(f"{type(item).__qualname__} has no canonical form: make it a frozen dataclass")


@dataclasses.dataclass(frozen=True)
class ServedModule:
    """A module whose functions make requests of a session: its name, where its sources are, what it depends on.

    `client` is the source of the client by which its functions call those modules; empty if there are none.
    """

    name: str
    source: str
    dependencies: tuple[ApiValue, ...] = ()
    client: str = ""


@dataclasses.dataclass(frozen=True)
class RequestContext:
    """What a resolver knows beside its arguments.

    `stage` names the pipeline stage that made the request, `module` the module that serves the session, if any.
    """

    engine: Any
    objects: ObjectTable
    stage: str | None = None
    module: ServedModule | None = None


def _origin(resolver: Resolver) -> str:
    return f"{resolver.__module__}.{resolver.__qualname__}"


def _attribute(name: str) -> Resolver:
    def read(_ctx: RequestContext, value: object) -> object:
        return getattr(value, name)

    return read


def _refusal(name: str) -> Resolver:
    def refuse(_ctx: RequestContext, _value: object, **_arguments: object) -> object:
        raise NotSupportedError(name)

    return refuse


def _write(write: Callable[[bytes], object], kind: bytes, data: bytes) -> None:
    write(kind + b"%d:" % len(data))
    write(data)


def _is_compound(item: object) -> bool:
    kind = type(item)
    return hasattr(kind, "__dataclass_fields__") or hasattr(kind, "identity")


def _content(item: Any) -> object:
    """What stands for a value in its id: its class and either its `identity()` or its compared fields."""
    kind = type(item)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if hasattr(kind, "identity"):
        return (name, item.identity())
    return (name, *(getattr(item, each.name) for each in dataclasses.fields(item) if each.compare))


def _compounds(item: object) -> list[object]:
    """The compounds directly inside an item, through tuples, sets and mappings."""
    if isinstance(item, str | bytes | int | None):
        return []
    if isinstance(item, tuple | list | frozenset | set):
        return [found for part in item for found in _compounds(part)]
    if isinstance(item, Mapping):
        return [found for pair in item.items() for part in pair for found in _compounds(part)]
    return [item] if _is_compound(item) else []
