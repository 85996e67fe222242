"""Directory.dockerBuild: the stages of a Dockerfile as nodes of the graph, so that they share layers with functions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from embedded_engine.api.container_image import port, resolve
from embedded_engine.api.docker_add import fetch
from embedded_engine.api.socket import SocketValue
from embedded_engine.api.values import ContainerValue, DirectoryValue, SecretValue
from embedded_engine.binding import RequestContext
from embedded_engine.binding import field as bind
from embedded_engine.errors import EngineError, NotSupportedError
from embedded_engine.graph import Execution, ExecutionRootfs, FsNode, Image, Patch, Scratch
from embedded_engine.graph.changes import CopyDirectory, NewDirectory, NewFile, Owner
from embedded_engine.graph.docker_copy import DockerCopy
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.process import (
    CacheMount,
    Mount,
    Process,
    SecretMount,
    Sharing,
    SocketMount,
    TmpfsMount,
    TreeMount,
)
from embedded_engine.images import steps
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.dockerfile import Stage, plan
from embedded_engine.images.platforms import config_for
from embedded_engine.secrets import Secret
from embedded_engine.store import Patterns, parse_ignore_file

_OCTAL = re.compile(r"0?[0-7]{3,4}")
MAX_DOCKERFILE_BYTES = 16 * 1024 * 1024


class BuildError(EngineError):
    """A Dockerfile that asks for something that was not given."""


@dataclass(frozen=True)
class _Built:
    """A stage that is described: its file system, configuration, and the variables that stages on it inherit."""

    fs: FsNode
    config: ImageConfig
    environment: tuple[tuple[str, str], ...] | None = None


@dataclass
class _Build:
    """One build: where it copies from, what it was given, and the stages so far."""

    engine: Any
    context: FsNode
    secrets: dict[str, Secret]
    no_init: bool
    ssh: str | None = None
    built: dict[int, _Built] = field(default_factory=dict)

    async def stage(self, stage: Stage) -> _Built:
        """Describe one stage on its base."""
        base = await self._base(stage.base)
        evaluated = stage.evaluate(base.config, base.environment)
        fs = base.fs
        for step in evaluated.steps:
            fs = await self._step(fs, step)
        return _Built(fs, evaluated.config, evaluated.environment)

    async def _base(self, base: steps.Base) -> _Built:
        match base:
            case steps.Scratch():
                config = config_for(base.platform) if base.platform else ImageConfig()
                return _Built(Scratch(), replace(config, workdir="/"))
            case steps.StageRef():
                return self.built[base.index]
            case steps.ImageRef():
                resolved = await resolve(self.engine, base.reference, base.platform)
                return _Built(Image(resolved.key, resolved), resolved.config)

    async def _origin(self, origin: steps.Origin) -> FsNode:
        return self.context if isinstance(origin, steps.Context) else (await self._base(origin)).fs

    async def _step(self, fs: FsNode, step: steps.Step) -> FsNode:
        match step:
            case steps.Run():
                return ExecutionRootfs(Execution(await self._process(fs, step)))
            case steps.MakeDirectory():
                return Patch(fs, NewDirectory(step.path, owner=Owner(step.owner, fs) if step.owner else Owner()))
            case steps.Copy():
                if step.sources or step.files:
                    fs = Patch(fs, await self._copy(fs, step))
                for remote in step.remotes:
                    fs = Patch(fs, await self._add(fs, step, remote))
                return fs

    async def _copy(self, fs: FsNode, step: steps.Copy) -> DockerCopy:
        return DockerCopy(
            origin=await self._origin(step.origin),
            sources=step.sources,
            destination=step.destination,
            files=tuple((each.path, each.content, each.mode) for each in step.files),
            owner=Owner(step.owner, fs) if step.owner else Owner(),
            mode=_mode(step.chmod, step.line),
            exclude=step.exclude,
            parents=step.parents,
            unpack=step.unpack,
            line=step.line,
        )

    async def _add(self, fs: FsNode, step: steps.Copy, remote: steps.Remote) -> DockerCopy:
        """What is fetched, copied in; an archive of the web is unpacked only where that is asked for."""
        fetched = await fetch(self.engine.graph, remote, self.ssh or "")
        return DockerCopy(
            origin=fetched.fs,
            sources=(fetched.path,),
            destination=step.destination,
            owner=Owner(step.owner, fs) if step.owner else Owner(),
            mode=_mode(step.chmod, step.line),
            exclude=step.exclude,
            unpack=remote.unpack,
            line=step.line,
        )

    async def _process(self, fs: FsNode, run: steps.Run) -> Process:
        if run.network == "host":
            raise NotSupportedError(f"Dockerfile:{run.line}: RUN --network=host")
        mounts: list[Mount] = []
        secret_env: list[tuple[str, Secret]] = []
        env = dict(run.env)
        for mount in run.mounts:
            if isinstance(mount, steps.SecretMount):
                self._secret(mount, run, mounts, secret_env)
            elif isinstance(mount, steps.SshMount):
                env.setdefault("SSH_AUTH_SOCK", mount.target)
                mounts += self._agent(mount, run)
            else:
                mounts.append(await self._mount(mount))
        for inline in run.files:
            file = Patch(Scratch(), NewFile(inline.path, inline.content, inline.mode))
            mounts.append(TreeMount(inline.path, file, inline.path, is_file=True, read_only=True))
        return Process(
            rootfs=fs,
            args=run.args,
            env=tuple(env.items()),
            cwd=run.workdir,
            user=run.user,
            mounts=tuple(mounts),
            secret_env=tuple(secret_env),
            no_init=self.no_init,
            insecure_root_capabilities=run.insecure,
            network=run.network != "none",
        )

    async def _mount(self, mount: steps.BindMount | steps.CacheMount | steps.TmpfsMount) -> Mount:
        match mount:
            case steps.BindMount():
                origin = await self._origin(mount.origin)
                return TreeMount(mount.target, origin, f"/{mount.source.strip('/')}", read_only=mount.read_only)
            case steps.CacheMount():
                source = await self._origin(mount.origin) if mount.origin is not None else None
                return CacheMount(
                    mount.target,
                    fingerprint("dockerfile-cache", mount.id),
                    Sharing[mount.sharing.name],
                    source,
                    f"/{mount.source.strip('/')}",
                    f"{mount.uid}:{mount.gid}" if mount.uid or mount.gid else "",
                    mount.mode,
                )
            case steps.TmpfsMount():
                return TmpfsMount(mount.target, mount.size)

    def _agent(self, mount: steps.SshMount, run: steps.Run) -> list[Mount]:
        if self.ssh is None:
            if mount.required:
                raise BuildError(f"Dockerfile:{run.line}: an SSH agent is required and was not given")
            return []
        return [SocketMount(mount.target, self.ssh, f"{mount.uid}:{mount.gid}" if mount.uid or mount.gid else "")]

    def _secret(
        self,
        mount: steps.SecretMount,
        run: steps.Run,
        mounts: list[Mount],
        secret_env: list[tuple[str, Secret]],
    ) -> None:
        secret = self.secrets.get(mount.id)
        if secret is None:
            if mount.required:
                raise BuildError(f"Dockerfile:{run.line}: the secret {mount.id!r} is required and was not given")
            return
        if mount.target is not None:
            mounts.append(SecretMount(mount.target, secret, f"{mount.uid}:{mount.gid}", mount.mode))
        if mount.env is not None:
            secret_env.append((mount.env, secret))


@bind("Directory", "dockerBuild")
async def docker_build(
    ctx: RequestContext,
    self: DirectoryValue,
    *,
    dockerfile: str = "Dockerfile",
    platform: str | None = None,
    build_args: tuple[dict[str, str], ...] = (),
    target: str = "",
    secrets: tuple[SecretValue, ...] = (),
    no_init: bool = False,
    ssh: SocketValue | None = None,
) -> ContainerValue:
    union = await ctx.engine.graph.union(self.fs)
    path = self.at(dockerfile)
    if not union.exists(path):
        raise BuildError(f"failed to read dockerfile: open {dockerfile}: no such file or directory")
    text = union.read(path, MAX_DOCKERFILE_BYTES).decode("utf-8", "replace")
    ignore = next((name for name in (f"{path}.dockerignore", self.at(".dockerignore")) if union.exists(name)), None)
    patterns = parse_ignore_file(union.read(ignore, MAX_DOCKERFILE_BYTES).decode("utf-8", "replace")) if ignore else ()
    context = Patch(Scratch(), CopyDirectory(self.fs, self.path, "/", Patterns(exclude=tuple(patterns))))
    given = {each["name"]: each["value"] for each in build_args}
    named = {each.secret.name: each.secret for each in secrets}
    build = _Build(ctx.engine, context, named, no_init, ssh.path if ssh else None)
    stages = plan(text, target=target or None, build_args=given, platform=platform)
    for stage in stages:
        build.built[stage.index] = await build.stage(stage)
    result = build.built[stages[-1].index]
    ports = tuple(port(name) for name in result.config.exposed_ports)
    return replace(ContainerValue(), fs=result.fs, config=result.config, ports=ports)


def _mode(chmod: str | None, line: int) -> int | None:
    if chmod is None:
        return None
    if not _OCTAL.fullmatch(chmod):
        raise NotSupportedError(f"Dockerfile:{line}: COPY --chmod={chmod} (give an octal mode)")
    return int(chmod, 8)
