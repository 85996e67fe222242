"""Container: its configuration (environment, user, working directory, entrypoint, labels, ports)."""

from __future__ import annotations

from dataclasses import replace

from embedded_engine.api.durations import from_nanoseconds, to_nanoseconds
from embedded_engine.api.paths import expand as _expanded
from embedded_engine.api.values import (
    ContainerValue,
    EnvVariableValue,
    Healthcheck,
    HealthcheckValue,
    LabelValue,
    PortValue,
    SecretValue,
)
from embedded_engine.binding import RequestContext, attributes, field
from embedded_engine.errors import EngineError
from embedded_engine.graph.process import Port

attributes("EnvVariable", "name", "value")
attributes("Label", "name", "value")
attributes("Port", "port", "protocol", "description", "experimentalSkipHealthcheck")
attributes("HealthcheckConfig", "args", "shell", "interval", "timeout", "startPeriod", "startInterval", "retries")


class ContainerError(EngineError):
    """A container that cannot be made as asked."""


@field("Container", "envVariable")
def env_variable(ctx: RequestContext, self: ContainerValue, *, name: str) -> str | None:
    return self.config.get_env(name)


@field("Container", "envVariables")
def env_variables(ctx: RequestContext, self: ContainerValue) -> tuple[EnvVariableValue, ...]:
    return tuple(EnvVariableValue(name, value) for name, value in self.config.env)


@field("Container", "withEnvVariable")
def with_env_variable(
    ctx: RequestContext, self: ContainerValue, *, name: str, value: str, expand: bool = False
) -> ContainerValue:
    return replace(self, config=self.config.with_env(name, _expanded(self, value, expand)), image_ref="")


@field("Container", "withoutEnvVariable")
def without_env_variable(ctx: RequestContext, self: ContainerValue, *, name: str) -> ContainerValue:
    return self.configured(env=_without(self.config.env, name))


@field("Container", "withSecretVariable")
def with_secret_variable(
    ctx: RequestContext, self: ContainerValue, *, name: str, secret: SecretValue
) -> ContainerValue:
    others = tuple(pair for pair in self.secret_env if pair[0] != name)
    return replace(self, secret_env=(*others, (name, secret.secret)), image_ref="")


@field("Container", "withoutSecretVariable")
def without_secret_variable(ctx: RequestContext, self: ContainerValue, *, name: str) -> ContainerValue:
    return replace(self, secret_env=tuple(pair for pair in self.secret_env if pair[0] != name))


@field("Container", "withVolatileVariable")
def with_volatile_variable(ctx: RequestContext, self: ContainerValue, *, name: str, value: str) -> ContainerValue:
    """A variable whose value never makes an execution run again; it is no part of an image."""
    return replace(self, volatile_env=(*_without(self.volatile_env, name), (name, value)))


@field("Container", "withoutVolatileVariable")
def without_volatile_variable(ctx: RequestContext, self: ContainerValue, *, name: str) -> ContainerValue:
    return replace(self, volatile_env=_without(self.volatile_env, name))


@field("Container", "withDefaultTerminalCmd")
def with_default_terminal_cmd(_ctx: RequestContext, self: ContainerValue, **_options: object) -> ContainerValue:
    """The same container: the command is for terminals alone, and there are none."""
    return self


@field("Container", "label")
def label(ctx: RequestContext, self: ContainerValue, *, name: str) -> str | None:
    return dict(self.config.labels).get(name)


@field("Container", "labels")
def labels(ctx: RequestContext, self: ContainerValue) -> tuple[LabelValue, ...]:
    return tuple(LabelValue(name, value) for name, value in sorted(self.config.labels))


@field("Container", "withLabel")
def with_label(ctx: RequestContext, self: ContainerValue, *, name: str, value: str) -> ContainerValue:
    return replace(self, config=self.config.with_label(name, value), image_ref="")


@field("Container", "withoutLabel")
def without_label(ctx: RequestContext, self: ContainerValue, *, name: str) -> ContainerValue:
    return self.configured(labels=_without(self.config.labels, name))


@field("Container", "withAnnotation")
def with_annotation(ctx: RequestContext, self: ContainerValue, *, name: str, value: str) -> ContainerValue:
    return replace(self, annotations=(*_without(self.annotations, name), (name, value)), image_ref="")


@field("Container", "withoutAnnotation")
def without_annotation(ctx: RequestContext, self: ContainerValue, *, name: str) -> ContainerValue:
    return replace(self, annotations=_without(self.annotations, name))


@field("Container", "user")
def user(ctx: RequestContext, self: ContainerValue) -> str:
    return self.config.user


@field("Container", "withUser")
def with_user(ctx: RequestContext, self: ContainerValue, *, name: str) -> ContainerValue:
    return self.configured(user=name)


@field("Container", "withoutUser")
def without_user(ctx: RequestContext, self: ContainerValue) -> ContainerValue:
    return self.configured(user="")


@field("Container", "workdir")
def workdir(ctx: RequestContext, self: ContainerValue) -> str:
    return self.config.workdir


@field("Container", "withWorkdir")
def with_workdir(ctx: RequestContext, self: ContainerValue, *, path: str, expand: bool = False) -> ContainerValue:
    path = _expanded(self, path, expand)
    # An absolute path is kept as it is written.
    return self.configured(workdir=path if path.startswith("/") else self.absolute(path))


@field("Container", "withoutWorkdir")
def without_workdir(ctx: RequestContext, self: ContainerValue) -> ContainerValue:
    return self.configured(workdir="")


@field("Container", "entrypoint")
def entrypoint(ctx: RequestContext, self: ContainerValue) -> tuple[str, ...]:
    return self.config.entrypoint or ()


@field("Container", "withEntrypoint")
def with_entrypoint(
    ctx: RequestContext, self: ContainerValue, *, args: tuple[str, ...], keep_default_args: bool = False
) -> ContainerValue:
    return self.configured(entrypoint=args, cmd=self.config.cmd if keep_default_args else None)


@field("Container", "withoutEntrypoint")
def without_entrypoint(ctx: RequestContext, self: ContainerValue, *, keep_default_args: bool = False) -> ContainerValue:
    return self.configured(entrypoint=None, cmd=self.config.cmd if keep_default_args else None)


@field("Container", "defaultArgs")
def default_args(ctx: RequestContext, self: ContainerValue) -> tuple[str, ...]:
    return self.config.cmd or ()


@field("Container", "withDefaultArgs")
def with_default_args(ctx: RequestContext, self: ContainerValue, *, args: tuple[str, ...] = ()) -> ContainerValue:
    return self.configured(cmd=args)


@field("Container", "withoutDefaultArgs")
def without_default_args(ctx: RequestContext, self: ContainerValue) -> ContainerValue:
    return self.configured(cmd=None)


@field("Container", "platform")
def platform(ctx: RequestContext, self: ContainerValue) -> str:
    return self.config.platform


@field("Container", "exposedPorts")
def exposed_ports(ctx: RequestContext, self: ContainerValue) -> tuple[PortValue, ...]:
    return tuple(PortValue(each.port, each.protocol, each.description, each.skip_healthcheck) for each in self.ports)


@field("Container", "withExposedPort")
def with_exposed_port(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    port: int,
    protocol: str = "TCP",
    description: str | None = None,
    experimental_skip_healthcheck: bool = False,
) -> ContainerValue:
    # One that is exposed again keeps its place.
    ports = {(each.port, each.protocol): each for each in self.ports}
    ports[port, protocol] = Port(port, protocol, description, experimental_skip_healthcheck)
    return _with_ports(self, tuple(ports.values()))


@field("Container", "withoutExposedPort")
def without_exposed_port(
    ctx: RequestContext, self: ContainerValue, *, port: int, protocol: str = "TCP"
) -> ContainerValue:
    return _with_ports(self, tuple(each for each in self.ports if (each.port, each.protocol) != (port, protocol)))


@field("Container", "dockerHealthcheck")
def docker_healthcheck(ctx: RequestContext, self: ContainerValue) -> HealthcheckValue | None:
    check = self.config.healthcheck
    if check is None or not check.test or check.test[0] == "NONE":
        return None
    return HealthcheckValue(
        args=check.test[1:],
        shell=check.test[0] == "CMD-SHELL",
        interval=from_nanoseconds(check.interval),
        timeout=from_nanoseconds(check.timeout),
        start_period=from_nanoseconds(check.start_period),
        start_interval=from_nanoseconds(check.start_interval),
        retries=check.retries,
    )


@field("Container", "withDockerHealthcheck")
def with_docker_healthcheck(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    args: tuple[str, ...],
    shell: bool = False,
    interval: str = "",
    timeout: str = "",
    start_period: str = "",
    start_interval: str = "",
    retries: int = 0,
) -> ContainerValue:
    if shell and len(args) != 1:
        raise ContainerError("WithHealthcheck args must be a single element when shell mode is set: the command line")
    if not args:
        raise ContainerError("WithHealthcheck args is missing")
    check = Healthcheck(
        test=("CMD-SHELL" if shell else "CMD", *args),
        interval=to_nanoseconds(interval),
        timeout=to_nanoseconds(timeout),
        start_period=to_nanoseconds(start_period),
        start_interval=to_nanoseconds(start_interval),
        retries=retries,
    )
    return self.configured(healthcheck=check)


@field("Container", "withoutDockerHealthcheck")
def without_docker_healthcheck(ctx: RequestContext, self: ContainerValue) -> ContainerValue:
    return self.configured(healthcheck=None)


def _with_ports(container: ContainerValue, ports: tuple[Port, ...]) -> ContainerValue:
    names = tuple(f"{each.port}/{each.protocol.lower()}" for each in ports)
    return replace(container.configured(exposed_ports=names), ports=ports)


def _without(pairs: tuple[tuple[str, str], ...], name: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in pairs if pair[0] != name)
