"""One container's life: mounted, started by the runtime, running, ended, taken apart."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from embedded_engine.sandbox.supervisor import cgroups
from embedded_engine.sandbox.supervisor.loop import Loop
from embedded_engine.sandbox.supervisor.network import Attachment
from embedded_engine.sandbox.supervisor.pumps import InputPump, OutputPump
from embedded_engine.sandbox.supervisor.rootfs import Rootfs, RootfsError

Report = Callable[[dict[str, Any]], None]
"""Told `{"started": True}` when the runtime has done its part, and the outcome at the end of a program."""


_PATIENCE = 50
"""Milliseconds."""
_MOST_SAID = 200
"""Characters of a runtime's complaint."""
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class Program:
    """A program that the runtime starts: the container's own, or another inside it. `files` are its stdin, out, err."""

    def __init__(self, loop: Loop, files: list[int], *, init: bool, report: Report) -> None:
        self._loop = loop
        self._report = report
        self._init = init
        self._stdin = InputPump(loop, files[0])
        self._stdout = OutputPump(loop, files[1])
        self._stderr = OutputPump(loop, files[2], hold_init_failure=init)
        self._pid = 0
        self._signal = 0
        self._began = 0.0
        self._log = ""

    def start(self, command: list[str], log: str, pid_file: str) -> None:
        """Let the runtime start it and leave; the program then is the supervisor's own child."""
        self._began = time.monotonic()
        self._log = log
        files = {0: self._stdin.reader, 1: self._stdout.writer, 2: self._stderr.writer}
        self._loop.expect_orphans(+1)
        pid = self._loop.spawn(command, files, _ENVIRONMENT)
        self._loop.on_exit(pid, lambda status: self._started(status, pid_file))

    def signal(self, number: int) -> None:
        """Send a signal, as soon as the program runs. It may have ended already."""
        if self._pid > 0:
            if number != signal.SIGKILL:
                _await_program(self._pid, init=self._init)
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                return
        elif self._pid == 0 and self._signal != signal.SIGKILL:
            self._signal = number

    @property
    def killed(self) -> bool:
        """Whether it was to be killed before it ran."""
        return self._signal == signal.SIGKILL

    def fail(self, text: str) -> None:
        """It cannot be started at all."""
        self._finish(keep=False)
        self._report({"failed": text, "log": b""})

    def _started(self, status: int, pid_file: str) -> None:
        if status:
            self._loop.expect_orphans(-1)
            log = _read(self._log)
            # A runtime that cannot even write its log, for want of threads or memory, complains to the program's stderr.
            said = "" if log else " ".join(self._stderr.unread().decode(errors="replace").split())[:_MOST_SAID]
            self._finish(keep=False)
            self._report({"failed": said, "log": log})
            return
        self._pid = int(_read(pid_file))
        self._report({"started": True})
        for pump in (self._stdin, self._stdout, self._stderr):
            pump.start()
        self._loop.on_exit(self._pid, self._ended)
        self._loop.expect_orphans(-1)
        if self._signal:
            self.signal(self._signal)

    def _ended(self, status: int) -> None:
        self._pid = -1
        seconds = time.monotonic() - self._began
        held = self._finish(keep=True)
        code = os.waitstatus_to_exitcode(status)
        if held and code not in (126, 127):
            self._stderr.write(held)
            held = b""
        self._stdout.close_file()
        self._stderr.close_file()
        failure = self._stdout.failure or self._stderr.failure
        self._report({"status": code, "seconds": seconds, "init": held, "output": failure})

    def _finish(self, *, keep: bool) -> bytes:
        self._stdin.finish()
        self._stdout.finish(keep=keep)
        held = self._stderr.finish(keep=keep)
        if not keep:
            self._stdout.close_file()
            self._stderr.close_file()
        return held


class Container:
    """A root, a network namespace, a control group, and the programs inside."""

    def __init__(self, loop: Loop, directory: str, plan: dict[str, Any], files: list[int], report: Report) -> None:
        self._loop = loop
        self._report = report
        self._name = plan["name"]
        self._directory = f"{directory}/{self._name}"
        self._state = f"{directory}/state"
        self._plan = plan
        self._rootfs = Rootfs(self._directory, userxattr=plan["userxattr"])
        self._attachment: Attachment | None = None
        self._programs = 0
        self.program = Program(loop, files, init=plan["init"], report=self._on_report)

    def start(self, attachment: Attachment | None, settled: Callable[[], None]) -> None:
        """Mount the plan and run its program; `settled` is called when that is done or has failed.

        The outcome is told after everything has been taken apart.
        """
        self._attachment = attachment
        self._settled: Callable[[], None] | None = settled
        if self.program.killed:
            self.program.fail("killed before it started")
            return
        try:
            os.mkdir(self._directory, 0o700)
            self._rootfs.build(self._plan)
            if path := self._rootfs.unknown_format(self._plan["programs"]):
                self.program.fail(f"fork/exec {path}: exec format error")
                return
            with open(f"{self._directory}/config.json", "wb") as file:
                file.write(self._plan["config"])
            if attachment is not None:
                os.symlink(f"/proc/{os.getpid()}/fd/{attachment.namespace}", f"{self._directory}/net")
        except (OSError, RootfsError) as error:
            self.program.fail(str(error))
            return
        log, pid_file = f"{self._directory}/log", f"{self._directory}/pid"
        words = ("run", "--detach", "--bundle", self._directory, "--pid-file", pid_file, self._name)
        self.program.start(self._command(log, *words), log, pid_file)

    def execute(self, process: bytes, files: list[int], report: Report) -> Program:
        """Run another program inside, described by an OCI `process` section."""
        self._programs += 1
        base = f"{self._directory}/exec{self._programs}"
        with open(base, "wb") as file:
            file.write(process)
        log, pid_file = f"{base}.log", f"{base}.pid"
        program = Program(self._loop, files, init=False, report=report)
        words = ("exec", "--detach", "--process", base, "--pid-file", pid_file, self._name)
        program.start(self._command(log, *words), log, pid_file)
        return program

    def _command(self, log: str, *words: str) -> list[str]:
        return [*self._plan["runtime"], "--root", self._state, "--log", log, "--log-format", "json", *words]

    def set_hosts(self, content: bytes) -> None:
        """Write the container's /etc/hosts anew, in place: it is a mount."""
        with open(f"{self._directory}/hosts", "r+b") as file:
            file.write(content)
            file.truncate()

    def _on_report(self, outcome: dict[str, Any]) -> None:
        if "started" in outcome:
            outcome["address"] = self._attachment.address if self._attachment else None
        else:
            self._take_apart(outcome)
        self._report(outcome)
        if self._settled is not None:
            settled, self._settled = self._settled, None
            settled()

    def _take_apart(self, outcome: dict[str, Any]) -> None:
        group = self._plan["cgroup"]
        if group is not None:
            outcome["oom_killed"] = cgroups.oom_killed(group)
            cgroups.remove(group)
        if self._attachment is not None:
            os.close(self._attachment.namespace)
        failure = self._rootfs.release()
        if failure is not None:
            outcome.setdefault("unclean", failure)
        _remove_tree(f"{self._state}/{self._name}")
        _remove_tree(self._directory)


def _await_program(pid: int, *, init: bool) -> None:
    """The runtime leaves a moment before the program, or the init's child, can take a signal: one sent now is lost."""
    for _attempt in range(_PATIENCE):
        if _in_own_group(pid) if init else not _read(f"/proc/{pid}/comm").startswith(b"runc:["):
            return
        time.sleep(0.001)


def _in_own_group(init: int) -> bool:
    """Whether the init has a child that leads the process group to which the init passes signals on."""
    for child in _read(f"/proc/{init}/task/{init}/children").split():
        fields = _read(f"/proc/{int(child)}/stat").rpartition(b")")[2].split()
        if fields[2:3] == [child]:
            return True
    return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _remove_tree(directory: str, device: int | None = None) -> None:
    # Never into something that is still mounted there: what lies behind it is not ours.
    try:
        own = os.lstat(directory).st_dev
        if device is not None and own != device:
            return
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _remove_tree(entry.path, own)
                elif entry.stat(follow_symlinks=False).st_dev == own:
                    os.unlink(entry.path)
        os.rmdir(directory)
    except OSError:
        return
