"""Search: lines of text in the files of a directory, or of one file, and what replaces a text in it."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from embedded_engine.api.values import DirectoryValue, FileValue
from embedded_engine.binding import RequestContext, attributes, field
from embedded_engine.graph import Patch
from embedded_engine.graph.replacement import Replace
from embedded_engine.store import Kind, Node, PathNotFoundError, Union
from embedded_engine.store.gitignore import IGNORE_FILE, IgnoreRule, expression_of, ignored, parse
from embedded_engine.text_search import SearchError, compile_pattern, search

IGNORE_FILES = (IGNORE_FILE, ".ignore", ".rgignore")
MAX_FILE_BYTES = 1 << 30

attributes("SearchResult", "filePath", "lineNumber", "absoluteOffset", "matchedLines", "submatches")
attributes("SearchSubmatch", "text", "start", "end")


@dataclass(frozen=True)
class SubmatchValue:
    """One match in its line, by the line's bytes."""

    TYPE: ClassVar[str] = "SearchSubmatch"

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class ResultValue:
    """A line that matches. With `filesOnly` the line is 0 and has no text."""

    TYPE: ClassVar[str] = "SearchResult"

    file_path: str
    line_number: int = 0
    absolute_offset: int = 0
    matched_lines: str = ""
    submatches: tuple[SubmatchValue, ...] = ()


@field("Directory", "search")
async def search_directory(
    ctx: RequestContext,
    self: DirectoryValue,
    *,
    pattern: str,
    paths: tuple[str, ...] = (),
    globs: tuple[str, ...] = (),
    skip_ignored: bool = False,
    skip_hidden: bool = False,
    **options: Any,
) -> tuple[ResultValue, ...]:
    union = await ctx.engine.graph.union(self.fs)
    filters = _Filters(globs, _ignore_files(union, self.path, skip_ignored), skip_hidden=skip_hidden)
    starts = [_inside(path) for path in paths] or [""]

    def files() -> Iterator[tuple[str, Node]]:
        for start in starts:
            place = self.at(start)
            if not union.exists(place):
                raise PathNotFoundError(start, "search")
            node = union.stat(place)
            if node.is_dir:
                yield from filters.walk(union, union.resolve(place), start)
            else:
                yield start, node

    return await asyncio.to_thread(_search, files(), pattern, **options)


@field("File", "search")
async def search_file(
    ctx: RequestContext,
    self: FileValue,
    *,
    pattern: str,
    skip_ignored: bool = False,
    skip_hidden: bool = False,
    paths: tuple[str, ...] = (),
    globs: tuple[str, ...] = (),
    **options: Any,
) -> tuple[ResultValue, ...]:
    node = (await ctx.engine.graph.union(self.fs)).stat(self.path)
    return await asyncio.to_thread(_search, [(self.name, node)], pattern, **options)


@field("File", "withReplaced")
def with_replaced(
    ctx: RequestContext,
    self: FileValue,
    *,
    search: str,
    replacement: str,
    all: bool = False,
    first_from: int | None = None,
) -> FileValue:
    return FileValue(Patch(self.fs, Replace(self.path, search, replacement, all, first_from)), self.path)


def _search(
    files: Iterable[tuple[str, Node]],
    pattern: str,
    *,
    literal: bool = False,
    multiline: bool = False,
    dotall: bool = False,
    insensitive: bool = False,
    files_only: bool = False,
    limit: int | None = None,
) -> tuple[ResultValue, ...]:
    expression = compile_pattern(pattern, literal=literal, multiline=multiline, dotall=dotall, insensitive=insensitive)
    results: list[ResultValue] = []
    for path, node in files:
        if node.kind is not Kind.FILE or node.size > MAX_FILE_BYTES:
            continue
        for found in search(node.real.read_bytes(), expression, multiline=multiline):
            if limit is not None and len(results) >= limit:
                return tuple(results)
            if files_only:
                results.append(ResultValue(path))
                break
            matches = tuple(SubmatchValue(text, start, end) for start, end, text in found.matches)
            results.append(ResultValue(path, found.line, found.offset, found.text, matches))
    return tuple(results)


def _ignore_files(union: Union, path: str, skip_ignored: bool) -> tuple[str, ...]:
    """The files that say what to skip; those of git count in a git repository only, as in ripgrep."""
    if not skip_ignored:
        return ()
    parts = path.strip("/").split("/")
    above = ["/".join(parts[:count]) for count in range(len(parts) + 1)]
    in_repository = any(union.exists(f"/{place}/.git") for place in above)
    return IGNORE_FILES if in_repository else tuple(name for name in IGNORE_FILES if name != IGNORE_FILE)


class _Filters:
    """Which files of a directory are searched."""

    def __init__(self, globs: tuple[str, ...], ignore_files: tuple[str, ...], *, skip_hidden: bool) -> None:
        self._wanted = any(not glob.startswith("!") for glob in globs)
        self._globs = [(_glob(glob.removeprefix("!")), not glob.startswith("!")) for glob in globs]
        self._ignore_files = ignore_files
        self._skip_hidden = skip_hidden

    def walk(
        self, union: Union, top: str, start: str, rules: tuple[IgnoreRule, ...] = ()
    ) -> Iterator[tuple[str, Node]]:
        """Files below a directory by their paths from where the search began, links not followed."""
        entries = union.entries(top)
        for name in self._ignore_files:
            if name in entries and entries[name].kind is Kind.FILE:
                rules += parse(entries[name].real.read_text("utf-8", "replace"), start)
        for name, node in entries.items():
            path = posixpath.join(start, name)
            if self._skip_hidden and name.startswith("."):
                continue
            if ignored(rules, path, node.is_dir):
                continue
            chosen = next((want for glob, want in reversed(self._globs) if glob.fullmatch(path)), None)
            if node.is_dir:
                if chosen is not False:
                    yield from self.walk(union, f"{top.rstrip('/')}/{name}", path, rules)
            elif node.kind is Kind.FILE and (chosen or (chosen is None and not self._wanted)):
                yield path, node


def _glob(pattern: str) -> re.Pattern[str]:
    """A glob as ripgrep reads it: without a slash it matches at any depth. `{a,b}` is either."""
    bare = pattern.removeprefix("/")
    alternatives = _braces(bare)
    expression = "|".join(expression_of(each.rstrip("/")) for each in alternatives)
    return re.compile(f"(?:{expression})" if "/" in pattern.rstrip("/") else f"(?:.*/)?(?:{expression})", re.DOTALL)


def _braces(pattern: str) -> list[str]:
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [each for part in match[1].split(",") for each in _braces(f"{before}{part}{after}")]


def _inside(path: str) -> str:
    """A path relative to the directory; one that leads out of it is refused."""
    clean = posixpath.normpath(path.lstrip("/") or ".")
    if clean == ".." or clean.startswith("../"):
        raise SearchError(f"path cannot escape directory: {path}")
    return "" if clean == "." else clean
