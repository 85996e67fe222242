"""Deployment by digest: migrations, start, smoke test, record; and the way back when one of them fails."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import dagger
from dagger import dag

from ci.engine_target import EngineTarget
from ci.errors import PipelineError
from ci.excerpt import excerpt, root_cause
from ci.policy.errors import PolicyError
from ci.policy.plan import Environment
from ci.policy.tags import parse_digest
from ci.registry import Repository
from ci.target import PublishedImage, Target, TargetFailed

Pull = Callable[[str], Awaitable[PublishedImage]]
"""Takes an image from the registry by its digest."""

Agree = Callable[[str], Awaitable[None]]
"""Is told the digest that runs on the target, in the deployment's turn; raises when it is not to be replaced."""


class Ending(StrEnum):
    """How a deployment ended."""

    DEPLOYED = "deployed"
    UNCHANGED = "unchanged"
    """The digest was there already and passes its smoke test."""
    ROLLED_BACK = "rolled back"
    """It failed; the digest before it runs again and passes its smoke test."""
    ROLL_BACK_FAILED = "roll-back failed"
    """It failed, and so did the digest before it: the target does not serve."""
    NOTHING_TO_GO_BACK_TO = "failed"
    """It failed, and there is no other digest to go back to: the target does not serve."""


@dataclass(frozen=True)
class Deployment:
    """What became of a deployment."""

    target: str
    digest: str
    ending: Ending
    previous: str | None = None
    """What was recorded before."""
    reason: str = ""
    """Why the digest does not run there."""
    roll_back_reason: str = ""
    """Why the previous one does not run either."""

    @property
    def succeeded(self) -> bool:
        """Whether the target runs the digest that was asked for."""
        return self.ending in {Ending.DEPLOYED, Ending.UNCHANGED}

    def describe(self) -> str:
        """Say it in a line; where it failed, with the reason and what runs now."""
        failed = f"{self.digest} was not deployed: {self.reason}\n{self.target}: "
        said = {
            Ending.DEPLOYED: f"deployed {self.digest} (before: {self.previous or 'nothing'})",
            Ending.UNCHANGED: f"{self.digest} was there already and passes its smoke test",
            Ending.ROLLED_BACK: f"{failed}rolled back to {self.previous}, which passes its smoke test",
            Ending.ROLL_BACK_FAILED: f"{failed}{self.previous} does not run any more either: {self.roll_back_reason}",
            Ending.NOTHING_TO_GO_BACK_TO: f"{failed}there is nothing to go back to, so it does not serve",
        }
        return f"{self.target}: {said[self.ending]}"


class DeploymentFailed(PipelineError):  # noqa: N818 - "deployment failed" is the statement
    """The target does not run what it should."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment.describe())
        self.deployment = deployment


async def anything(_: str) -> None:
    """Agree to replace whatever runs, as a person who goes back by hand wants it."""


async def deploy(repository: Repository, digest: str, target: Target, agree: Agree = anything) -> Deployment:
    """Deploy an image of the registry by its digest.

    A failure of the image is an ending, not an exception; raises when nothing was tried: the registry has no such
    image, the target is not reached, or what runs there is not to be replaced. What migrations did stays: a schema has
    to fit the image before it too.
    """
    try:
        parse_digest(digest)
    except PolicyError as error:
        raise TargetFailed(str(error)) from None
    return await carry_out(partial(pulled, repository), digest, target, agree)


async def carry_out(pull: Pull, digest: str, target: Target, agree: Agree = anything) -> Deployment:
    """Take the steps on the target, and the way back when one of them fails."""
    # Before anything is touched: what cannot be had leaves everything as it is.
    image = await pull(digest)
    async with target.turn():
        previous = await target.current()
        if previous is not None and previous != digest:
            await agree(previous)
        if previous == digest and not await _failure_of_start(target, image):
            return Deployment(target.name, digest, Ending.UNCHANGED, previous)
        reason = await _failure(target, image)
        if not reason:
            return Deployment(target.name, digest, Ending.DEPLOYED, previous)
        if previous is None or previous == digest:
            return Deployment(target.name, digest, Ending.NOTHING_TO_GO_BACK_TO, previous, reason)
        roll_back_reason = await _failure_of_roll_back(target, pull, previous)
        ending = Ending.ROLL_BACK_FAILED if roll_back_reason else Ending.ROLLED_BACK
        return Deployment(target.name, digest, ending, previous, reason, roll_back_reason)


def target_of(environment: Environment) -> Target:
    """Give the place that an environment is; a platform of a team's own goes here."""
    return EngineTarget(environment)


async def to_staging(repository: Repository, digest: str) -> str:
    """Deploy an image to staging on the engine, and say how it went; DeploymentFailed when something else runs there."""
    deployment = await deploy(repository, digest, target_of(Environment.STAGING))
    if not deployment.succeeded:
        raise DeploymentFailed(deployment)
    return deployment.describe()


async def pulled(repository: Repository, digest: str) -> PublishedImage:
    """Take an image from the registry by its digest; TargetFailed when it cannot be had."""
    container, reference = dag.container(), repository.named(digest)
    if repository.password is not None:
        container = container.with_registry_auth(repository.host, repository.username, repository.password)
    try:
        container = await container.from_(reference, registry_service=repository.service).sync()
    except dagger.QueryError as error:
        raise TargetFailed(f"{reference} cannot be had from the registry: {_one_line(error)}") from None
    return PublishedImage(digest, reference, container)


async def _failure(target: Target, image: PublishedImage) -> str:
    """Take the steps in order; gives why one failed, nothing when all is well."""
    try:
        await target.migrate(image)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the way back has to be gone
        return f"its migrations failed: {_said(error)}"
    if reason := await _failure_of_start(target, image):
        return reason
    try:
        await target.record(image.digest)
    except Exception as error:  # noqa: BLE001 - as above: what is not recorded is no deployment
        return f"it could not be recorded: {_said(error)}"
    return ""


async def _failure_of_start(target: Target, image: PublishedImage) -> str:
    try:
        await target.replace(image)
    except Exception as error:  # noqa: BLE001 - as above
        return f"it did not start: {_said(error)}"
    try:
        await target.probe()
    except Exception as error:  # noqa: BLE001 - as above
        return f"its smoke test failed: {_said(error)}"
    return ""


async def _failure_of_roll_back(target: Target, pull: Pull, previous: str) -> str:
    try:
        image = await pull(previous)
    except TargetFailed as error:
        return str(error)
    return await _failure_of_start(target, image)


def _said(error: Exception) -> str:
    """Say why a step failed: what a command printed, an engine's message without what is only the engine's."""
    if isinstance(error, dagger.ExecError):
        output = "\n".join(text for text in (error.stdout, error.stderr) if text)
        return f"exit code {error.exit_code}\n{excerpt(output)}"
    if isinstance(error, PipelineError):
        return str(error)
    reason = root_cause(str(error))
    return reason if isinstance(error, dagger.QueryError) else f"{type(error).__name__}: {reason}"


def _one_line(error: Exception) -> str:
    return " ".join(root_cause(str(error)).split())
