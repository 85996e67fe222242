"""What a container finds in /etc/hosts and /etc/resolv.conf."""

from __future__ import annotations

from pathlib import Path

from embedded_engine.sandbox.spec import HostNames
from embedded_engine.sandbox.supervisor.addresses import RESOLVER


def hosts_file(hostname: str, hosts: HostNames) -> bytes:
    """The content of /etc/hosts: the container itself, then the names that were given."""
    lines = [f"127.0.0.1\tlocalhost {hostname}", "::1\tlocalhost ip6-localhost ip6-loopback"]
    lines += [f"{address}\t{' '.join(names)}" for address, names in hosts if names]
    return "".join(f"{line}\n" for line in lines).encode()


def resolver_file(host: Path = Path("/etc/resolv.conf")) -> bytes:
    """The content of /etc/resolv.conf: the network's resolver with the host's search domains and options."""
    try:
        text = host.read_text(errors="replace")
    except OSError:
        text = ""
    kept = [line.strip() for line in text.splitlines() if line.split()[:1] in (["search"], ["domain"], ["options"])]
    return "".join(f"{line}\n" for line in (f"nameserver {RESOLVER}", *kept)).encode()
