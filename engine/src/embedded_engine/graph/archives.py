"""Tar archives unpacked into a layer, as ADD in a Dockerfile does."""

from __future__ import annotations

import posixpath
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError

if TYPE_CHECKING:
    from embedded_engine.store import LayerWriter


class ArchiveError(EngineError):
    """An archive that cannot be unpacked."""


def is_archive(path: Path) -> bool:
    """Whether a file is a tar archive, plain or compressed with gzip, bzip2 or xz."""
    return tarfile.is_tarfile(path)


def unpack(writer: LayerWriter, archive: Path, destination: str, owner: tuple[int, int] | None) -> None:
    """Put what is in an archive below `destination`, a directory of `owner`, with its own modes, owners and times.

    No name and no link of an archive leads out of the tree: the writer resolves both inside it. What is neither a file,
    a directory nor a link is left out.
    """
    try:
        with tarfile.open(archive) as tar:
            writer.mkdir(destination)
            if owner is not None:
                writer.chown(destination, owner, recursive=False)
            for member in tar:
                _unpack_member(writer, tar, member, destination)
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveError(f"cannot unpack {archive.name}: {error}") from None


def _unpack_member(writer: LayerWriter, tar: tarfile.TarFile, member: tarfile.TarInfo, destination: str) -> None:
    path = posixpath.join(destination, posixpath.normpath(f"/{member.name}").lstrip("/"))
    owner = (member.uid, member.gid)
    if member.isdir():
        writer.mkdir(path, member.mode & 0o7777, owner)
    elif member.issym():
        if writer.view.exists(path, follow=False):
            writer.remove(path)
        writer.symlink(member.linkname, path, owner)
    elif member.isfile() or member.islnk():
        # A second name of a file becomes a file of its own: what is in it is read where the first one lies.
        content = tar.extractfile(member)
        if content is None:
            raise ArchiveError(f"cannot unpack {member.name}: it has no content")
        with content:
            writer.write(path, content, mode=member.mode & 0o7777, owner=owner)
        writer.utime_all(int(member.mtime) * 1_000_000_000, path)
