"""The nightly look at what is published: each image by its digest, with a report of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol, cast

import anyio
import dagger

from ci.deploy import pulled, target_of
from ci.event import Situation
from ci.leave import Outside
from ci.outcome import Outcome
from ci.policy.plan import Environment, Rescan
from ci.policy.trigger import Trigger
from ci.registry import Repository
from ci.stage import Result, carry_out

_SECONDS_TO_ASK: Final = 300.0
"""For a target to say what it runs; a deployment may be at work there."""


class WithScan(Protocol):
    """A module that can look at any image."""

    async def rescan(self, published: dagger.Container, name: str) -> dagger.Container:
        """Make the stage that scans an image; its reports have the stage's name."""
        ...


async def with_deployed(known: Situation, outside: Outside) -> Situation:
    """Add to the facts of a nightly run what is deployed; a target that does not say costs a warning."""
    if known.facts.trigger is not Trigger.NIGHTLY or outside.registry is None:
        return known
    target = outside.target or target_of(Environment.STAGING)
    try:
        with anyio.fail_after(_SECONDS_TO_ASK):
            async with target.turn():
                digest = await target.current()
        return known.with_facts(deployed={Environment.STAGING: digest} if digest else {})
    except Exception as error:  # noqa: BLE001 - a team's target may raise, and answer, whatever it likes
        said = str(error) or f"{type(error).__name__} within {_SECONDS_TO_ASK:g} s"
        why = " ".join(f"what {target.name} runs is not known: {said}".split())
        return replace(known, warnings=(*known.warnings, why))


async def rescan(
    module: object, registry: Repository | None, rescans: Sequence[Rescan], ended: Callable[[Outcome], None]
) -> tuple[Result, ...]:
    """Scan what is published, one after the other, since they share the scanner's database; results as of stages."""
    results = []
    for wanted in rescans:
        assert registry is not None  # noqa: S101 - the registry has named them
        result = await carry_out(wanted.stage, partial(_scanned, cast(WithScan, module), registry, wanted))
        reference = registry.named(wanted.tags[0] if wanted.tags else wanted.digest)
        outcome = replace(result.outcome, remedy=f"ci scan --published={reference}")
        results.append(replace(result, outcome=outcome))
        ended(outcome)
    return tuple(results)


async def _scanned(module: WithScan, registry: Repository, wanted: Rescan) -> dagger.Container:
    image = await pulled(registry, wanted.digest)
    return await module.rescan(image.container, wanted.stage)
