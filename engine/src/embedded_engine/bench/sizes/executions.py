"""Executions that do not depend on each other, asked for at once."""

from __future__ import annotations

import asyncio

from embedded_engine.bench.meter import Meter


async def measure(meter: Meter, size: int) -> None:
    """`size` executions of a short script, and of one that sleeps."""
    from dagger import dag

    image = await meter.seed_image()

    async def each(number: int, script: str) -> None:
        await (
            dag.container().from_(image).with_env_variable("NUMBER", str(number)).with_exec(["sh", "-c", script]).sync()
        )

    async with meter.session():
        await each(-1, "true")
        with meter.time("all of them: echo"):
            await asyncio.gather(*(each(number, "echo $NUMBER >/number") for number in range(size)))
        with meter.time("all of them: sleep 0.5"):
            await asyncio.gather(*(each(number, "sleep 0.5") for number in range(size)))
        with meter.time("all of them, known"):
            await asyncio.gather(*(each(number, "echo $NUMBER >/number") for number in range(size)))
