"""What a nightly run asks a target, and what it makes of the answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import pytest

from ci import rescan
from ci.event import Situation
from ci.history import Past
from ci.leave import Outside
from ci.policy.facts import parse_facts
from ci.registry import Repository
from ci.rescan import with_deployed

DIGEST = f"sha256:{'a' * 64}"


class Answering:
    """A target that answers as it is told, or raises that, or hangs."""

    name = "staging"

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        yield

    async def current(self) -> str | None:
        self.asked += 1
        if self.answer is ...:
            await anyio.sleep_forever()
        if isinstance(self.answer, Exception):
            raise self.answer
        return cast(str, self.answer)


def situation(event: str) -> Situation:
    """An event on main of which nothing else is known."""
    said = {"event": event, "ref": "refs/heads/main", "commit": "a" * 40, "published": {}}
    return Situation(parse_facts(**cast(Any, said)), Past("a" * 40, (), (), ()), said)


async def asked(answer: object, event: str = "schedule", registry: str = "registry.example/items") -> Situation:
    """Ask a target that gives this answer."""
    place = Repository(registry) if registry else None
    return await with_deployed(situation(event), Outside(place, target=cast(Any, Answering(answer))))


async def test_what_a_target_runs_is_a_fact_of_the_nightly_run() -> None:
    """Nothing is one, too."""
    assert dict((await asked(DIGEST)).facts.deployed or {}) == {"staging": DIGEST}
    assert (await asked(None)).facts.deployed == {}


async def test_nobody_else_asks() -> None:
    """A target is started for it; and without a registry there is nothing to look at."""
    assert (await asked(DIGEST, event="push")).facts.deployed is None
    assert (await asked(DIGEST, registry="")).facts.deployed is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RuntimeError("it is\naway"), "what staging runs is not known: it is away"),
        ("latest", "what staging runs is not known: digest 'latest' is refused"),
        (..., "what staging runs is not known: TimeoutError within 0.05 s"),
    ],
    ids=["raises", "no digest", "hangs"],
)
async def test_a_target_that_does_not_say_costs_a_warning(
    answer: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is looked at all the same."""
    monkeypatch.setattr(rescan, "_SECONDS_TO_ASK", 0.05)
    known = await asked(answer)
    assert known.facts.deployed is None
    (warning,) = known.warnings
    assert warning.startswith(said)
