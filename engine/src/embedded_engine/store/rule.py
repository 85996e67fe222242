"""One pattern: read as moby's matcher reads it, whose shortcuts are part of the meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator

from embedded_engine.store.errors import StoreError

_ESCAPED = frozenset(".+()|{}$")
_EXPRESSIONS = frozenset("*?[\\")
_SPECIAL = frozenset("*[]?^\\")


class PatternError(StoreError):
    """A pattern that cannot be understood."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"syntax error in pattern {pattern!r}")


class Rule:
    """One pattern."""

    __slots__ = ("_expression", "_prefix", "_suffix", "exclusion", "text")

    def __init__(self, pattern: str) -> None:
        self.exclusion = pattern.startswith("!")
        self.text = pattern[1:] if self.exclusion else pattern
        if not self.text:
            raise PatternError(pattern)
        self._prefix: str | None = None
        self._suffix: str | None = None
        self._expression: re.Pattern[str] | None = None
        self._compile()

    def matches(self, path: str) -> bool:
        """Whether the pattern matches this very path."""
        if self._expression is not None:
            return self._expression.match(path) is not None
        if self._prefix is not None:
            return path.startswith(self._prefix)
        if self._suffix is not None:
            return path.endswith(self._suffix) or (self._suffix[:1] == "/" and path == self._suffix[1:])
        return path == self.text

    @property
    def expression(self) -> str:
        """A regular expression for the whole path."""
        if self._expression is not None:
            return self._expression.pattern
        if self._prefix is not None:
            return f"{re.escape(self._prefix)}(?s:.*)"
        if self._suffix is not None:
            tail = re.escape(self._suffix)
            return f"(?s:.*){tail}|{re.escape(self._suffix[1:])}" if self._suffix[:1] == "/" else f"(?s:.*){tail}"
        return re.escape(self.text)

    @property
    def plain_prefix(self) -> str | None:
        """The directory that holds all it can match, when the pattern is one path, perhaps with `/*` or `/**`."""
        plain = self.text.removesuffix("/**").removesuffix("/*")
        return None if _SPECIAL.intersection(plain) else plain

    def _compile(self) -> None:
        """Read the pattern as moby's matcher does, whose shortcuts are part of the meaning."""
        text = self.text
        kind = "exact"
        parts: list[str] = []
        tokens = list(_tokens(text))
        for place, token in enumerate(tokens):
            if token.startswith("**"):
                last = place + 1 == len(tokens)
                if last and kind == "exact":
                    kind = "prefix"
                else:
                    parts.append(".*" if last else "(?:.*/)?")
                    kind = "expression"
                if place == 0:
                    kind = "suffix"
            elif token[0] in _EXPRESSIONS:
                parts.append(_expression(token, text))
                kind = "expression"
            else:
                parts.append(f"\\{token}" if token in _ESCAPED else token)
        if kind == "prefix":
            self._prefix = text[:-2]
        elif kind == "suffix":
            self._suffix = text[2:]
        elif kind == "expression":
            try:
                self._expression = re.compile("".join(parts) + r"\Z", re.ASCII)
            except re.error:
                raise PatternError(text) from None


def _tokens(text: str) -> Iterator[str]:
    """A pattern in parts: `**` with the slash after it, `*`, `?`, an escaped character, a class, or a plain character."""
    index = 0
    while index < len(text):
        end = index + 1
        if text.startswith("**", index):
            end = index + (3 if text.startswith("**/", index) else 2)
        elif text[index] == "\\":
            end = index + 2
            if end > len(text):
                raise PatternError(text)
        elif text[index] == "[":
            end = _class_end(text, index + 1) + 1
        yield text[index:end]
        index = end


def _expression(token: str, text: str) -> str:
    """A part of a pattern that stands for several characters, or is escaped, as a regular expression."""
    match token[0]:
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case "[":
            return _class(token[1:-1], text)
        case _:
            return token


def clean_pattern(pattern: str) -> str:
    """The shortest spelling of a path, as words only: no link is looked at.

    >>> clean_pattern("./a//b/../c/"), clean_pattern("/.."), clean_pattern("../a"), clean_pattern("a/..")
    ('a/c', '/', '../a', '.')
    """
    rooted = pattern.startswith("/")
    words: list[str] = []
    for word in pattern.split("/"):
        if word == "..":
            if words and words[-1] != "..":
                words.pop()
            elif not rooted:
                words.append(word)
        elif word and word != ".":
            words.append(word)
    joined = "/".join(words)
    return f"/{joined}" if rooted else joined or "."


def _class_end(text: str, start: int) -> int:
    """Where a bracket expression that begins before `start` closes."""
    index = start
    if text[index : index + 1] == "^":
        index += 1
    if text[index : index + 1] == "]":
        raise PatternError(text)
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == "]":
            return index
        index += 1
    raise PatternError(text)


def _class(inner: str, text: str) -> str:
    """A bracket expression of a pattern as one of a regular expression."""
    if not inner or inner == "^":
        raise PatternError(text)
    negated = inner.startswith("^")
    body = inner[1:] if negated else inner
    safe = re.sub(r"\\(.)|([\[&|~])|(--)", _class_part, body)
    return f"[{'^' if negated else ''}{safe}]"


def _class_part(found: re.Match[str]) -> str:
    if found[1] is not None:
        return re.escape(found[1]) if not found[1].isalnum() else f"\\{found[1]}"
    return f"\\{found[2]}" if found[2] is not None else r"\--"
