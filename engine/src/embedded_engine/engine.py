"""The engine of one session: its parts, made in order and taken down in the reverse one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from embedded_engine.events import Emit
from embedded_engine.graph import Graph
from embedded_engine.images.source import ImageSource
from embedded_engine.sandbox import Sandbox
from embedded_engine.secrets import Secrets
from embedded_engine.services import Services
from embedded_engine.store import Store
from embedded_engine.tunnels import Tunnels
from embedded_engine.user_namespace import is_rootless


@dataclass(frozen=True)
class Engine:
    """What resolvers work with. Opening costs little: a supervisor and a network start only when something runs."""

    store: Store
    images: ImageSource
    sandbox: Sandbox
    secrets: Secrets
    services: Services
    tunnels: Tunnels
    graph: Graph
    emit: Emit
    workdir: Path

    @classmethod
    def open(cls, emit: Emit, root: Path | None = None, workdir: Path | None = None) -> Engine:
        """Open the store at `root` (by default the user's) and build the parts on it.

        Relative paths of the host begin at `workdir`, by default the current directory.
        """
        store = Store.open(root, rootless=is_rootless())
        images = ImageSource(store, emit)
        sandbox = Sandbox(store.root, emit, rootless=store.rootless)
        secrets = Secrets(store.root / "secret.key")
        graph = Graph(store, images, sandbox, secrets, emit)
        services = Services(graph)
        graph.services = services
        tunnels = Tunnels(services, sandbox)
        return cls(store, images, sandbox, secrets, services, tunnels, graph, emit, workdir or Path.cwd())

    async def close(self) -> None:
        """End every container, service and worker of the session, then let go of the store."""
        await self.graph.flight.cancel()
        await self.tunnels.close_all()
        await self.services.close()
        await self.sandbox.close()
        await asyncio.to_thread(self.store.close)
