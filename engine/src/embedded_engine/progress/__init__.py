"""What a person sees while a command runs: lines for a log, a live region for a terminal, a summary at the end."""

from __future__ import annotations

import os
from typing import Protocol, TextIO

from embedded_engine.events import Event, Note
from embedded_engine.progress.hub import Hub
from embedded_engine.progress.plain import PlainProgress

__all__ = ["Hub", "Progress", "open_progress"]


class Progress(Protocol):
    """Shows events."""

    def show(self, event: Event) -> None:
        """Show an event, if it is worth it."""

    def result(self, text: str) -> None:
        """Write a result to standard output while the display lasts."""

    @property
    def prints(self) -> TextIO:
        """Where a module's own output goes: never to standard output, which is for results."""

    def close(self) -> None:
        """End the display; later events have none."""


class NotesOnly(PlainProgress):
    """Shows notes and nothing else, for who asked for silence."""

    def show(self, event: Event) -> None:
        """Show a note."""
        if isinstance(event, Note):
            super().show(event)


def open_progress(stream: TextIO, kind: str = "auto", *, verbose: bool = False) -> Progress:
    """A display on a stream: `plain`, `tty`, `none`, or by what the stream is (`auto`)."""
    if kind == "none":
        return NotesOnly(stream)
    is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
    if kind == "tty" or (kind == "auto" and is_terminal):
        from embedded_engine.progress.live import LiveProgress

        return LiveProgress(stream, verbose=verbose)
    return PlainProgress(stream, verbose=verbose)
