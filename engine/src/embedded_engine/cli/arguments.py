"""The arguments of a call: what was given on the command line, and what the module's context supplies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedded_engine.api.definitions import Function, FunctionArg
from embedded_engine.cli.addresses import Addresses, directory_field
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.flags import Reference, parse_words
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.naming import kebab_case


class Arguments:
    """Makes the arguments of one module's functions. Raises ApiError for what the API refuses."""

    def __init__(self, source: ModuleSource, addresses: Addresses) -> None:
        self._source = source
        self._addresses = addresses

    async def of(self, function: Function, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call as JSON; objects are ids."""
        waiting = {
            arg.name: self._input(arg, given)
            for arg in function.args
            if arg.name in given or arg.user_default is not None or arg.default_path or arg.default_address
        }
        values = await asyncio.gather(*waiting.values())
        return dict(zip(waiting, values, strict=True))

    async def _input(self, arg: FunctionArg, given: Mapping[str, Any]) -> Any:
        if arg.name in given:
            return await self._given(arg, given[arg.name])
        if arg.user_default is not None:
            return await self._given(arg, parse_words(f"the default of {arg.name}", arg.type_def, arg.user_default))
        if arg.default_address:
            return await self._given(arg, Reference("Container", arg.default_address))
        return await self._contextual(arg)

    async def _given(self, arg: FunctionArg, value: Any) -> Any:
        if isinstance(value, list):
            return list(await asyncio.gather(*(self._given(arg, each) for each in value)))
        if isinstance(value, Reference):
            return await self._addresses.load(f"--{kebab_case(arg.name)}", arg, value)
        return value

    async def _contextual(self, arg: FunctionArg) -> str:
        """The object at an argument's default path: absolute in the context, else from where dagger.json is."""
        kind = arg.type_def.name
        if kind in ("GitRepository", "GitRef") and arg.default_path.strip("/") in (".git", ".", ""):
            repository = ["host", directory_field(self._source.context, gitignore=True), "asGit"]
            return await self._addresses.select(*repository, *(["head"] if kind == "GitRef" else []), "id")
        path = default_path(self._source, arg)
        return await self._addresses.load(arg.name, arg, Reference(kind, str(path)))


def default_path(source: ModuleSource, arg: FunctionArg) -> Path:
    """Where a default path leads. Raises UsageError when that is outside of the context."""
    start = source.context if arg.default_path.startswith("/") else source.root
    path = (start / arg.default_path.lstrip("/")).resolve()
    if not path.is_relative_to(source.context):
        raise UsageError(f"the default path {arg.default_path!r} of {arg.name} leaves the repository {source.context}")
    return path
