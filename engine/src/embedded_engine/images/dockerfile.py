"""Dockerfiles: parsed by BuildKit's own parser, cut into stages, reduced to what a target needs.

`plan` needs no image. A stage's variables depend on its base image's environment, so `Stage.evaluate` gives its steps
once the configuration of the base is known:

    done = {}
    for stage in plan(text, target="app"):
        done[stage.index] = stage.evaluate(config_of(stage.base), inherited)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError
from embedded_engine.images.expand import Expander, ExpansionError
from embedded_engine.images.platforms import PlatformError, foreign, host_platform, normalize_platform
from embedded_engine.images.steps import Base, Evaluated, ImageRef, Scratch, StageRef

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
INSTRUCTIONS = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)


class DockerfileError(ImageError):
    """A Dockerfile that cannot be built. Names the line where it is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(f"Dockerfile:{line}: {message}" if line is not None else f"Dockerfile: {message}")
        self.line = line


@dataclass(frozen=True)
class Heredoc:
    """A here-document of an instruction. `word` is how it is announced, such as `<<-'EOF'`."""

    name: str
    content: str


@dataclass(frozen=True)
class Instruction:
    """One instruction, its variables not yet expanded. `json` says that its words were written as a JSON list."""

    name: str
    words: tuple[str, ...]
    line: int
    original: str
    json: bool = False
    flags: tuple[str, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One stage. `dependencies` are the stages that it builds on or copies from, by number."""

    index: int
    name: str
    base: Base
    instructions: tuple[Instruction, ...]
    line: int
    escape: str
    arguments: Mapping[str, str] = field(hash=False)
    global_arguments: Mapping[str, str] = field(hash=False)
    names: Mapping[str, int] = field(hash=False)
    platform: str = ""

    @property
    def dependencies(self) -> tuple[int, ...]:
        """The numbers of the stages that must be there first."""
        found = [self.base.index] if isinstance(self.base, StageRef) else []
        for instruction in self.instructions:
            for text in _origins(instruction):
                index = find_stage(text, self.names)
                if index is not None:
                    found.append(index)
        return tuple(dict.fromkeys(found))

    def evaluate(self, base: ImageConfig, inherited: Iterable[tuple[str, str]] | None = None) -> Evaluated:
        """The stage's steps on a base with this configuration.

        `inherited` is the `environment` of the base's evaluation when the base is a stage.
        """
        from embedded_engine.images.evaluate import Evaluation

        return Evaluation(self, base, inherited).run()


def plan(
    text: str, *, target: str | None = None, build_args: Mapping[str, str] | None = None, platform: str | None = None
) -> tuple[Stage, ...]:
    """The stages that a target needs, in order; the last one is the target (by default the Dockerfile's last stage).

    Raises DockerfileError in one line for everything that BuildKit would refuse before it builds.
    """
    instructions, escape = parse(text)
    arguments = dict(build_args or {})
    here = host_platform()
    stages = _stages(instructions, escape, arguments, here, normalize_platform(platform or here), target)
    wanted = _find_target(stages, target)
    needed: set[int] = set()
    _need(wanted, stages, needed, ())
    return tuple(stage for stage in stages if stage.index in needed)


def parse(text: str) -> tuple[list[Instruction], str]:
    """All instructions of a Dockerfile, and its escape character."""
    import dockerfile

    try:
        commands = dockerfile.parse_string(text)
    except (dockerfile.GoParseError, dockerfile.GoIOError, UnicodeError) as error:
        raise DockerfileError(_parser_message(str(error))) from error
    found = []
    for command in commands:
        # A line of nothing but an escape has no instruction at all.
        name = (command.cmd or "").upper()
        if name not in INSTRUCTIONS:
            raise DockerfileError(f"unknown instruction: {command.cmd or repr(command.original)}", command.start_line)
        # ONBUILD keeps its trigger as it is written: it is parsed where the image is used.
        words = (command.original.split(None, 1)[1],) if name == "ONBUILD" and command.sub_cmd else tuple(command.value)
        heredocs = tuple(Heredoc(item.name, item.content) for item in command.heredocs)
        if name not in {"ADD", "COPY", "RUN"} and heredocs:
            raise DockerfileError(f"{name} takes no here-document", command.start_line)
        flags = tuple(command.flags)
        original = command.original.splitlines()[0]
        found.append(Instruction(name, words, command.start_line, original, command.json, flags, heredocs))
    return found, _escape(text)


def parse_flags(instruction: Instruction, allowed: Sequence[str]) -> dict[str, list[str]]:
    """The values of an instruction's flags, in order; a flag without `=` has the value `true`."""
    found: dict[str, list[str]] = {}
    for flag in instruction.flags:
        name, equals, value = flag.removeprefix("--").partition("=")
        if name not in allowed:
            raise DockerfileError(f"unknown flag --{name} for {instruction.name}", instruction.line)
        found.setdefault(name, []).append(value if equals else "true")
    return found


def find_stage(text: str, names: Mapping[str, int]) -> int | None:
    """The number of the stage that `--from` means, by name or number; None where it is an image."""
    return names.get(text.lower())


def _stages(
    instructions: Sequence[Instruction],
    escape: str,
    arguments: Mapping[str, str],
    here: str,
    platform: str,
    target: str | None,
) -> list[Stage]:
    """Cut the instructions at every FROM, and expand what stands in the FROM lines."""
    first = next((number for number, row in enumerate(instructions) if row.name == "FROM"), None)
    before = instructions[:first] if first is not None else instructions
    for row in before:
        if row.name != "ARG":
            raise DockerfileError(f"no build stage yet: {row.name} must come after FROM", row.line)
    if first is None:
        raise DockerfileError("it has no FROM")
    predefined = _platform_arguments(here, platform) | {"TARGETSTAGE": target or "default"}
    global_arguments = _global_arguments(before, escape, arguments, predefined)
    expander = Expander(global_arguments, escape)
    starts = [number for number, row in enumerate(instructions) if row.name == "FROM"]
    names: dict[str, int] = {}
    heads = []
    for index, start in enumerate(starts):
        base, name = _from(instructions[start], expander, names, platform)
        if name is not None and name in names:
            raise DockerfileError(f"the stage name {name!r} is taken already", instructions[start].line)
        if name is not None:
            names[name] = index
        heads.append((base, name or str(index)))
    names |= {str(index): index for index in range(len(starts))}
    ends = [*starts[1:], len(instructions)]
    return [
        Stage(
            index=index,
            name=name,
            base=base,
            instructions=tuple(instructions[starts[index] + 1 : ends[index]]),
            line=instructions[starts[index]].line,
            escape=escape,
            arguments=arguments,
            global_arguments=global_arguments,
            names=names,
            platform=foreign(platform),
        )
        for index, (base, name) in enumerate(heads)
    ]


def _from(row: Instruction, expander: Expander, names: Mapping[str, int], platform: str) -> tuple[Base, str | None]:
    """What a FROM line starts from, and the stage's name."""
    flags = parse_flags(row, ["platform"])
    match row.words:
        case (source,):
            name = None
        case (source, keyword, name) if keyword.lower() == "as":
            name = name.lower()
            if not _STAGE_NAME.fullmatch(name):
                raise DockerfileError(f"invalid name for build stage: {name!r}", row.line)
        case _:
            raise DockerfileError("FROM takes an image, or an image AS a name", row.line)
    try:
        source = expander.word(source)
        wanted = normalize_platform(expander.word(flags["platform"][-1])) if flags.get("platform") else platform
    except (ExpansionError, PlatformError) as error:
        raise DockerfileError(str(error), row.line) from error
    if not source:
        raise DockerfileError(f"the base name {row.words[0]!r} is empty: give its variable a default", row.line)
    if source == "scratch":
        return Scratch(foreign(wanted)), name
    if source.lower() in names:
        return StageRef(names[source.lower()]), name
    return ImageRef(source, row.line, foreign(wanted)), name


def _platform_arguments(here: str, platform: str) -> dict[str, str]:
    """The arguments that every Dockerfile has without declaring them in its head."""
    found: dict[str, str] = {}
    for prefix, text in (("TARGET", platform), ("BUILD", here)):
        parts = [*text.split("/"), ""]
        found |= {f"{prefix}PLATFORM": text, f"{prefix}OS": parts[0]}
        found |= {f"{prefix}ARCH": parts[1], f"{prefix}VARIANT": parts[2]}
    return found


def _global_arguments(
    rows: Sequence[Instruction], escape: str, arguments: Mapping[str, str], predefined: Mapping[str, str]
) -> dict[str, str]:
    """The arguments declared before the first FROM."""
    found = dict(predefined)
    found |= {name: value for name, value in arguments.items() if name in predefined}
    for row in rows:
        for word in row.words:
            name, equals, default = word.partition("=")
            try:
                if name in arguments:
                    found[name] = arguments[name]
                elif equals:
                    found[name] = Expander(found, escape).word(default)
            except ExpansionError as error:
                raise DockerfileError(str(error), row.line) from error
    return found


def _find_target(stages: Sequence[Stage], target: str | None) -> Stage:
    """The stage to build: by name, by number, else the last."""
    if not target:
        return stages[-1]
    found = [stage for stage in stages if stage.name == target.lower() or str(stage.index) == target]
    if not found:
        names = ", ".join(stage.name for stage in stages)
        raise DockerfileError(f"target stage {target!r} could not be found: it has {names}")
    return found[0]


def _need(stage: Stage, stages: Sequence[Stage], needed: set[int], path: tuple[int, ...]) -> None:
    """Add a stage and all that it depends on."""
    if stage.index in path:
        raise DockerfileError(f"circular dependency of the stage {stage.name!r}", stage.line)
    if stage.index in needed:
        return
    for index in stage.dependencies:
        _need(stages[index], stages, needed, (*path, stage.index))
    needed.add(stage.index)


def _origins(instruction: Instruction) -> list[str]:
    """What `--from` and `--mount=from=` of an instruction name."""
    found = []
    for flag in instruction.flags:
        if flag.startswith("--from="):
            found.append(flag.removeprefix("--from="))
        if flag.startswith("--mount="):
            fields = flag.removeprefix("--mount=").split(",")
            found += [field.partition("=")[2] for field in fields if field.startswith("from=")]
    return found


def _escape(text: str) -> str:
    """The escape character that a directive in the first lines sets."""
    for line in text.splitlines():
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape":
            return match[2]
    return "\\"


def _parser_message(text: str) -> str:
    """The parser's complaint in one line."""
    return " ".join(text.split()) or "it cannot be parsed"
