"""EnvFile: variables as a `.env` file has them, with references to one another."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import ClassVar

from embedded_engine.api.file import contents as contents_of
from embedded_engine.api.file import new_file
from embedded_engine.api.values import ContainerValue, EnvVariableValue, FileValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.dotenv import Evaluator, names_of, without_prefix

_EXPORT = re.compile(r"^export\s+")


@dataclass(frozen=True)
class EnvFileValue:
    """Lines `NAME=value`; `context` are lines that others may refer to and nobody sees."""

    TYPE: ClassVar[str] = "EnvFile"

    lines: tuple[str, ...] = ()
    context: tuple[str, ...] = ()

    def evaluated(self) -> dict[str, str]:
        """The variables by name, expanded."""
        evaluator = self._evaluator()
        return {name: evaluator.value(name) for name in names_of(self.lines)}

    def lookup(self, name: str) -> str | None:
        """One variable, expanded."""
        return self._evaluator().value(name) if name in names_of(self.lines) else None

    def _evaluator(self) -> Evaluator:
        return Evaluator(names_of((*self.context, *self.lines)), os.environ.get)

    def with_line(self, name: str, value: str) -> EnvFileValue:
        """The same with one variable set, in its place if it is there."""
        line = f"{name}={value}"
        places = [index for index, each in enumerate(self.lines) if each.partition("=")[0] == name]
        if not places:
            return replace(self, lines=(*self.lines, line))
        return replace(self, lines=(*self.lines[: places[0]], line, *self.lines[places[0] + 1 :]))


@field("Query", "envFile")
def new_env_file(ctx: RequestContext, self: object, *, expand: bool = False) -> EnvFileValue:
    return EnvFileValue()


@field("File", "asEnvFile")
async def as_env_file(ctx: RequestContext, self: FileValue, *, expand: bool = False) -> EnvFileValue:
    result = EnvFileValue()
    for line in (await contents_of(ctx, self)).split("\n"):
        text = _EXPORT.sub("", line.strip())
        if text and not text.startswith("#"):
            name, _, value = text.partition("=")
            result = result.with_line(name, value)
    return result


@field("EnvFile", "asFile")
def as_file(ctx: RequestContext, self: EnvFileValue) -> FileValue:
    return new_file(ctx, None, name=".env", contents="".join(f"{line}\n" for line in self.lines))


@field("EnvFile", "exists")
def exists(ctx: RequestContext, self: EnvFileValue, *, name: str) -> bool:
    return name in names_of(self.lines)


@field("EnvFile", "get")
def get(ctx: RequestContext, self: EnvFileValue, *, name: str, raw: bool = False) -> str:
    if raw:
        return names_of(self.lines).get(name, "")
    return self.lookup(name) or ""


@field("EnvFile", "variables")
def variables(ctx: RequestContext, self: EnvFileValue, *, raw: bool = False) -> tuple[EnvVariableValue, ...]:
    found = names_of(self.lines) if raw else self.evaluated()
    return tuple(EnvVariableValue(name, value) for name, value in sorted(found.items()))


@field("EnvFile", "withVariable")
def with_variable(ctx: RequestContext, self: EnvFileValue, *, name: str, value: str) -> EnvFileValue:
    return self.with_line(name, value)


@field("EnvFile", "withoutVariable")
def without_variable(ctx: RequestContext, self: EnvFileValue, *, name: str) -> EnvFileValue:
    return replace(self, lines=tuple(line for line in self.lines if line.partition("=")[0] != name))


@field("EnvFile", "namespace")
def namespace(ctx: RequestContext, self: EnvFileValue, *, prefix: str) -> EnvFileValue:
    """Variables whose names begin with the prefix, in any spelling, without it; others can still be referred to."""
    result = EnvFileValue(context=self.context)
    for name, value in sorted(names_of(self.lines).items()):
        bare = without_prefix(name, prefix)
        if bare is None:
            result = replace(result, context=(*result.context, f"{name}={value}"))
        else:
            result = result.with_line(bare, value)
    return result


@field("Container", "withEnvFileVariables")
def with_env_file_variables(ctx: RequestContext, self: ContainerValue, *, source: EnvFileValue) -> ContainerValue:
    config = self.config
    for name, value in sorted(source.evaluated().items()):
        config = config.with_env(name, value)
    return replace(self, config=config)
