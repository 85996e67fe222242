"""The part of an output, or of an engine's message, that says why a stage failed."""

import re
from typing import Final

MAX_LINES: Final = 60
MAX_CHARACTERS: Final = 6_000

# pytest prints what passed first; these banners begin the parts that matter.
_FAILURES: Final = re.compile(r"^=+ (FAILURES|ERRORS) =+$", re.MULTILINE)
_COVERAGE: Final = re.compile(r"^=+ tests coverage =+$", re.MULTILINE)
# Between the failures and the list of them pytest tells of the files that it wrote, and of the coverage.
_BETWEEN: Final = re.compile(r"^-+ generated xml file.*?(?=^=+ short test summary info =+$)", re.MULTILINE | re.DOTALL)
_COMMAND: Final = re.compile(r"^\$ ", re.MULTILINE)
_TERMINAL_CODE: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

# What engines put into messages for their own display and lookup: a trace, the way through the graph, whole objects.
_FOR_ENGINES: Final = re.compile(r" ?\[traceparent:[0-9a-f-]+\]|\bload \S+: (inputs: )?|\S{200,}")


def excerpt(output: str, *, max_lines: int = MAX_LINES, max_characters: int = MAX_CHARACTERS) -> str:
    """Take what the last command printed, from its first failure on, bounded in length.

    The last command is the one that failed: a stage stops there. When the text is too long its middle is left out,
    because linters begin and test runners end with what matters most.
    """
    text = _TERMINAL_CODE.sub("", output).replace("\r\n", "\n")
    if commands := list(_COMMAND.finditer(text)):
        text = text[commands[-1].start() :]
    if section := _FAILURES.search(text):
        text = _BETWEEN.sub("", text[section.start() :])
    elif section := _COVERAGE.search(text):
        text = text[section.start() :]
    return _clip_characters(_clip_lines(text.strip("\n"), max_lines), max_characters)


def root_cause(message: str, *, max_characters: int = 2_000) -> str:
    """Take from an engine's message what a person can use; its end, where the cause is, when it is long."""
    text = _FOR_ENGINES.sub("", message).strip()
    return text if len(text) <= max_characters else f"... {text[-max_characters:]}"


def last_line(output: str) -> str:
    """Give the last line that says something, without what a terminal would make of it.

    >>> last_line("Traceback...\\nConnectionError: no way\\n\\n")
    'ConnectionError: no way'
    """
    lines = [line.strip() for line in _TERMINAL_CODE.sub("", output).splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _clip_lines(text: str, limit: int) -> str:
    lines = text.split("\n")
    if len(lines) <= limit:
        return text
    head = limit // 2
    tail = limit - head
    left_out = f"... {len(lines) - limit} lines left out ..."
    return "\n".join([*lines[:head], left_out, *lines[-tail:]])


def _clip_characters(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - limit} characters left out ...\n{text[-(limit - half) :]}"
