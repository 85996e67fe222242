"""The few rtnetlink requests that a bridge with containers needs; starting `ip` for each costs more than the rest."""

from __future__ import annotations

import os
import socket
import struct

_NEW_LINK, _NEW_ADDRESS, _NEW_ROUTE, _NEW_NEIGHBOUR, _SET_LINK = 16, 20, 24, 28, 19
_REQUEST, _ACKNOWLEDGE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_ERROR = 2
_LINK_NAME, _LINK_MTU, _LINK_MASTER, _LINK_PROTOCOL, _LINK_INFO, _LINK_NAMESPACE = 3, 4, 10, 12, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_ADDRESS, _LOCAL_ADDRESS = 1, 2
_ROUTE_DESTINATION, _ROUTE_INTERFACE, _ROUTE_GATEWAY = 1, 4, 5
_NESTED, _PORT_UNICAST_FLOOD = 0x8000, 9
_NEIGHBOUR_LINK_ADDRESS, _STATIC, _OF_MASTER = 2, 0x40, 0x04
_UP = 1

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_LINK_HEADER_EMPTY = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)


class Netlink:
    """A socket to the network namespace in which it was made. Errors are OSError."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def add_bridge(self, name: str) -> None:
        """A bridge, without spanning tree: its ports forward at once."""
        info = _attribute(_INFO_KIND, b"bridge\0")
        body = _LINK_HEADER_EMPTY + _attribute(_LINK_NAME, _text(name)) + _attribute(_LINK_INFO, info)
        self._request(_NEW_LINK, _CREATE | _EXCLUSIVE, body)

    def add_veth(self, name: str, mtu: int, peer: str, peer_namespace: int) -> None:
        """A pair of interfaces: `name` here, `peer` in the namespace that is open as `peer_namespace`."""
        size = _attribute(_LINK_MTU, struct.pack("=I", mtu))
        other = (
            _LINK_HEADER_EMPTY
            + _attribute(_LINK_NAME, _text(peer))
            + size
            + _attribute(_LINK_NAMESPACE, struct.pack("=I", peer_namespace))
        )
        info = _attribute(_INFO_KIND, b"veth\0") + _attribute(_INFO_DATA, _attribute(_VETH_PEER, other))
        body = _LINK_HEADER_EMPTY + _attribute(_LINK_NAME, _text(name)) + size + _attribute(_LINK_INFO, info)
        self._request(_NEW_LINK, _CREATE | _EXCLUSIVE, body)

    def set_up(self, name: str, *, master: str | None = None, mtu: int | None = None) -> None:
        """Switch an interface on, as a port of the bridge `master` if one is named."""
        body = _LINK.pack(socket.AF_UNSPEC, 0, socket.if_nametoindex(name), _UP, _UP)
        if master is not None:
            body += _attribute(_LINK_MASTER, struct.pack("=I", socket.if_nametoindex(master)))
        if mtu is not None:
            body += _attribute(_LINK_MTU, struct.pack("=I", mtu))
        self._request(_NEW_LINK, 0, body)

    def set_known_stations(self, port: str, stations: list[bytes]) -> None:
        """Let only frames to these link addresses (and broadcasts) out of a port of a bridge."""
        index = socket.if_nametoindex(port)
        body = _LINK.pack(socket.AF_BRIDGE, 0, index, 0, 0)
        body += _attribute(_LINK_PROTOCOL | _NESTED, _attribute(_PORT_UNICAST_FLOOD, b"\0"))
        self._request(_SET_LINK, 0, body)
        for station in stations:
            head = struct.pack("=BxHiHBB", socket.AF_BRIDGE, 0, index, _STATIC, _OF_MASTER, 0)
            body = head + _attribute(_NEIGHBOUR_LINK_ADDRESS, station)
            self._request(_NEW_NEIGHBOUR, _CREATE, body)

    def add_address(self, name: str, address: str, prefix: int) -> None:
        """An IPv4 address of an interface."""
        packed = socket.inet_aton(address)
        head = struct.pack("=BBBBi", socket.AF_INET, prefix, 0, 0, socket.if_nametoindex(name))
        body = head + _attribute(_LOCAL_ADDRESS, packed) + _attribute(_ADDRESS, packed)
        self._request(_NEW_ADDRESS, _CREATE | _EXCLUSIVE, body)

    def add_default_route(self, gateway: str) -> None:
        """Everything else goes to `gateway`."""
        main_table, static, universe, unicast = 254, 4, 0, 1
        head = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, main_table, static, universe, unicast, 0)
        self._request(_NEW_ROUTE, _CREATE, head + _attribute(_ROUTE_GATEWAY, socket.inet_aton(gateway)))

    def add_own_addresses(self, network: str, prefix: int) -> None:
        """Every address of `network` is this namespace's own: any of them can be listened on."""
        local_table, static, host, local = 255, 4, 254, 2
        head = struct.pack("=BBBBBBBBI", socket.AF_INET, prefix, 0, 0, local_table, static, host, local, 0)
        body = head + _attribute(_ROUTE_DESTINATION, socket.inet_aton(network))
        body += _attribute(_ROUTE_INTERFACE, struct.pack("=i", socket.if_nametoindex("lo")))
        self._request(_NEW_ROUTE, _CREATE | _EXCLUSIVE, body)

    def _request(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        length = _HEADER.size + len(body)
        self._socket.send(_HEADER.pack(length, kind, _REQUEST | _ACKNOWLEDGE | flags, self._sequence, 0) + body)
        answer = self._socket.recv(65536)
        _length, answer_kind, _flags, _sequence, _sender = _HEADER.unpack_from(answer)
        code = -struct.unpack_from("=i", answer, _HEADER.size)[0] if answer_kind == _ERROR else 0
        if code:
            raise OSError(code, os.strerror(code))


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def _text(name: str) -> bytes:
    return name.encode() + b"\0"
