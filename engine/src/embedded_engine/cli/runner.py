"""A chain, run: the module's functions through its runtime, then the core API's as one query."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedded_engine.api.definitions import LIST, TypeDef
from embedded_engine.cli.addresses import Addresses
from embedded_engine.cli.arguments import Arguments
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.core import chain_query, chain_result
from embedded_engine.cli.errors import FunctionError
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.outcome import FileChange, Outcome
from embedded_engine.cli.results import held
from embedded_engine.cli.runtime import Runtime
from embedded_engine.cli.words import Step
from embedded_engine.session import ApiError, Session


class Runner:
    """Runs chains of one module in one session; the constructor runs once for equal arguments."""

    def __init__(
        self, source: ModuleSource, catalog: Catalog, runtime: Runtime, session: Session, workdir: Path
    ) -> None:
        self._catalog = catalog
        self._runtime = runtime
        self._session = session
        self._addresses = Addresses(session.ask, workdir)
        self._arguments = Arguments(source, self._addresses)

    async def run(self, steps: Sequence[Step], output: str | None = None) -> Outcome:
        """Make the main object with the first step, then follow the others; `output` exports a final object."""
        first, *rest = steps
        state = await self.construct(first)
        return await self.follow(state, rest, output)

    async def construct(self, step: Step) -> Any:
        """The state of the main object."""
        return await self._runtime.call(self._catalog.main_object, {}, "", await self._inputs(step))

    async def follow(self, state: Any, steps: Sequence[Step], output: str | None = None) -> Outcome:
        """Follow calls from the main object in that state."""
        value, type_def = state, self._catalog.constructor.return_type
        for index, step in enumerate(steps):
            if self._catalog.is_core(type_def.object_name):
                return await self._core(value, type_def, steps[index:], output)
            value = await self._call(value, type_def.object_name, step)
            type_def = _wrapped(step.function.return_type, isinstance(type_def.element, TypeDef))
        if type_def.object_name and self._catalog.is_core(type_def.object_name):
            return await self._core(value, type_def, (), output)
        return Outcome(value, type_def)

    async def is_empty(self, outcome: Outcome) -> bool:
        """Whether a changeset changes nothing."""
        return bool(await self._ask(outcome.value, outcome.type_def.object_name, (), "isEmpty"))

    async def merged(self, changesets: Sequence[str]) -> str:
        """The id of one changeset that holds all of these. Raises FunctionError when two change the same place."""
        if len(changesets) == 1:
            return changesets[0]
        ids = ", ".join(f'"{each}"' for each in changesets)
        field = f"withChangesets(changes: [{ids}], onConflict: FAIL_EARLY)"
        answer = await self._query(f"{{ changeset {{ {field} {{ id }} }} }}")
        return str(answer["changeset"]["withChangesets"]["id"])

    async def changes(self, changeset: str) -> list[FileChange]:
        """What a changeset changes, file by file."""
        fields = "diffStats { path kind addedLines removedLines }"
        answer = await self._query(f'{{ node(id: "{changeset}") {{ ... on Changeset {{ {fields} }} }} }}')
        stats = answer["node"]["diffStats"]
        return [FileChange(one["path"], one["kind"], one["addedLines"], one["removedLines"]) for one in stats]

    async def apply(self, changeset: str) -> None:
        """Bring what a changeset changes to the directory where the command was given."""
        place = json.dumps(str(self._addresses.local(".")))
        await self._query(f'{{ node(id: "{changeset}") {{ ... on Changeset {{ export(path: {place}) }} }} }}')

    async def _query(self, query: str) -> dict[str, Any]:
        try:
            return await self._session.ask(query)
        except ApiError as error:
            raise _shown(error) from error

    async def _call(self, state: Any, object_name: str, step: Step) -> Any:
        """Call a function of an object, or of every object of a list."""
        if isinstance(state, list):
            return [await self._call(each, object_name, step) for each in state]
        if state is None:
            return None  # as on the API: what follows nothing is nothing
        definition = self._catalog.module.object(object_name)
        if definition is not None and any(field.name == step.function.name for field in definition.fields):
            return state[step.function.name]
        value = await self._runtime.call(object_name, state, step.function.name, await self._inputs(step))
        return held(value, step.function.return_type, f"{object_name}.{step.function.name}")

    async def _core(self, value: Any, type_def: TypeDef, steps: Sequence[Step], output: str | None) -> Outcome:
        if value is None:
            return Outcome(None, steps[-1].function.return_type if steps else type_def)
        calls = [Step(step.function, self._absolute(step, await self._inputs(step))) for step in steps]
        last = steps[-1].function.return_type if steps else type_def
        leaf, exported = self._leaf(last, output)
        ids = value if isinstance(value, list) else [value]
        results = [await self._ask(each, type_def.object_name, calls, leaf) for each in ids]
        result = results if isinstance(value, list) else results[0]
        listed = isinstance(value, list) or any(step.function.return_type.kind == LIST for step in steps)
        return Outcome(result, _wrapped(last, listed), str(result) if exported else None)

    async def _ask(self, object_id: str, type_name: str, calls: Sequence[Step], leaf: str) -> Any:
        name = self._catalog.api_name(type_name)
        return chain_result(await self._query(chain_query(object_id, name, calls, leaf)), calls, leaf)

    def _leaf(self, type_def: TypeDef, output: str | None) -> tuple[str, bool]:
        """What to select at the end: an object is exported, or made to happen; a value is itself."""
        name = type_def.object_name
        if not name:
            return "", False
        core = self._catalog.core
        if output is not None and core.has(name, "export") and type_def.kind != LIST:
            path = str(self._addresses.local(output)).replace("\\", "\\\\").replace('"', '\\"')
            parents = ", allowParentDirPath: true" if core.takes(name, "export", "allowParentDirPath") else ""
            return f'export(path: "{path}"{parents})', True
        return ("sync" if core.has(name, "sync") and type_def.kind != LIST else "id"), False

    def _absolute(self, step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
        """`export --path` means a path of this machine, from where the command was given."""
        if step.function.name == "export" and "path" in inputs:
            return {**inputs, "path": str(self._addresses.local(inputs["path"]))}
        return inputs

    async def _inputs(self, step: Step) -> dict[str, Any]:
        try:
            return await self._arguments.of(step.function, step.arguments)
        except ApiError as error:
            raise _shown(error) from error


def _wrapped(type_def: TypeDef, listed: bool) -> TypeDef:
    """The type of a value that was taken from every object of a list."""
    return TypeDef(LIST, element=type_def) if listed and type_def.kind != LIST else type_def


def _shown(error: ApiError) -> FunctionError:
    """An error of the API with, for a command, its code and output."""
    extensions = error.extensions
    if extensions.get("_type") != "EXEC_ERROR":
        return FunctionError(str(error))
    from embedded_engine.cli.failures import exec_failure

    return exec_failure(
        str(error), extensions["cmd"], extensions["exitCode"], extensions["stdout"], extensions["stderr"]
    )
