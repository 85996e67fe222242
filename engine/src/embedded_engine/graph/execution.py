"""Executions: a process run to its end over file systems, its changes kept as layers, its result in the store."""

from __future__ import annotations

import asyncio
import enum
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from embedded_engine.errors import EngineError
from embedded_engine.events import StepFinished, StepOutput, StepStarted
from embedded_engine.graph.accounts import UnknownAccountError
from embedded_engine.graph.graph import current_stage
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.graph.output import Output, tail
from embedded_engine.graph.process import Process, TreeMount
from embedded_engine.sandbox import Exit, StartError
from embedded_engine.store import Tree

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.graph.preparation import Prepared

MAX_ERROR_OUTPUT_BYTES = 100 * 1024
COMMAND_LABEL_CHARACTERS = 100
MAX_EXIT_CODE = 127
# Codes from 192 belong to programs again; those between say that a signal ended the process.
FIRST_CODE_AFTER_SIGNALS = 192
# The code of a program that cannot be started, and what stands for one where no container was started at all.
CANNOT_START = 1
NEVER_RAN = -1


class ExitExpectation(enum.Enum):
    """Which exit codes count as a result rather than as a failure."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    ANY = "ANY"

    def accepts(self, code: int) -> bool:
        """Whether an execution that ends with `code` succeeded, so that its result is kept."""
        if code == 0:
            return self is not ExitExpectation.FAILURE
        ordinary = 1 <= code <= MAX_EXIT_CODE or code >= FIRST_CODE_AFTER_SIGNALS
        return ordinary and self is not ExitExpectation.SUCCESS


class ExecError(EngineError):
    """A process ended with a code that was not expected. Carries what the SDK turns into `dagger.ExecError`."""

    def __init__(self, message: str, args: tuple[str, ...], code: int, stdout: str, stderr: str) -> None:
        details = {"_type": "EXEC_ERROR", "cmd": list(args), "exitCode": code, "stdout": stdout, "stderr": stderr}
        super().__init__(message, extensions=details)


@dataclass(frozen=True)
class ExecutionResult:
    """What an execution left: its code, its output by stream, and a layer for each file system it changed."""

    exit_code: int
    outputs: dict[str, str]
    layers: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Execution:
    """A process that runs to its end. `redirects` name files that receive a stream, below the process's root."""

    process: Process
    expect: ExitExpectation = ExitExpectation.SUCCESS
    redirect_stdin: str = ""
    redirect_stdout: str = ""
    redirect_stderr: str = ""
    digest: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        redirects = (self.redirect_stdin, self.redirect_stdout, self.redirect_stderr)
        object.__setattr__(self, "digest", fingerprint("execution", self.process, self.expect, redirects))

    async def key(self, graph: Graph) -> str:
        """The key of the result: the process and the files that its streams go to."""
        redirects = (self.redirect_stdin, self.redirect_stdout, self.redirect_stderr)

        async def make() -> str:
            return fingerprint("execution", await self.process.key(graph), redirects)

        return await graph.flight.run(f"execution-key:{self.digest}", make)

    async def result(self, graph: Graph) -> ExecutionResult:
        """The result, from the store or by running it now. Raises ExecError on a code that is not expected."""
        return await graph.flight.run(f"execution:{self.digest}", lambda: self._find_or_run(graph))

    async def _find_or_run(self, graph: Graph) -> ExecutionResult:
        key = await self.key(graph)
        # Two definitions with one key (the same content by two ways) are one execution: the key has a flight too.
        return await graph.flight.run(f"run:{key}:{self.expect.name}", lambda: _Run(graph, self, key).result())


class _Run:
    """One attempt to get an execution's result."""

    def __init__(self, graph: Graph, execution: Execution, key: str) -> None:
        self._graph = graph
        self._execution = execution
        self._key = key
        self._stage = current_stage.get()
        self._label = label(execution.process.args)

    async def result(self) -> ExecutionResult:
        found = self._look_up()
        if found is None:
            async with self._graph.store.lock(self._key):
                found = self._look_up()
                if found is None:
                    return await self._run()
        finished = StepFinished(self._key, self._label, found.seconds, cached=True, stage=self._stage)
        self._graph.emit(finished)
        return found

    def _look_up(self) -> ExecutionResult | None:
        record = self._graph.store.results.get(self._key)
        if record is None or not self._execution.expect.accepts(record["exit_code"]):
            return None
        if not all(self._graph.store.blobs.has(blob) for blob in record["outputs"].values()):
            return None
        return ExecutionResult(record["exit_code"], record["outputs"], record["layers"], record["seconds"])

    async def _run(self) -> ExecutionResult:
        from embedded_engine.graph.preparation import prepare
        from embedded_engine.graph.redirects import RedirectError

        graph, execution = self._graph, self._execution
        async with AsyncExitStack() as stack:
            # What it needs is made first, by steps of their own: an execution's time is that of its process.
            try:
                prepared = await prepare(graph, execution.process, stack, redirect_stdin=execution.redirect_stdin)
                await asyncio.to_thread(self._open_redirects, prepared)
            except (UnknownAccountError, RedirectError) as failure:
                raise ExecError(str(failure), execution.process.args, NEVER_RAN, "", "") from None
            graph.emit(StepStarted(self._key, self._label, self._stage))
            begin = time.monotonic()
            error: str | None = None
            try:
                return await self._run_in_sandbox(prepared, begin)
            except asyncio.CancelledError:
                error = "cancelled"
                raise
            except Exception as failure:
                error = str(failure)
                raise
            finally:
                seconds = time.monotonic() - begin
                graph.emit(StepFinished(self._key, self._label, seconds, error=error, stage=self._stage))

    async def _run_in_sandbox(self, prepared: Prepared, begin: float) -> ExecutionResult:
        graph, execution = self._graph, self._execution
        output = Output(prepared.directory, await execution.process.secret_values(graph), self._tell)
        await output.open()
        try:
            async with graph.services.needed(execution.process.bindings):
                ended = await graph.sandbox.run(prepared.spec_with(output))
        except StartError:
            # As on Dagger: a program that cannot be started is one that fails; its stderr says why.
            ended = Exit(CANNOT_START)
        finally:
            await output.finish()
        output.check()
        if not execution.expect.accepts(ended.code):
            raise _failure(ended, execution.process.args, output)
        return await asyncio.to_thread(self._keep, prepared, output, ended.code, time.monotonic() - begin)

    @property
    def _redirects(self) -> tuple[tuple[str, str], ...]:
        """The streams that go to files, with the files' paths."""
        pairs = (("stdout", self._execution.redirect_stdout), ("stderr", self._execution.redirect_stderr))
        return tuple((stream, path) for stream, path in pairs if path)

    def _open_redirects(self, prepared: Prepared) -> None:
        for stream, path in self._redirects:
            prepared.files.open(stream, path)

    def _keep(self, prepared: Prepared, output: Output, code: int, seconds: float) -> ExecutionResult:
        """Commit the layers and the output, then the record that names them: a crash before it loses only work."""
        store = self._graph.store
        for stream, path in self._redirects:
            prepared.files.write(path, output.file(stream))
        layers = prepared.commit()
        streams = ("stdout", "stderr", "combined")
        outputs = {stream: store.blobs.add(output.file(stream)) for stream in streams}
        record: dict[str, Any] = {"exit_code": code, "outputs": outputs, "layers": layers, "seconds": seconds}
        store.results.put(self._key, record, layers=layers.values())
        return ExecutionResult(code, outputs, layers, seconds)

    def _tell(self, stream: str, data: bytes) -> None:
        self._graph.emit(StepOutput(self._key, stream, data))


@dataclass(frozen=True, eq=False)
class ExecutionRootfs(FsNode):
    """The root file system as an execution left it."""

    execution: Execution

    async def key(self, graph: Graph) -> str:
        return fingerprint("rootfs", await self.execution.key(graph))

    async def build(self, graph: Graph) -> Tree:
        base, result = await asyncio.gather(graph.tree(self.execution.process.rootfs), self.execution.result(graph))
        return _with_layer(base, result.layers.get("/"))


@dataclass(frozen=True, eq=False)
class ExecutionMount(FsNode):
    """A mounted file system as an execution left it."""

    execution: Execution
    mount: TreeMount

    async def key(self, graph: Graph) -> str:
        return fingerprint("mount", await self.execution.key(graph), self.mount.target)

    async def build(self, graph: Graph) -> Tree:
        base, result = await asyncio.gather(graph.tree(self.mount.fs), self.execution.result(graph))
        return _with_layer(base, result.layers.get(self.mount.target))


def label(args: tuple[str, ...]) -> str:
    """A command on one line, short enough for a line of progress."""
    line = " ".join(" ".join(args).split())
    return line if len(line) <= COMMAND_LABEL_CHARACTERS else f"{line[: COMMAND_LABEL_CHARACTERS - 1]}…"


def _with_layer(base: Tree, layer: str | None) -> Tree:
    return Tree((*base.layers, layer)) if layer else base


def _failure(ended: Exit, args: tuple[str, ...], output: Output) -> ExecError:
    message = f"exit code: {ended.code}"
    if ended.oom_killed:
        message += " (out of memory)"
    stdout, stderr = (tail(output.file(stream), MAX_ERROR_OUTPUT_BYTES).strip() for stream in ("stdout", "stderr"))
    return ExecError(message, args, ended.code, stdout, stderr)
