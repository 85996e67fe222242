"""The session's private network: one bridge, a pair of interfaces for each container, slirp4netns's tap as a port.

Everything is in one subnet, so that no address is translated and nothing is routed here: slirp4netns is the gateway.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import NamedTuple

from embedded_engine.sandbox.supervisor import kernel
from embedded_engine.sandbox.supervisor.addresses import (
    BRIDGE,
    GATEWAY,
    NETWORK,
    PREFIX,
    RELAYS,
    RELAYS_PREFIX,
    RESOLVER,
)
from embedded_engine.sandbox.supervisor.loop import READ, Loop
from embedded_engine.sandbox.supervisor.netlink import Netlink

_BRIDGE = "bridge0"
_TAP = "tap0"
_MTU = 65520
_SLIRP_STATION = b"\x52\x55"
"""slirp4netns's link addresses begin so and end in the address that they stand for."""
_OWN = 100
"""The number under which the supervisor has its own network namespace open; slirp4netns is told it in advance."""
_WARM = 2
"""Network namespaces kept ready: making one takes longer than anything else before the runtime starts."""


class Attachment(NamedTuple):
    """A network namespace that is connected to the bridge; it lasts while it is open or something runs in it."""

    namespace: int
    address: str


class Network:
    """Made inside the supervisor's own network namespace; `outside` says whether it leads anywhere."""

    def __init__(self, loop: Loop, slirp: str | None) -> None:
        self._loop = loop
        self.outside = False
        self._pending = slirp is not None
        go = None if slirp is None else self._prepare_slirp(slirp)
        kernel.unshare(kernel.CLONE_NEWNET)
        os.dup2(os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC), _OWN, inheritable=False)
        if go is not None:
            os.close(go)
        self._links = Netlink()
        self._count = 0
        self._warm: list[Attachment] = []
        self._waiting: list[Callable[[], None]] = []
        self._links.set_up("lo")
        self._links.add_bridge(_BRIDGE)
        self._links.add_address(_BRIDGE, BRIDGE, PREFIX)
        self._links.set_up(_BRIDGE, mtu=_MTU)
        self._links.add_own_addresses(RELAYS, RELAYS_PREFIX)

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Call back when the way out is open or known to stay closed: a container must not be there before it."""
        if self._pending:
            self._waiting.append(callback)
        else:
            callback()

    def attach(self) -> Attachment:
        """A fresh network namespace with an address of its own. The caller closes it."""
        return self._warm.pop(0) if self._warm else self._make()

    def warm_up(self) -> bool:
        """Make one namespace in advance; whether more are wanted."""
        if len(self._warm) < _WARM:
            self._warm.append(self._make())
        return len(self._warm) < _WARM

    def _make(self) -> Attachment:
        self._count += 1
        host_part = 256 + self._count % (65_534 - 256)
        address = f"{NETWORK}.{host_part >> 8}.{host_part & 255}"
        port = f"port{self._count}"
        kernel.unshare(kernel.CLONE_NEWNET)
        try:
            namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            inside = Netlink()
            try:
                inside.set_up("lo")
                inside.add_veth("eth0", _MTU, port, _OWN)
                inside.add_address("eth0", address, PREFIX)
                inside.set_up("eth0")
                inside.add_default_route(GATEWAY)
            except BaseException:
                os.close(namespace)
                raise
            finally:
                inside.close()
        finally:
            kernel.enter_namespace(_OWN, kernel.CLONE_NEWNET)
        self._links.set_up(port, master=_BRIDGE)
        return Attachment(namespace, address)

    def _prepare_slirp(self, program: str) -> int:
        """Start what becomes slirp4netns as soon as the file that is returned is closed.

        slirp4netns itself belongs to the host's network, and only its tap is made in ours. So it is started now, and
        waits: an ordinary user cannot go back into the host's network later.
        """
        ready, ready_writer = os.pipe2(os.O_CLOEXEC)
        wait, go = os.pipe2(os.O_CLOEXEC)
        silence = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        command = [
            program,
            "--netns-type=path",
            f"--mtu={_MTU}",
            f"--cidr={NETWORK}.0.0/{PREFIX}",
            "--disable-host-loopback",
            "--enable-seccomp",
            "--ready-fd=3",
            # Not /proc/1/ns/net: while a container's namespace is being made that is where this process is.
            f"/proc/{os.getpid()}/fd/{_OWN}",
            _TAP,
        ]
        args = ["/bin/sh", "-c", 'read -r _; exec "$@"', "sh", *command]
        files = {0: wait, 1: silence, 2: silence, 3: ready_writer}
        pid = self._loop.spawn(args, files, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        for descriptor in (ready_writer, wait, silence):
            os.close(descriptor)
        self._loop.on_exit(pid, lambda _status: self._settle(connected=False))
        self._loop.watch(ready, READ, lambda: self._answered(ready))
        return go

    def _answered(self, ready: int) -> None:
        connected = bool(os.read(ready, 16))
        self._loop.unwatch(ready)
        os.close(ready)
        if connected:
            self._links.set_up(_TAP, master=_BRIDGE, mtu=_MTU)
            # slirp4netns takes every frame for its own: one that a bridge floods, because the container that it is for
            # has been silent for long or has ended, would be sent out into the world or answered with a reset.
            self._links.set_known_stations(_TAP, [_SLIRP_STATION + socket.inet_aton(ip) for ip in (GATEWAY, RESOLVER)])
        self._settle(connected=connected)

    def _settle(self, *, connected: bool) -> None:
        self._pending = False
        self.outside = connected
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()
