"""A store with many results, each with a layer of its own: opening it, looking things up, pruning."""

from __future__ import annotations

from embedded_engine.bench.meter import Meter
from embedded_engine.store import Store, prune
from embedded_engine.user_namespace import is_rootless

_FAR_TOO_MUCH = 1 << 50


async def measure(meter: Meter, size: int) -> None:
    """`size` results."""
    async with meter.session():
        pass
    with Store.open(meter.store, rootless=is_rootless()) as store, meter.time("all of them written"):
        for number in range(size):
            with store.layers.stage() as staged:
                (staged.fs / "file").write_bytes(b"%d" % number * 100)
                layer = staged.commit()
            store.results.put(f"result-{number}", {"exit_code": 0, "layers": {"/": layer}}, [layer])
    for _ in range(meter.runs):
        with meter.time("the store opened"):
            store = Store.open(meter.store, rootless=is_rootless())
        with store:
            with meter.time("one looked up"):
                store.results.get(f"result-{size // 2}")
            with meter.time("one looked for in vain"):
                store.results.get("no result")
            with meter.time("all looked up"):
                for number in range(size):
                    store.results.get(f"result-{number}")
        async with meter.session(timed=True):
            pass
    for _ in range(meter.runs):
        with meter.time("pruned, nothing to remove"):
            prune(meter.store, _FAR_TOO_MUCH)
    half = prune(meter.store, _FAR_TOO_MUCH).kept_bytes // 2
    with meter.time("pruned to half its size"):
        prune(meter.store, half)
