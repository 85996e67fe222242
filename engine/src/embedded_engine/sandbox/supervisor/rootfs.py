"""The file system of one container: overlays, binds and files, mounted in order and taken apart in reverse."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Any

from embedded_engine.sandbox.supervisor import kernel
from embedded_engine.sandbox.supervisor.paths import open_inside, open_or_make
from embedded_engine.sandbox.supervisor.stubs import CopiedUp, Stubs

_OVERLAY_OPTIONS = "index=off,metacopy=off,redirect_dir=off"
_ROOTLESS_OPTIONS = "index=off,metacopy=off,userxattr"
"""Which turns redirection off by itself, and refuses to be told so."""
_MOST_LAYERS = 500
"""The kernel's own bound on the layers of an overlay."""

_BINARY = b"\x7fELF"
_INTEL_386 = b"\x03\x00"
"""How a binary begins, and the 32-bit machine that a 64-bit one runs, in byte 18 and 19."""

SYSTEM_DIRECTORIES = ("/proc", "/dev", "/sys")
"""Mounted by the runtime; where they are missing in the root they are stubs like all others."""


class Rootfs:
    """Mounts a plan below `directory`, at `directory`/rootfs. Raises OSError or RootfsError; release() is due even then."""

    def __init__(self, directory: str, *, userxattr: bool) -> None:
        self.directory = directory
        self.path = f"{directory}/rootfs"
        self._userxattr = userxattr
        self._undo: list[Callable[[], None]] = []
        self._overlays: list[tuple[str, CopiedUp]] = []
        self._links = 0
        self._root = -1

    def build(self, plan: dict[str, Any]) -> None:
        """Mount everything that the plan names and make its working directory."""
        os.mkdir(self.path)
        self._mount_overlay(plan["rootfs"], self.path, self.path, read_only=False)
        self._root = os.open(self.path, os.O_PATH | os.O_CLOEXEC)
        self._undo.append(lambda: os.close(self._root))
        if plan["rootfs"]["upper"] is not None:
            for target in SYSTEM_DIRECTORIES:
                os.close(self._target(target, directory=True))
        for number, mount in enumerate(plan["mounts"]):
            try:
                getattr(self, f"_mount_{mount['kind']}")(mount, number)
            except OSError as error:
                raise RootfsError(f"mount {mount['target']}: {error.strerror}") from error
        try:
            self._make_cwd(plan["cwd"], plan["owner"])
        except OSError as error:
            raise RootfsError(f"working directory {plan['cwd']}: {error.strerror}") from error

    def unknown_format(self, candidates: list[str]) -> str | None:
        """The first of these paths that is a program, if the kernel cannot execute it.

        That is what is neither a binary for this machine nor a script that names its interpreter. An init would have a shell read it.
        """
        for path in candidates:
            try:
                descriptor = open_inside(self._root, path)
            except OSError:
                continue
            try:
                mode = os.stat(descriptor).st_mode
                if stat.S_ISREG(mode) and mode & 0o111:
                    with open(f"/proc/self/fd/{descriptor}", "rb") as file:
                        return None if _can_execute(file.read(20)) else path
            finally:
                os.close(descriptor)
        return None

    def release(self) -> str | None:
        """Unmount everything and clean the upper directories; the first thing that went wrong, if any did."""
        failure = None
        while self._undo:
            try:
                self._undo.pop()()
            except OSError as error:
                failure = failure or str(error)
        return failure

    def _make_cwd(self, cwd: str, owner: tuple[int, int]) -> None:
        if not any(cwd == system or cwd.startswith(f"{system}/") for system in SYSTEM_DIRECTORIES):
            os.close(open_or_make(self._root, cwd, directory=True, making=lambda _parent, _name: None, owner=owner))

    def _target(self, path: str, *, directory: bool) -> int:
        stubs = Stubs()
        self._undo.append(stubs.remove)

        def making(parent: int, name: str) -> None:
            place = os.readlink(f"/proc/self/fd/{parent}")
            for merged, copied_up in reversed(self._overlays):
                if place == merged or place.startswith(f"{merged}/"):
                    copied_up.making(place)
                    break
            stubs.making(parent, name)

        try:
            return open_or_make(self._root, path, directory=directory, making=making)
        finally:
            stubs.made()

    def _mounted(self, descriptor: int) -> None:
        # The mount is found again by where it is: nothing can be moved over it while it is mounted.
        place = os.readlink(f"/proc/self/fd/{descriptor}")
        os.close(descriptor)
        self._undo.append(lambda: _unmount(place))

    def _mount_bind(self, mount: dict[str, Any], _number: int) -> None:
        self._bind(mount["source"], mount["target"], flags=kernel.MS_RDONLY if mount["read_only"] else 0)

    def _mount_file(self, mount: dict[str, Any], number: int) -> None:
        source = f"{self.directory}/{mount.get('name') or f'file{number}'}"
        descriptor = os.open(source, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(mount["data"])
            os.fchown(descriptor, mount["uid"], mount["gid"])
            os.fchmod(descriptor, mount["mode"])
        finally:
            os.close(descriptor)
        flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
        self._bind(source, mount["target"], flags=flags if mount["mode"] & 0o111 else flags | kernel.MS_NOEXEC)

    def _mount_tmpfs(self, mount: dict[str, Any], _number: int) -> None:
        target = self._target(mount["target"], directory=True)
        options = "mode=755" if mount["size"] is None else f"mode=755,size={mount['size']}"
        kernel.mount("tmpfs", f"/proc/self/fd/{target}", "tmpfs", kernel.MS_NOSUID, options)
        self._mounted(target)

    def _mount_overlay_at(self, mount: dict[str, Any], number: int) -> None:
        overlay, subpath, read_only = mount["overlay"], mount["subpath"], mount["read_only"]
        if subpath.strip("/") in ("", "."):
            target = self._target(mount["target"], directory=True)
            place = os.readlink(f"/proc/self/fd/{target}")
            os.close(target)
            self._mount_overlay(overlay, place, place, read_only=read_only)
            return
        whole = f"{self.directory}/tree{number}"
        os.mkdir(whole)
        self._mount_overlay(overlay, whole, whole, read_only=False)
        root = os.open(whole, os.O_PATH | os.O_CLOEXEC)
        try:
            part = open_inside(root, subpath)
        finally:
            os.close(root)
        try:
            self._bind(f"/proc/self/fd/{part}", mount["target"], flags=kernel.MS_RDONLY if read_only else 0)
        finally:
            os.close(part)

    def _bind(self, source: str, target_path: str, *, flags: int) -> None:
        directory = os.path.isdir(source)
        target = self._target(target_path, directory=directory)
        kernel.mount(source, f"/proc/self/fd/{target}", None, kernel.MS_BIND | kernel.MS_REC)
        place = os.readlink(f"/proc/self/fd/{target}")
        self._mounted(target)
        # A group of its own: what is mounted inside must show neither in the source nor in another container.
        kernel.mount("none", place, None, kernel.MS_SLAVE)
        kernel.mount("none", place, None, kernel.MS_SHARED)
        if flags:
            kept = os.statvfs(place).f_flag & (kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
            kernel.mount("none", place, None, kernel.MS_REMOUNT | kernel.MS_BIND | kept | flags)

    def _mount_overlay(self, overlay: dict[str, Any], place: str, merged: str, *, read_only: bool) -> None:
        lowers = list(dict.fromkeys(reversed(overlay["lowers"])))
        upper, work = overlay["upper"], overlay["work"]
        if len(lowers) > _MOST_LAYERS:
            raise RootfsError(f"{len(lowers)} layers are more than the kernel joins ({_MOST_LAYERS})")
        if upper is None and len(lowers) == 1:
            kernel.mount(lowers[0], place, None, kernel.MS_BIND)
            kernel.mount("none", place, None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY)
            self._undo.append(lambda: _unmount(place))
            return
        links = f"{self.directory}/links{self._links}"
        self._links += 1
        os.mkdir(links)
        for number, lower in enumerate(lowers):
            os.symlink(lower, f"{links}/{number}")
        names = [str(number) for number in range(len(lowers))]
        while len(names) < (1 if upper else 2):
            names.append(f"empty{len(names)}")
            os.mkdir(f"{links}/{names[-1]}")
        options = [f"lowerdir={':'.join(names)}", _ROOTLESS_OPTIONS if self._userxattr else _OVERLAY_OPTIONS]
        if upper is not None:
            os.symlink(upper, f"{links}/upper")
            os.symlink(work, f"{links}/work")
            # The store syncs what it keeps; without `volatile` each unmount would sync the whole disk.
            options += ["upperdir=upper", "workdir=work", "volatile"]
        # Options are limited to a page, so that layers go by short links from the working directory.
        os.chdir(links)
        try:
            _mount_overlay_with(options, place, kernel.MS_RDONLY if read_only else 0)
        except OSError as error:
            raise RootfsError(_explain(error, upper)) from error
        finally:
            os.chdir("/")
        if upper is not None:
            copied_up = CopiedUp(merged, upper)
            self._overlays.append((merged, copied_up))
            self._undo.append(copied_up.prune)
            self._undo.append(lambda: _forget_volatile(work))
        self._undo.append(lambda: _unmount(place))


def _can_execute(head: bytes) -> bool:
    if not head.startswith(_BINARY):
        return head.startswith(b"#!")
    with open("/proc/self/exe", "rb") as own:
        machines = (own.read(20)[18:20], _INTEL_386)
    try:
        translated = any(name.startswith("qemu-") for name in os.listdir("/proc/sys/fs/binfmt_misc"))
    except OSError:
        translated = False
    return translated or head[18:20] in machines


class RootfsError(Exception):
    """A part of the plan cannot be mounted; the text says which and why."""


def _mount_overlay_with(options: list[str], place: str, flags: int) -> None:
    try:
        kernel.mount("overlay", place, "overlay", flags, ",".join(options))
    except OSError as error:
        if error.errno != errno.EINVAL or "volatile" not in options:
            raise
        # Kernels before 5.10 do not know it.
        kernel.mount("overlay", place, "overlay", flags, ",".join(option for option in options if option != "volatile"))


def _forget_volatile(work: str) -> None:
    # The kernel marks what it did not sync, and would refuse to mount it again. Who keeps the upper directory syncs it.
    try:
        os.unlink(f"{work}/work/incompat/volatile/dirty")
        os.rmdir(f"{work}/work/incompat/volatile")
        os.rmdir(f"{work}/work/incompat")
    except FileNotFoundError:
        return


def _explain(error: OSError, upper: str | None) -> str:
    if error.errno == errno.EINVAL and upper is not None:
        return f"overlayfs refuses {upper} (is the store itself on an overlay or a network file system?)"
    return f"overlayfs: {error.strerror}"


def _unmount(place: str) -> None:
    try:
        kernel.unmount(place)
    except OSError as error:
        if error.errno == errno.EBUSY:
            kernel.unmount(place, kernel.MNT_DETACH)
        elif error.errno != errno.EINVAL:
            raise
