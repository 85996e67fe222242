"""The supervisor's service: requests from the engine's socket, answers to it, until the socket closes."""

from __future__ import annotations

import os
import resource
import socket
from typing import Any

from embedded_engine.sandbox.supervisor import kernel
from embedded_engine.sandbox.supervisor.container import Container, Program
from embedded_engine.sandbox.supervisor.frames import Decoder, receive, send
from embedded_engine.sandbox.supervisor.loop import READ, Loop
from embedded_engine.sandbox.supervisor.network import Network

_MOST_STARTING = 2 * (os.cpu_count() or 1)
"""Runtimes at work at one time; more would only take turns."""
_MOST_FILES = 1 << 20
_FEWEST_FILES = 256


class Supervisor:
    """Containers by their name, programs by the number of the request that started them."""

    def __init__(self, connection: socket.socket, directory: str, slirp: str | None) -> None:
        self._connection = connection
        self._directory = directory
        self._loop = Loop()
        self._decoder = Decoder()
        self._containers: dict[str, Container] = {}
        self._programs: dict[int, Program] = {}
        self._queue: list[tuple[Container, bool]] = []
        self._starting = 0
        kernel.mount("tmpfs", directory, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0700")
        # What is unmounted in there must also vanish for a runtime that is just starting, in its copy of the mounts.
        kernel.mount("none", directory, None, kernel.MS_SHARED)
        self._network = Network(self._loop, slirp)
        self._loop.when_idle = self._network.warm_up
        self._network.when_ready(lambda: self._send({"outside": self._network.outside}))

    def run(self) -> None:
        """Serve until the engine is gone."""
        self._loop.watch(self._connection.fileno(), READ, self._receive)
        self._loop.run()

    def _send(self, message: dict[str, Any], files: list[int] | None = None) -> None:
        try:
            send(self._connection, message, files)
        except OSError:
            self._loop.stop()

    def _receive(self) -> None:
        try:
            data, files = receive(self._connection)
        except OSError:
            data, files = b"", []
        if not data:
            self._loop.stop()
            return
        for request, own in self._decoder.feed(data, files):
            try:
                getattr(self, f"_do_{request['do']}")(request, own)
            except OSError as error:
                self._send({"to": request["id"], "failed": str(error), "log": b""})

    def _do_run(self, request: dict[str, Any], files: list[int]) -> None:
        number, plan = request["id"], request["plan"]
        name = plan["name"]

        def report(outcome: dict[str, Any]) -> None:
            if "started" not in outcome:
                del self._containers[name], self._programs[number]
            self._send({"to": number, **outcome})

        container = Container(self._loop, self._directory, plan, files, report)
        self._containers[name] = container
        self._programs[number] = container.program
        self._queue.append((container, plan["network"]))
        self._network.when_ready(self._start_next)

    def _start_next(self) -> None:
        while self._queue and self._starting < _MOST_STARTING:
            container, networked = self._queue.pop(0)
            self._starting += 1
            container.start(self._network.attach() if networked else None, self._started)

    def _started(self) -> None:
        self._starting -= 1
        self._start_next()

    def _do_exec(self, request: dict[str, Any], files: list[int]) -> None:
        number = request["id"]

        def report(outcome: dict[str, Any]) -> None:
            if "started" not in outcome:
                self._programs.pop(number, None)
            self._send({"to": number, **outcome})

        container = self._containers.get(request["name"])
        if container is None:
            for descriptor in files:
                os.close(descriptor)
            report({"failed": "the container has ended", "log": b""})
            return
        self._programs[number] = container.execute(request["process"], files, report)

    def _do_signal(self, request: dict[str, Any], _files: list[int]) -> None:
        program = self._programs.get(request["program"])
        if program is not None:
            program.signal(request["number"])

    def _do_hosts(self, request: dict[str, Any], _files: list[int]) -> None:
        container = self._containers.get(request["name"])
        if container is not None:
            container.set_hosts(request["content"])
        self._send({"to": request["id"]})

    def _do_socket(self, request: dict[str, Any], _files: list[int]) -> None:
        # A socket belongs to the network in which it was made, whoever uses it afterwards.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
            self._send({"to": request["id"]}, [made.fileno()])


def main(descriptor: int, directory: str, slirp: str) -> None:
    """Serve the socket `descriptor`; `slirp` is empty when the machine has no slirp4netns."""
    # Its number is what was free in the engine: one that is needed here for something else, as likely as any.
    connection = socket.socket(fileno=os.dup(descriptor))
    os.close(descriptor)
    os.umask(0o022)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if most < _FEWEST_FILES:
        raise SystemExit(f"{most} open files are too few: raise the limit (ulimit -n {_FEWEST_FILES})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    os.chdir("/")
    Supervisor(connection, directory, slirp or None).run()
    # Nothing is worth tidying: with its first process the kernel ends everything in the namespace.
    os._exit(0)
