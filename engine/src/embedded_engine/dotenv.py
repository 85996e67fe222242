"""Variables as `.env` files write them: quotes, escapes and references to one another, read as a shell reads a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from embedded_engine.errors import EngineError

Lookup = Callable[[str], str | None]
_EXPORT = re.compile(r"^export\s+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([^}]*))?\})")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ESCAPED_IN_QUOTES = frozenset('"\\$`\n')


class DotenvError(EngineError):
    """A line that is no assignment, a variable that is not set, or variables that refer to each other in a circle."""


def names_of(lines: Sequence[str]) -> dict[str, str]:
    """Variables with their values as they are written; the last one of a name counts."""
    found: dict[str, str] = {}
    for line in lines:
        text = _EXPORT.sub("", line.strip())
        if text and not text.startswith("#"):
            name, _, value = text.partition("=")
            found[name] = value
    return found


def without_prefix(name: str, prefix: str) -> str | None:
    """A variable's name without a prefix in camel case or in snake case, then `_`; None if it has neither.

    >>> without_prefix("MY_APP_TOKEN", "my-app"), without_prefix("myapp_token", "myApp"), without_prefix("TOKEN", "my")
    ('TOKEN', 'token', None)
    """
    words = [word.lower() for word in _WORD.findall(prefix)]
    camel = "".join(words[:1] + [word.capitalize() for word in words[1:]])
    for spelling in (f"{camel}_", f"{'_'.join(words)}_"):
        if name.lower().startswith(spelling.lower()):
            return name[len(spelling) :]
    return None


@dataclass
class Evaluator:
    """Expands variables, each once. `outside` knows what the lines do not define."""

    raw: dict[str, str]
    outside: Lookup
    _known: dict[str, str] = field(default_factory=dict)
    _expanding: list[str] = field(default_factory=list)

    def value(self, name: str) -> str:
        """A variable's value with what it refers to."""
        if name in self._known:
            return self._known[name]
        if name in self._expanding:
            raise DotenvError(f"circular dependency detected: {' -> '.join((*self._expanding, name))}")
        if not _NAME.fullmatch(name):
            raise DotenvError(f"parse error: {name!r}: not a bare assignment")
        self._expanding.append(name)
        try:
            self._known[name] = self._expand(name, self.raw[name])
        finally:
            self._expanding.pop()
        return self._known[name]

    def _expand(self, name: str, text: str) -> str:
        out: list[str] = []
        position = 0
        quote = ""
        while position < len(text):
            character = text[position]
            if quote == "'":
                if character == "'":
                    quote = ""
                else:
                    out.append(character)
                position += 1
            elif character in "\"'" and (not quote or character == quote):
                quote = "" if quote else character
                position += 1
            elif character == "\\" and position + 1 < len(text):
                following = text[position + 1]
                keep = quote and following not in _ESCAPED_IN_QUOTES
                out.append(f"\\{following}" if keep else following)
                position += 2
            elif character == "`" or text.startswith("$(", position):
                raise DotenvError(f"{name}: commands are not run in env files")
            elif character == "$" and (match := _REFERENCE.match(text, position)):
                out.append(self._reference(name, match))
                position = match.end()
            else:
                out.append(character)
                position += 1
        if quote:
            raise DotenvError(f"parse error: {name}={text!r}: reached the end without closing quote {quote}")
        return "".join(out)

    def _reference(self, name: str, match: re.Match[str]) -> str:
        wanted, operator, word = match[1] or match[2], match[3] or "", match[4] or ""
        value = self.value(wanted) if wanted in self.raw else self.outside(wanted)
        missing = value is None or (operator.startswith(":") and not value)
        if operator.endswith("-"):
            return self._expand(name, word) if missing else value or ""
        if operator.endswith("+"):
            return "" if missing else self._expand(name, word)
        if value is None:
            raise DotenvError(f"{name}: {wanted}: unbound variable")
        return value
