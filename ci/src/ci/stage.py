"""What every stage is: commands under a small wrapper that keeps a record, and a verdict."""

import functools
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Concatenate, Final, ParamSpec, TypeVar

import dagger
from dagger import ReturnType

from ci.errors import NotRun, PipelineError, StageFailed
from ci.excerpt import excerpt, root_cause
from ci.outcome import Outcome, Record, Status
from ci.policy.limits import limit_of
from ci.scripts import text_of
from ci.spans import shown

Module = TypeVar("Module")
P = ParamSpec("P")
Step = Callable[[dagger.Container], dagger.Container]
"""A part of a pipeline, joined to others with `Container.with_`."""

Build = Callable[[], dagger.Container | Awaitable[dagger.Container]]
"""Makes the container whose last execution is a stage; nothing has run when it is made."""

REPORTS: Final = "/reports"
"""Where a stage leaves its reports: logs/, times/, junit/, coverage/. No two stages write the same file."""

_WRAPPER: Final = "/opt/ci/stage.sh"
_TIME_IS_OVER: Final = 143
"""What the wrapper ends with then: beyond the exit codes that `expect` covers, so that the stage runs again next time."""


@dataclass(frozen=True)
class Result:
    """A stage's outcome, and the container that holds its reports when its commands ran."""

    outcome: Outcome
    container: dagger.Container | None = None


def with_wrapper(container: dagger.Container) -> dagger.Container:
    """Put the wrapper into a container."""
    return container.with_new_file(_WRAPPER, text_of("stage.sh"))


def marked_fresh(fresh: str) -> Step:
    """Give a run a name of its own, so that nothing after this step is taken from an earlier run."""
    return lambda container: container.with_env_variable("CI_FRESH", fresh) if fresh else container


def recorded(stage: str, *commands: Sequence[str] | str) -> Step:
    """Run commands in order until one fails; output, times and exit code are kept whatever comes of it.

    A command is a list of arguments, or one line of shell.
    """
    lines = [command if isinstance(command, str) else shlex.join(command) for command in commands]
    return lambda container: container.with_(_bounded(stage)).with_exec(
        ["sh", _WRAPPER, REPORTS, stage, *lines], expect=ReturnType.ANY
    )


def asked(stage: str, command: str) -> Step:
    """Run one line of shell that asks a service, and keep a record as `recorded` does; dagger.ExecError when it fails.

    A failure is not kept: the next run asks again.
    """
    return lambda container: container.with_(_bounded(stage)).with_exec(["sh", _WRAPPER, REPORTS, stage, command])


def _bounded(stage: str) -> Step:
    """Tell the wrapper the stage's bounds."""
    limit = limit_of(stage)
    return lambda container: container.with_env_variable("CI_SECONDS", str(limit.seconds)).with_env_variable(
        "CI_MEGABYTES", str(limit.megabytes)
    )


def stage(
    method: Callable[Concatenate[Module, P], dagger.Container | Awaitable[dagger.Container]],
) -> Callable[Concatenate[Module, P], Awaitable[dagger.Container]]:
    """Turn a method that makes a stage's container into one that runs it, and raises StageFailed unless it is green.

    The stage has the method's name. The plain method stays reachable for suites, by `inspect.unwrap`.
    """

    @functools.wraps(method)
    async def checked(self: Module, /, *args: P.args, **kwargs: P.kwargs) -> dagger.Container:
        result = await carry_out(method.__name__, functools.partial(method, self, *args, **kwargs))
        if result.container is None or not result.outcome.passed:
            raise StageFailed(result.outcome)
        return result.container

    return checked


async def carry_out(name: str, build: Build) -> Result:
    """Run a stage, unless its result is at hand, and judge it; a red stage is a result, never an exception.

    The stage is a span of its name, so that either engine shows when it starts and how it ends.
    """
    container: dagger.Container | None = None
    try:
        with shown(name) as leave_out:
            try:
                made = build()
                container = made if isinstance(made, dagger.Container) else await made
                return Result(await _judge(name, container), container)
            except NotRun as reason:
                leave_out(str(reason))
                return Result(Outcome(name, Status.NOT_RUN, reason=str(reason)))
    except StageFailed as failure:
        return Result(failure.outcome, container)
    except Exception as error:  # noqa: BLE001 - a fault in one stage must not hide the results of the others
        return Result(_could_not_run(name, error))


async def _judge(name: str, container: dagger.Container) -> Outcome:
    record = Record.parse(await container.file(f"{REPORTS}/times/{name}.json").contents())
    if record.exit_code == 0:
        return Outcome(name, Status.PASSED, record)
    output = await container.file(f"{REPORTS}/logs/{name}.txt").contents()
    # Raised, not returned, so that the stage's span ends as an error.
    raise StageFailed(Outcome(name, Status.FAILED, record, f"exit code {record.exit_code}", excerpt(output)))


def _could_not_run(name: str, error: Exception) -> Outcome:
    reason, output = root_cause(str(error)), ""
    if isinstance(error, dagger.ExecError):
        reason = f"exit code {error.exit_code} of {shlex.join(error.command)}"
        if _WRAPPER in error.command and error.exit_code == _TIME_IS_OVER:
            reason = f"took longer than {limit_of(name).seconds} s, its bound in ci/src/ci/policy/limits.py"
        output = excerpt("\n".join(text for text in (error.stdout, error.stderr) if text))
    elif not isinstance(error, dagger.DaggerError | PipelineError):
        reason = f"{type(error).__name__}: {reason}"
    return Outcome(name, Status.ERROR, reason=reason or type(error).__name__, excerpt=output)
