"""`RUN --mount=...`: one comma-separated text to one mount."""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Callable

from embedded_engine.images.steps import (
    BindMount,
    CacheMount,
    Context,
    ImageRef,
    Mount,
    SecretMount,
    Sharing,
    SshMount,
    StageRef,
    TmpfsMount,
)

_ALIASES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_FIELDS = {
    "bind": {"from", "source", "target", "readonly", "readwrite"},
    "cache": {"from", "source", "target", "readonly", "readwrite", "id", "sharing", "mode", "uid", "gid"},
    "tmpfs": {"target", "size"},
    "ssh": {"id", "target", "required", "mode", "uid", "gid"},
    "secret": {"id", "source", "target", "env", "required", "mode", "uid", "gid"},
}
SSH_SOCKET = "/run/buildkit/ssh_agent.0"
_SIZE = re.compile(r"(\d+)\s*([kmgt]?)i?b?", re.IGNORECASE)


def parse_mount(text: str, workdir: str, origin: Callable[[str], StageRef | ImageRef]) -> Mount:
    """Read a mount; relative targets are in `workdir`. Raises ValueError.

    `origin` reads the value of `from`.
    """
    fields: dict[str, str] = {}
    for field in next(csv.reader([text], strict=True), []):
        name, equals, value = field.partition("=")
        name = _ALIASES.get(name.lower(), name.lower())
        fields[name] = value if equals else "true"
    kind = fields.pop("type", "bind")
    if kind not in _FIELDS:
        raise ValueError(f"unsupported mount type {kind!r}: expected bind, cache, tmpfs, secret or ssh")
    if unknown := fields.keys() - _FIELDS[kind]:
        raise ValueError(f"unexpected key {min(unknown)!r} for a mount of type {kind}")
    reader = _Reader(fields, workdir, origin)
    readers: dict[str, Callable[[], Mount]] = {
        "bind": reader.bind,
        "cache": reader.cache,
        "tmpfs": reader.tmpfs,
        "secret": reader.secret,
        "ssh": reader.ssh,
    }
    return readers[kind]()


class _Reader:
    """The fields of one mount, read by kind."""

    def __init__(self, fields: dict[str, str], workdir: str, origin: Callable[[str], StageRef | ImageRef]) -> None:
        self._fields = fields
        self._workdir = workdir
        self._origin = origin

    def bind(self) -> BindMount:
        origin = self._origin(self._fields["from"]) if "from" in self._fields else Context()
        return BindMount(self._target(), origin, self._source(), read_only=not self._flag("readwrite"))

    def cache(self) -> CacheMount:
        target = self._target()
        sharing = self._fields.get("sharing", "shared")
        if sharing not in Sharing.__members__.values():
            raise ValueError(f"invalid sharing {sharing!r}: expected shared, private or locked")
        return CacheMount(
            target=target,
            id=self._fields.get("id") or target,
            sharing=Sharing(sharing),
            read_only=self._flag("readonly"),
            origin=self._origin(self._fields["from"]) if "from" in self._fields else None,
            source=self._source(),
            mode=self._mode(0o755),
            uid=self._number("uid"),
            gid=self._number("gid"),
        )

    def tmpfs(self) -> TmpfsMount:
        match = _SIZE.fullmatch(self._fields.get("size", "0"))
        if match is None:
            raise ValueError(f"invalid size {self._fields['size']!r}")
        return TmpfsMount(self._target(), int(match[1]) << (10 * " kmgt".index(match[2].lower() or " ")))

    def secret(self) -> SecretMount:
        target, env = self._fields.get("target"), self._fields.get("env")
        name = self._fields.get("id") or self._fields.get("source") or posixpath.basename(target or "")
        if not name:
            raise ValueError("a secret needs an id or a target")
        if target is None and env is None:
            target = f"/run/secrets/{name}"
        return SecretMount(
            id=name,
            target=None if target is None else posixpath.normpath(posixpath.join("/", self._workdir, target)),
            env=env,
            required=self._flag("required"),
            mode=self._mode(0o400),
            uid=self._number("uid"),
            gid=self._number("gid"),
        )

    def ssh(self) -> SshMount:
        target = posixpath.join("/", self._workdir, self._fields.get("target", SSH_SOCKET))
        return SshMount(
            posixpath.normpath(target),
            self._flag("required"),
            self._mode(0o600),
            self._number("uid"),
            self._number("gid"),
        )

    def _target(self) -> str:
        if not self._fields.get("target"):
            raise ValueError("a mount needs a target")
        return posixpath.normpath(posixpath.join("/", self._workdir, self._fields["target"]))

    def _source(self) -> str:
        return posixpath.normpath(posixpath.join("/", self._fields.get("source", "/")))

    def _flag(self, name: str) -> bool:
        value = self._fields.get(name, "false").lower()
        if value not in {"true", "false", "1", "0"}:
            raise ValueError(f"invalid value {value!r} for {name}: expected true or false")
        return value in {"true", "1"}

    def _mode(self, default: int) -> int:
        try:
            return int(self._fields["mode"], 8) if "mode" in self._fields else default
        except ValueError:
            raise ValueError(f"invalid mode {self._fields['mode']!r}: expected an octal number") from None

    def _number(self, name: str) -> int:
        if not self._fields.get(name, "0").isdecimal():
            raise ValueError(f"invalid {name} {self._fields[name]!r}: expected a number")
        return int(self._fields.get(name, "0"))
