"""A Dockerfile's stage on a known base: every instruction turned into a step or a change of the configuration."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from embedded_engine.images.arguments import destination_of, duration, is_set, only, ports, signal_name, strip_tabs
from embedded_engine.images.config import Healthcheck, ImageConfig
from embedded_engine.images.dockerfile import (
    DockerfileError,
    Heredoc,
    Instruction,
    Stage,
    find_stage,
    parse,
    parse_flags,
)
from embedded_engine.images.expand import Expander, ExpansionError
from embedded_engine.images.mounts import parse_mount
from embedded_engine.images.steps import (
    Context,
    Copy,
    Evaluated,
    ImageRef,
    InlineFile,
    MakeDirectory,
    Mount,
    Origin,
    Remote,
    Run,
    StageRef,
    Step,
)

_DEFAULT_SHELL = ("/bin/sh", "-c")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Arguments that need no ARG to reach a command, and never decide whether it must run again.
_PROXIES = frozenset(["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"])
_REMOTE = re.compile(r"(https?|ssh|git)://|git@")
_HEREDOC = re.compile(r"(\d*)<<(-?)\s*(['\"]?)([a-zA-Z_][a-zA-Z0-9._]*)\3")


class Evaluation:
    """Walks over the instructions of one stage."""

    def __init__(self, stage: Stage, base: ImageConfig, inherited: Iterable[tuple[str, str]] | None) -> None:
        self._stage = stage
        self._triggers = base.on_build
        self._config = replace(base, on_build=())
        if base.get_env("PATH") is None:
            self._config = self._config.with_env("PATH", _DEFAULT_PATH)
        # What expansions and commands see: the configuration's variables and the build arguments, the last one wins.
        self._environment = dict(self._config.env) | dict(inherited or ())
        self._steps: list[Step] = []
        self._has_cmd = False

    def run(self) -> Evaluated:
        """Evaluate the base's triggers, then the stage."""
        for trigger in self._triggers:
            rows, _ = parse(trigger)
            for row in rows:
                if row.name in {"FROM", "ONBUILD", "MAINTAINER"}:
                    raise DockerfileError(f"{row.name} is not allowed as an ONBUILD trigger", self._stage.line)
                self._evaluate(replace(row, line=self._stage.line))
        for row in self._stage.instructions:
            self._evaluate(row)
        return Evaluated(tuple(self._steps), self._config, tuple(self._environment.items()))

    def _evaluate(self, row: Instruction) -> None:
        """One instruction. Whatever is wrong with it names its line."""
        handlers: dict[str, Callable[[Instruction], None]] = {
            "ADD": self._copy,
            "ARG": self._arg,
            "CMD": self._cmd,
            "COPY": self._copy,
            "ENTRYPOINT": self._entrypoint,
            "ENV": self._env,
            "EXPOSE": self._expose,
            "HEALTHCHECK": self._healthcheck,
            "LABEL": self._label,
            "MAINTAINER": self._maintainer,
            "ONBUILD": self._on_build,
            "RUN": self._run_command,
            "SHELL": self._shell,
            "STOPSIGNAL": self._stop_signal,
            "USER": self._user,
            "VOLUME": self._volume,
            "WORKDIR": self._workdir,
        }
        if row.name not in {"ADD", "COPY", "HEALTHCHECK", "RUN"}:
            parse_flags(row, [])
        empty_list = row.json and row.name in {"CMD", "ENTRYPOINT"}
        if not row.words and not empty_list:
            raise DockerfileError(f"{row.name} requires at least one argument", row.line)
        try:
            handlers[row.name](row)
        except (ExpansionError, ValueError) as error:
            raise DockerfileError(f"{row.name}: {error}", row.line) from error

    def _word(self, text: str) -> str:
        return Expander(self._environment, self._stage.escape).word(text)

    # --- instructions that change the configuration ---

    def _arg(self, row: Instruction) -> None:
        for word in row.words:
            name, equals, default = word.partition("=")
            name = self._word(name)
            if name in self._stage.arguments:
                self._environment[name] = self._stage.arguments[name]
            elif equals:
                self._environment[name] = self._word(default)
            elif name in self._stage.global_arguments:
                self._environment[name] = self._stage.global_arguments[name]

    def _env(self, row: Instruction) -> None:
        # All words see the environment as it was before the instruction.
        for name, value in self._pairs(row):
            self._config = self._config.with_env(name, value)
            self._environment[name] = value

    def _label(self, row: Instruction) -> None:
        for name, value in self._pairs(row):
            self._config = self._config.with_label(name, value)

    def _pairs(self, row: Instruction) -> list[tuple[str, str]]:
        words = [self._word(word) for word in row.words]
        pairs = list(zip(words[::2], words[1::2], strict=True))
        if any(not name for name, _ in pairs):
            raise ValueError("names can not be blank")
        return pairs

    def _user(self, row: Instruction) -> None:
        self._config = replace(self._config, user=self._word(only(row)))

    def _workdir(self, row: Instruction) -> None:
        path = posixpath.normpath(posixpath.join("/", self._config.workdir, self._word(only(row))))
        path = "/" + path.lstrip("/")
        self._config = replace(self._config, workdir=path)
        if path != "/":
            self._steps.append(MakeDirectory(path, self._config.user, row.line, row.original))

    def _expose(self, row: Instruction) -> None:
        expander = Expander(self._environment, self._stage.escape)
        found = dict.fromkeys(self._config.exposed_ports)
        for word in row.words:
            for port in expander.words(word):
                found |= dict.fromkeys(ports(port))
        self._config = replace(self._config, exposed_ports=tuple(found))

    def _volume(self, row: Instruction) -> None:
        volumes = [self._word(word) for word in row.words]
        if "" in volumes:
            raise ValueError("a volume can not be an empty string")
        self._config = replace(self._config, volumes=tuple(dict.fromkeys((*self._config.volumes, *volumes))))

    def _stop_signal(self, row: Instruction) -> None:
        self._config = replace(self._config, stop_signal=signal_name(self._word(only(row))))

    def _shell(self, row: Instruction) -> None:
        if not row.json:
            raise ValueError('it takes a JSON list, such as ["/bin/bash", "-c"]')
        self._config = replace(self._config, shell=row.words)

    def _cmd(self, row: Instruction) -> None:
        self._config = replace(self._config, cmd=self._command(row))
        self._has_cmd = True

    def _entrypoint(self, row: Instruction) -> None:
        # A new entrypoint takes nothing over from what the base was started with.
        cmd = self._config.cmd if self._has_cmd else None
        self._config = replace(self._config, entrypoint=self._command(row), cmd=cmd)

    def _healthcheck(self, row: Instruction) -> None:
        flags = parse_flags(row, ["interval", "timeout", "start-period", "start-interval", "retries"])
        kind, words = row.words[0].upper(), row.words[1:]
        if kind == "NONE":
            if words or flags:
                raise ValueError("NONE takes no arguments")
            self._config = replace(self._config, healthcheck=Healthcheck(("NONE",)))
            return
        if kind != "CMD":
            raise ValueError(f"unknown type {row.words[0]!r}: expected CMD or NONE")
        if not words:
            raise ValueError("a command is missing after CMD")
        retries = int(flags.get("retries", ["0"])[-1])
        if retries < 0:
            raise ValueError("--retries cannot be negative")
        check = Healthcheck(
            test=("CMD" if row.json else "CMD-SHELL", *(words if row.json else [" ".join(words)])),
            interval=duration(flags, "interval"),
            timeout=duration(flags, "timeout"),
            start_period=duration(flags, "start-period"),
            start_interval=duration(flags, "start-interval"),
            retries=retries,
        )
        self._config = replace(self._config, healthcheck=check)

    def _maintainer(self, row: Instruction) -> None:
        """Nothing: the author of an image is no part of its configuration."""

    def _on_build(self, row: Instruction) -> None:
        self._config = replace(self._config, on_build=(*self._config.on_build, only(row)))

    # --- instructions that change files ---

    def _run_command(self, row: Instruction) -> None:
        flags = parse_flags(row, ["mount", "network", "security"])
        network = flags.get("network", ["default"])[-1]
        if network not in {"default", "none", "host"}:
            raise ValueError(f"invalid network mode {network!r}: expected default, none or host")
        security = flags.get("security", ["sandbox"])[-1]
        if security not in {"sandbox", "insecure"}:
            raise ValueError(f"invalid security mode {security!r}: expected sandbox or insecure")
        mounts: list[Mount] = [
            parse_mount(self._word(text), self._config.workdir or "/", self._origin(row))
            for text in flags.get("mount", [])
        ]
        args, files = self._run_arguments(row)
        proxies = {name: text for name, text in self._stage.arguments.items() if name.lower() in _PROXIES}
        self._steps.append(
            Run(
                args=args,
                env=tuple((proxies | self._environment).items()),
                user=self._config.user,
                workdir=self._config.workdir or "/",
                mounts=tuple(mounts),
                files=files,
                network=network,
                insecure=security == "insecure",
                line=row.line,
                label=row.original,
            )
        )

    def _run_arguments(self, row: Instruction) -> tuple[tuple[str, ...], tuple[InlineFile, ...]]:
        """The arguments of RUN. A here-document that stands alone is the script itself."""
        if not row.heredocs:
            return self._command(row), ()
        if row.json:
            raise ValueError("a JSON list takes no here-document")
        text = " ".join(row.words)
        shell = self._config.shell or _DEFAULT_SHELL
        alone = _HEREDOC.fullmatch(text)
        if alone is None:
            bodies = "".join(f"\n{heredoc.content}{heredoc.name}" for heredoc in row.heredocs)
            return (*shell, text + bodies), ()
        content = strip_tabs(row.heredocs[0].content) if alone[2] else row.heredocs[0].content
        if not content.startswith("#!"):
            return (*shell, content), ()
        path = f"/run/pipes/{row.heredocs[0].name}"
        return (*shell, path), (InlineFile(path, content.encode(), 0o755),)

    def _copy(self, row: Instruction) -> None:
        add = row.name == "ADD"
        allowed = [
            "chown",
            "chmod",
            "link",
            "exclude",
            "parents" if not add else "unpack",
            "from" if not add else "checksum",
        ]
        flags = parse_flags(row, [*allowed, *(["keep-git-dir"] if add else [])])
        if len(row.words) < 2:
            raise ValueError("it takes at least a source and a destination")
        *sources, destination = row.words
        files = tuple(self._inline(heredoc, sources) for heredoc in row.heredocs)
        plain = [self._word(source) for source in sources if not (row.heredocs and _HEREDOC.fullmatch(source))]
        remotes = self._remotes(flags, plain) if add else ()
        target = self._word(destination)
        origin: Origin = Context()
        if "from" in flags:
            origin = self._origin(row)(flags["from"][-1])
        self._steps.append(
            Copy(
                origin=origin,
                sources=tuple(source for source in plain if not (add and _REMOTE.match(source))),
                destination=destination_of(self._config.workdir, target),
                files=files,
                owner=self._flag(flags, "chown"),
                chmod=self._flag(flags, "chmod"),
                exclude=tuple(self._word(text) for text in flags.get("exclude", [])),
                parents=is_set(flags, "parents"),
                link=is_set(flags, "link"),
                unpack=add and (is_set(flags, "unpack") or "unpack" not in flags),
                line=row.line,
                label=row.original,
                remotes=remotes,
            )
        )

    def _remotes(self, flags: Mapping[str, list[str]], sources: Sequence[str]) -> tuple[Remote, ...]:
        """What of the sources of an ADD is fetched."""
        checksum = self._flag(flags, "checksum") or ""
        keep_git_dir, unpack = is_set(flags, "keep-git-dir"), is_set(flags, "unpack")
        found = tuple(
            Remote(source, checksum, keep_git_dir=keep_git_dir, unpack=unpack)
            for source in sources
            if _REMOTE.match(source)
        )
        for name in ("checksum", "keep-git-dir"):
            if name in flags and not found:
                raise ValueError(f"--{name} is for what is fetched, and nothing here is")
        return found

    def _flag(self, flags: Mapping[str, list[str]], name: str) -> str | None:
        """The expanded value of a flag; None where it is not given."""
        return self._word(flags[name][-1]) if name in flags else None

    def _inline(self, heredoc: Heredoc, words: Iterable[str]) -> InlineFile:
        """The file that a here-document of COPY makes. Unless its name is quoted, variables in it are expanded."""
        announced = next(match for word in words if (match := _HEREDOC.fullmatch(word)) and match[4] == heredoc.name)
        content = strip_tabs(heredoc.content) if announced[2] else heredoc.content
        if not announced[3]:
            content = Expander(self._environment, self._stage.escape, keep_quotes=True).word(content)
        return InlineFile(heredoc.name, content.encode())

    def _origin(self, row: Instruction) -> Callable[[str], StageRef | ImageRef]:
        """Reads the value of `from`: a stage or an image."""

        def read(text: str) -> StageRef | ImageRef:
            if "$" in text:
                raise ValueError("'from' does not support variables: make it a stage (FROM $... AS name)")
            index = find_stage(text, self._stage.names)
            return ImageRef(text, row.line, self._stage.platform) if index is None else StageRef(index)

        return read

    def _command(self, row: Instruction) -> tuple[str, ...]:
        """A JSON list as it is; anything else is one argument for the shell."""
        return row.words if row.json else (*(self._config.shell or _DEFAULT_SHELL), " ".join(row.words))
