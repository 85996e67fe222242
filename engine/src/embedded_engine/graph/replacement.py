"""The change that replaces a text in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.store import LayerWriter

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph


class ReplaceError(EngineError):
    """A text that is not there, or is there more than once without a choice."""


@dataclass(frozen=True)
class Replace(Change):
    """`search` replaced in the file at `path`: the only one, each one, or the first one from a line on."""

    path: str
    search: str
    replacement: str
    everywhere: bool = False
    first_from: int | None = None

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("replace", self.path, self.search, self.replacement, self.everywhere, self.first_from)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        def write(writer: LayerWriter) -> None:
            changed = self.apply(writer.view.read(self.path))
            if changed is not None:
                writer.write(self.path, changed, truncate=True)

        return write

    def apply(self, data: bytes) -> bytes | None:
        """The new contents; None where nothing is to be done."""
        begin = _start_of_line(data, self.first_from) if self.first_from is not None else 0
        before, rest, search = data[:begin], data[begin:], self.search.encode()
        count = rest.count(search) if search else 0
        if not count:
            if self.everywhere:
                return None
            raise ReplaceError("search string not found")
        if self.everywhere:
            return before + rest.replace(search, self.replacement.encode())
        if count > 1 and self.first_from is None:
            raise ReplaceError(f"search string found multiple times: {', '.join(_places(rest, search))}")
        return before + rest.replace(search, self.replacement.encode(), 1)


def _start_of_line(data: bytes, line: int) -> int:
    """Where a line, counted from 1, begins; the end where there are fewer."""
    position = 0
    for _ in range(line - 1):
        position = data.find(b"\n", position) + 1
        if not position:
            return len(data)
    return position


def _places(data: bytes, search: bytes) -> list[str]:
    """Where a text is, by lines and the bytes in them."""
    found, position = [], data.find(search)
    while position >= 0:
        begin = data.rfind(b"\n", 0, position) + 1
        found.append(_place(data, position, position - begin, len(search)))
        position = data.find(search, position + len(search))
    return found


def _place(data: bytes, position: int, column: int, length: int) -> str:
    line = data.count(b"\n", 0, position) + 1
    return f"line {line} ({column}-{column + length})"
