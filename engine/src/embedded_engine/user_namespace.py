"""Root for an ordinary user: a user namespace, entered by the whole process before it does anything else.

In it the user is uid 0, with every capability over what the namespace owns, and the user's ranges of /etc/subuid and
/etc/subgid are the other owners that files may have. Outside, nothing of that means anything: what is written belongs to
the user, or to an id of the ranges.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from embedded_engine.errors import EngineError

_CLONE_NEWUSER = 0x10000000
_WHOLE = [0, 0, 4294967295]
_SUBIDS = {"newuidmap": "/etc/subuid", "newgidmap": "/etc/subgid"}
_FIRST_SUBID = 100_000
_SUBIDS_OF_A_USER = 65_536
"""As useradd gives them."""
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class UserNamespaceError(EngineError):
    """This user cannot become root of a namespace; the text says which command mends that."""


Ranges = tuple[tuple[int, int], ...]
"""First id and number of ids of each range that an administrator gave to the user."""


@cache
def is_rootless() -> bool:
    """Whether uid 0 of this process is not the machine's: what it may mount and make is restricted."""
    try:
        return [int(word) for word in Path("/proc/self/uid_map").read_text().split()] != _WHOLE
    except OSError:
        return False


def become_root() -> None:
    """Enter a user namespace as its root, unless the process is root already.

    To be called while the process has a single thread. Raises UserNamespaceError.
    """
    if os.geteuid() == 0:
        return
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise UserNamespaceError("an ordinary user's session must be opened before the process starts threads")
    commands = _commands(os.getpid())
    # Who asks for the home of uid 0 is to get the user's.
    os.environ.setdefault("HOME", str(Path(f"~{user_name()}").expanduser()))
    import ctypes  # Only an ordinary user pays for it.

    entered, tell = os.pipe()
    told, answer = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(tell)
        os.close(told)
        _map_from_outside(commands, entered, answer)
    os.close(entered)
    os.close(answer)
    refusal = 0 if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) == 0 else ctypes.get_errno()
    if not refusal:
        os.write(tell, b".")
    os.close(tell)
    with os.fdopen(told, "rb") as file:
        failure = " ".join(file.read().decode(errors="replace").split())
    os.waitpid(helper, 0)
    is_rootless.cache_clear()
    if refusal:
        raise UserNamespaceError(_refused(refusal))
    if failure:
        raise UserNamespaceError(f"no containers for an ordinary user: {failure}")


def ranges(file: str, name: str, uid: int) -> Ranges:
    """What a file such as /etc/subuid gives to the user; nothing where it cannot be read."""
    return tuple((first, count) for owner, first, count in _entries(file) if owner in (name, str(uid)))


def range_remedy(name: str) -> str:
    """The command that gives the user ranges of which nobody else has a part."""
    first = max(_FIRST_SUBID, *(_end(file) for file in _SUBIDS.values()))
    given = f"{first}-{first + _SUBIDS_OF_A_USER - 1}"
    return f"usermod --add-subuids {given} --add-subgids {given} {name}"


def user_name() -> str:
    """The name of the user who runs this; the number where there is no name."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _entries(file: str) -> list[tuple[str, int, int]]:
    """Owner, first id and number of ids of every range."""
    try:
        fields = [line.strip().split(":") for line in Path(file).read_text().splitlines()]
    except OSError:
        return []
    complete = [line for line in fields if len(line) == 3 and line[1].isdigit() and line[2].isdigit()]
    return [(owner, int(first), int(count)) for owner, first, count in complete]


def _end(file: str) -> int:
    return max((first + count for _, first, count in _entries(file)), default=0)


def _commands(pid: int) -> list[list[str]]:
    """How the helpers are called that may write the maps of a process."""
    name = user_name()
    commands = []
    for (program, file), own in zip(_SUBIDS.items(), (os.getuid(), os.getgid()), strict=True):
        path = _find(program)
        if path is None:
            raise UserNamespaceError(f"an ordinary user's containers need {program}: apt-get install uidmap")
        given = ranges(file, name, os.getuid())
        if not given:
            raise UserNamespaceError(f"{file} has no range for {name}: {range_remedy(name)}")
        words, inside = ["0", str(own), "1"], 1
        for first, count in given:
            words += [str(inside), str(first), str(count)]
            inside += count
        commands.append([path, str(pid), *words])
    return commands


def _find(program: str) -> str | None:
    for directory in f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}".split(":"):
        path = f"{directory}/{program}"
        if directory and os.access(path, os.X_OK):
            return path
    return None


def _map_from_outside(commands: list[list[str]], entered: int, answer: int) -> None:
    """In the process that stays outside: write the maps when the other has entered; what goes wrong is the answer."""
    try:
        if os.read(entered, 1):
            os.dup2(answer, 2)
            codes = [os.spawnv(os.P_WAIT, command[0], command) for command in commands]  # noqa: S606 - as they are
            if any(codes):
                os.write(answer, b" (is newuidmap set-uid, as the package uidmap installs it?)")
    finally:
        os._exit(0)


def _refused(code: int) -> str:
    import errno

    remedy = "ci doctor says what forbids it"
    if code == errno.ENOSPC:
        remedy = "sysctl -w user.max_user_namespaces=10000"
    return f"this user may not make a user namespace ({os.strerror(code)}): {remedy}"
