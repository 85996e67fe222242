"""The addresses of a session's private network. The real engine's containers have theirs in the same one."""

from __future__ import annotations

NETWORK = "10.87"
PREFIX = 16
BRIDGE = f"{NETWORK}.0.1"
"""The engine's own: what listens here is reached by every container."""
GATEWAY = f"{NETWORK}.0.2"
RESOLVER = f"{NETWORK}.0.3"
"""Both are slirp4netns."""
RELAYS = f"{NETWORK}.0.128"
RELAYS_PREFIX = 25
"""What stands for ports of the machine has its addresses here; containers begin at NETWORK.1.0."""
