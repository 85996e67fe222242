"""Container: executions, their output, and the services that a container becomes."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import Any

from embedded_engine.api.paths import expand as _expanded
from embedded_engine.api.values import ContainerValue, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError, NotSupportedError
from embedded_engine.graph import Execution, ExecutionMount, ExecutionRootfs, ExitExpectation
from embedded_engine.graph.process import Mount, Process, Service, TreeMount


class NoCommandError(EngineError):
    """Output was asked of a container that has run nothing, or a run of one that has nothing to run."""


@field("Container", "withExec")
def with_exec(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    args: tuple[str, ...],
    use_entrypoint: bool = False,
    stdin: str = "",
    redirect_stdin: str = "",
    redirect_stdout: str = "",
    redirect_stderr: str = "",
    expect: str = "SUCCESS",
    experimental_privileged_nesting: bool = False,
    insecure_root_capabilities: bool = False,
    expand: bool = False,
    no_init: bool = False,
) -> ContainerValue:
    if stdin and redirect_stdin:
        raise EngineError("cannot set both stdin and redirectStdin")
    if experimental_privileged_nesting:
        raise NotSupportedError("Container.withExec(experimentalPrivilegedNesting:)")
    process = _process(
        self,
        _command(self, tuple(_expanded(self, arg, expand) for arg in args), use_entrypoint),
        stdin=stdin or None,
        no_init=no_init,
        insecure_root_capabilities=insecure_root_capabilities,
        volatile_env=self.volatile_env,
    )
    execution = Execution(
        process,
        ExitExpectation[expect],
        *(_redirect(self, path, expand) for path in (redirect_stdin, redirect_stdout, redirect_stderr)),
    )
    mounts = tuple(_after(execution, mount) for mount in self.mounts)
    return replace(self, fs=ExecutionRootfs(execution), mounts=mounts, execution=execution, image_ref="")


@field("Container", "sync")
async def sync(ctx: RequestContext, self: ContainerValue) -> ContainerValue:
    graph = ctx.engine.graph
    await graph.tree(self.fs)
    for mount in self.mounts:
        if isinstance(mount, TreeMount):
            await graph.tree(mount.fs)
    return self


@field("Container", "stdout")
async def stdout(ctx: RequestContext, self: ContainerValue) -> str:
    return await _output(ctx, self, "stdout")


@field("Container", "stderr")
async def stderr(ctx: RequestContext, self: ContainerValue) -> str:
    return await _output(ctx, self, "stderr")


@field("Container", "combinedOutput")
async def combined_output(ctx: RequestContext, self: ContainerValue) -> str:
    return await _output(ctx, self, "combined")


@field("Container", "exitCode")
async def exit_code(ctx: RequestContext, self: ContainerValue) -> int:
    return int((await _executed(self).result(ctx.engine.graph)).exit_code)


@field("Container", "asService")
def as_service(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    args: tuple[str, ...] = (),
    use_entrypoint: bool = False,
    experimental_privileged_nesting: bool = False,
    insecure_root_capabilities: bool = False,
    expand: bool = False,
    no_init: bool = False,
) -> ServiceValue:
    if experimental_privileged_nesting:
        raise NotSupportedError("Container.asService(experimentalPrivilegedNesting:)")
    try:
        command = _command(self, tuple(_expanded(self, arg, expand) for arg in args), use_entrypoint)
    except NoCommandError:
        raise NoCommandError("no service command has been set") from None
    process = _process(self, command, no_init=no_init, insecure_root_capabilities=insecure_root_capabilities)
    return ServiceValue(Service(process, self.ports, self.config.healthcheck))


@field("Container", "withServiceBinding")
def with_service_binding(
    ctx: RequestContext, self: ContainerValue, *, alias: str, service: ServiceValue
) -> ContainerValue:
    # A second service by the same alias is started too, and hidden by the first, as on Dagger.
    return replace(self, bindings=tuple(dict.fromkeys((*self.bindings, (alias, service.contained)))))


def _process(container: ContainerValue, args: tuple[str, ...], **options: Any) -> Process:
    return Process(
        rootfs=container.fs,
        args=args,
        env=container.config.env,
        cwd=container.config.workdir or "/",
        user=container.config.user,
        mounts=(*container.mounts, *container.secret_files, *container.sockets),
        secret_env=container.secret_env,
        bindings=container.bindings,
        platform=container.config.platform,
        **options,
    )


def _command(container: ContainerValue, args: tuple[str, ...], use_entrypoint: bool) -> tuple[str, ...]:
    """The arguments, or else the default ones, behind the entrypoint if that is wanted."""
    command = args or container.config.cmd or ()
    if use_entrypoint:
        command = (*(container.config.entrypoint or ()), *command)
    if not command:
        raise NoCommandError("no command has been set")
    return command


def _redirect(container: ContainerValue, path: str, expand: bool) -> str:
    return posixpath.normpath(container.absolute(_expanded(container, path, expand))) if path else ""


def _after(execution: Execution, mount: Mount) -> Mount:
    """A mount as the next step finds it: a tree as the execution left it, anything else as it was."""
    if isinstance(mount, TreeMount) and not mount.read_only:
        return replace(mount, fs=ExecutionMount(execution, mount))
    return mount


def _executed(container: ContainerValue) -> Execution:
    if container.execution is None:
        raise NoCommandError("no command has been set")
    return container.execution


async def _output(ctx: RequestContext, container: ContainerValue, stream: str) -> str:
    result = await _executed(container).result(ctx.engine.graph)
    return str(ctx.engine.store.blobs.read(result.outputs[stream]).decode("utf-8", "replace"))
