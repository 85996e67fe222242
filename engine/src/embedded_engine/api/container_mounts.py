"""Container: mounts of directories, files, caches, secrets and memory."""

from __future__ import annotations

from embedded_engine.api.paths import Place, changed, owner_of
from embedded_engine.api.paths import expand as _expanded
from embedded_engine.api.values import (
    CacheMount,
    CacheVolumeValue,
    ContainerValue,
    DirectoryValue,
    FileValue,
    SecretMount,
    SecretValue,
    TmpfsMount,
    TreeMount,
)
from embedded_engine.binding import RequestContext, field
from embedded_engine.graph.changes import ChangeOwner
from embedded_engine.graph.process import Sharing


@field("Container", "mounts")
def mounts(ctx: RequestContext, self: ContainerValue) -> tuple[str, ...]:
    return tuple(mount.target for mount in self.mounts)


@field("Container", "withMountedDirectory")
def with_mounted_directory(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    source: DirectoryValue,
    owner: str = "",
    read_only: bool = False,
    expand: bool = False,
) -> ContainerValue:
    target = self.absolute(_expanded(self, path, expand))
    return _owned(self, TreeMount(target, source.fs, source.path, read_only=read_only), owner)


@field("Container", "withMountedFile")
def with_mounted_file(
    ctx: RequestContext, self: ContainerValue, *, path: str, source: FileValue, owner: str = "", expand: bool = False
) -> ContainerValue:
    target = self.absolute(_expanded(self, path, expand))
    return _owned(self, TreeMount(target, source.fs, source.path, is_file=True), owner)


@field("Container", "withMountedCache")
def with_mounted_cache(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    cache: CacheVolumeValue,
    source: DirectoryValue | None = None,
    sharing: str | None = None,
    owner: str = "",
    expand: bool = False,
) -> ContainerValue:
    first = source or cache.source
    mount = CacheMount(
        self.absolute(_expanded(self, path, expand)),
        cache.volume,
        Sharing[sharing] if sharing else cache.sharing,
        first.fs if first else None,
        first.path if first else "/",
        owner or cache.owner,
        apart=True,
    )
    return self.with_mount(mount)


@field("Container", "withMountedTemp")
def with_mounted_temp(
    ctx: RequestContext, self: ContainerValue, *, path: str, size: int = 0, expand: bool = False
) -> ContainerValue:
    return self.with_mount(TmpfsMount(self.absolute(_expanded(self, path, expand)), size))


@field("Container", "withMountedSecret")
def with_mounted_secret(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    source: SecretValue,
    owner: str = "",
    mode: int = 0o400,
    expand: bool = False,
) -> ContainerValue:
    return self.with_secret_file(SecretMount(self.absolute(_expanded(self, path, expand)), source.secret, owner, mode))


@field("Container", "withoutMount")
def without_mount(ctx: RequestContext, self: ContainerValue, *, path: str, expand: bool = False) -> ContainerValue:
    return self.without_mount(self.absolute(_expanded(self, path, expand)))


def _owned(container: ContainerValue, mount: TreeMount, owner: str) -> ContainerValue:
    """The container with the mount, everything in it given to `owner` if one is named."""
    mounted = container.with_mount(mount)
    if not owner:
        return mounted
    return changed(mounted, Place(mount.fs, mount.path, mount), ChangeOwner(mount.path, owner_of(container, owner)))
