"""Search of text in files, line by line, in the manner of ripgrep: what the `search` fields of the API answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from embedded_engine.errors import EngineError


class SearchError(EngineError):
    """A pattern that cannot be searched for."""


@dataclass(frozen=True)
class Found:
    """A line, or several that one match spans: its number from 1, its offset in bytes, and where in it the matches are."""

    line: int
    offset: int
    text: str
    matches: tuple[tuple[int, int, str], ...]


def compile_pattern(
    pattern: str, *, literal: bool, multiline: bool, dotall: bool, insensitive: bool
) -> re.Pattern[bytes]:
    """The expression to search with; `^` and `$` are at the ends of lines."""
    text = re.escape(pattern.encode()) if literal else pattern.encode()
    flags = re.MULTILINE | (re.IGNORECASE if insensitive else 0) | (re.DOTALL if multiline and dotall else 0)
    try:
        compiled = re.compile(text, flags)
    except re.error as error:
        raise SearchError(f"search: the pattern {pattern!r} is not a regular expression: {error}") from None
    if not multiline and "\n" in pattern:
        raise SearchError("search: the pattern has a line end: set multiline")
    return compiled


def search(data: bytes, expression: re.Pattern[bytes], *, multiline: bool) -> Iterator[Found]:
    """The lines that match. A file with a NUL byte is no text and has none."""
    if b"\0" in data:
        return
    blocks = _spans(data, expression) if multiline else _lines(data, expression)
    number, counted = 1, 0
    for start, end, matches in blocks:
        number += data.count(b"\n", counted, start)
        counted = start
        try:
            text = data[start:end].decode()
            found = tuple((begin - start, stop - start, data[begin:stop].decode()) for begin, stop in matches)
        except UnicodeDecodeError:
            continue
        yield Found(number, start, text, found)


Block = tuple[int, int, list[tuple[int, int]]]


def _lines(data: bytes, expression: re.Pattern[bytes]) -> Iterator[Block]:
    position = 0
    for line in data.splitlines(keepends=True) if b"\r" not in data else _split(data):
        bare = line.removesuffix(b"\n")
        matches = [(position + match.start(), position + match.end()) for match in expression.finditer(bare)]
        if matches:
            yield position, position + len(line), matches
        position += len(line)


def _split(data: bytes) -> list[bytes]:
    """Lines that end with a line feed only."""
    return [line for line in re.findall(rb"[^\n]*\n|[^\n]+", data) if line]


def _spans(data: bytes, expression: re.Pattern[bytes]) -> Iterator[Block]:
    """Matches that may go over lines, joined where they share a line."""
    block: Block | None = None
    for match in expression.finditer(data):
        start = data.rfind(b"\n", 0, match.start()) + 1
        last = max(match.end() - 1, match.start())
        end = data.find(b"\n", last)
        end = len(data) if end < 0 else end + 1
        if start >= len(data):
            break
        if block is not None and start < block[1]:
            block = (block[0], max(block[1], end), [*block[2], match.span()])
            continue
        if block is not None:
            yield block
        block = (start, end, [match.span()])
    if block is not None:
        yield block
