"""A client of an application that runs in this process, started and stopped as a server would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from asgi_lifespan import LifespanManager
from fastapi import FastAPI


@asynccontextmanager
async def client_of(app: FastAPI, *, address: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    """Start the application and give a client that calls from this address; close both at the end."""
    async with LifespanManager(app) as running:
        transport = httpx.ASGITransport(running.app, client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client
