"""The options that every command takes, before its name, after it, or among the words of a chain."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.naming import suggestion

ENGINES = ("embedded", "dagger")
PROGRESS = ("auto", "plain", "tty", "none")
_OTHER_PROGRESS = {"dots": "plain", "logs": "plain", "report": "plain"}
"""How else Dagger shows progress: what comes nearest here."""
_INTERACTIVE = ("-i", "--interactive")

_SWITCHES = {
    "-j": "json",
    "--json": "json",
    "--no-cache": "no_cache",
    "-s": "silent",
    "--silent": "silent",
    **dict.fromkeys(("-v", "-vv", "-vvv", "--verbose", "-d", "--debug"), "verbose"),
    **dict.fromkeys(("-y", "--auto-apply"), "auto_apply"),
    **dict.fromkeys(("-q", "-qq", "-qqq", "--quiet", "-E", "--no-exit"), "quiet"),
}
_VALUES = {
    "-m": "module",
    "--mod": "module",
    "-o": "output",
    "--output": "output",
    "--engine": "engine",
    "--progress": "progress",
}


@dataclass(frozen=True)
class Options:
    """How a command runs and what becomes of its result."""

    module: Path = Path()
    output: str | None = None
    json: bool = False
    no_cache: bool = False
    silent: bool = False
    verbose: bool = False
    auto_apply: bool = False
    quiet: bool = False
    """Asked for what is so anyway: progress that ends with the run."""
    engine: str = "embedded"
    progress: str = "auto"

    def take(self, words: Sequence[str]) -> tuple[Options, int] | None:
        """The options with the one at the front of the words, and how many words that was; None if there is none."""
        name, separator, value = words[0].partition("=")
        if name in _SWITCHES and not separator:
            changed: dict[str, Any] = {_SWITCHES[name]: True}
            return replace(self, **changed), 1
        if name in _INTERACTIVE:
            raise UsageError(f"option {name} is not supported by the embedded engine: it has no terminals")
        if name in _VALUES:
            count = 1
            if not separator:
                if len(words) < 2:
                    raise UsageError(f"option {name} needs a value")
                value, count = words[1], 2
            return self._with(_VALUES[name], name, value), count
        return None

    def take_all(self, words: Sequence[str], leave: Collection[str] = ()) -> tuple[Options, list[str]]:
        """The options with those at the front of the words, up to one to `leave`, and the words after them."""
        options, rest = self, list(words)
        while rest and rest[0] not in leave and (taken := options.take(rest)) is not None:
            options, count = taken
            del rest[:count]
        return options, rest

    def take_selection(
        self, words: Sequence[str], switches: Mapping[str, str], command: str
    ) -> tuple[Options, tuple[str, ...], set[str]]:
        """The options with those anywhere among a command's words, its patterns, and which of its switches are on."""
        options, rest = self, list(words)
        patterns: list[str] = []
        on: set[str] = set()
        while rest:
            options, rest = options.take_all(rest)
            if not rest:
                break
            word = rest.pop(0)
            if word in switches:
                on.add(switches[word])
            elif word.startswith("-"):
                raise UsageError(f"unknown option {word} for {command}{suggestion(word, switches)}")
            else:
                patterns.append(word)
        return options, tuple(patterns), on

    def _with(self, field: str, name: str, value: str) -> Options:
        if field == "progress":
            value = _OTHER_PROGRESS.get(value, value)
        for choices, chosen in ((ENGINES, "engine"), (PROGRESS, "progress")):
            if field == chosen and value not in choices:
                raise UsageError(f"option {name} takes one of {', '.join(choices)}, not {value!r}")
        changed: dict[str, Any] = {field: Path(value).expanduser() if field == "module" else value}
        return replace(self, **changed)
