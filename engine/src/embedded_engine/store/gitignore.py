"""What `.gitignore` files leave out of a tree: nested files, exceptions, patterns for directories only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

IGNORE_FILE = ".gitignore"
_NO_RULE = -1
_SPECIAL = re.compile(r"([\\*?\[])")
_TRAILING_SPACES = re.compile(r"(?<!\\)((?:\\\\)*)\s+$")

List = Callable[[str], Sequence[tuple[str, bool]]]
"""Lists a directory by its relative path: (name, whether it is a directory)."""
Read = Callable[[str], str]
"""Reads a file by its relative path."""


@dataclass(frozen=True)
class IgnoreRule:
    """One line of a `.gitignore`: what it matches below the directory that holds the file."""

    base: str
    expression: re.Pattern[str]
    negated: bool
    directories_only: bool

    def matches(self, path: str, is_directory: bool) -> bool:
        """Whether the rule speaks of a path, which is relative to the top."""
        if self.directories_only and not is_directory:
            return False
        prefix = f"{self.base}/" if self.base else ""
        return path.startswith(prefix) and self.expression.fullmatch(path, len(prefix)) is not None


def parse(text: str, base: str = "") -> tuple[IgnoreRule, ...]:
    """The rules of a `.gitignore` that lies in the directory `base`."""
    found = []
    for line in text.removeprefix("\ufeff").splitlines():
        pattern = _TRAILING_SPACES.sub(r"\1", line)
        if not pattern or pattern.startswith("#"):
            continue
        negated = pattern.startswith("!")
        pattern = pattern[1:] if negated else pattern
        directories_only = pattern.endswith("/")
        pattern = pattern.rstrip("/") if directories_only else pattern
        if not pattern:
            continue
        anchored = "/" in pattern
        expression = expression_of(pattern.removeprefix("/"))
        whole = expression if anchored else f"(?:.*/)?{expression}"
        found.append(IgnoreRule(base, re.compile(whole, re.DOTALL), negated, directories_only))
    return tuple(found)


def ignored(rules: Iterable[IgnoreRule], path: str, is_directory: bool) -> bool:
    """Whether the last rule that speaks of a path leaves it out. What is above the path is not looked at."""
    answer = False
    for rule in rules:
        if answer is rule.negated and rule.matches(path, is_directory):
            answer = not rule.negated
    return answer


def ignored_paths(list_directory: List, read: Read, *, above: Sequence[str] = ()) -> list[str]:
    """The topmost paths of a tree that are left out.

    `above` are the texts of the `.gitignore` files of the directories that lead to the tree, outermost first, each
    with its patterns already relative to the tree.
    """
    outer = tuple(rule for text in above for rule in parse(text))
    return _Walk(list_directory, read).run("", outer, _NO_RULE)[0]


class _Walk:
    """Goes through a tree. The last rule that speaks of a path, or of a directory above it, decides.

    So an exception brings back what lies in a directory that is left out: git would not, the real engine does.
    """

    def __init__(self, list_directory: List, read: Read) -> None:
        self._list = list_directory
        self._read = read

    def run(self, directory: str, rules: tuple[IgnoreRule, ...], decided: int) -> tuple[list[str], bool]:
        """The topmost paths that are left out, and whether anything is not. `decided` is the rule from above."""
        entries = self._list(directory)
        if any(name == IGNORE_FILE and not is_directory for name, is_directory in entries):
            rules += parse(self._read(_join(directory, IGNORE_FILE)), directory)
        exceptions = any(rule.negated for rule in rules)
        found: list[str] = []
        anything = False
        for name, is_directory in entries:
            path = _join(directory, name)
            rule = _last_rule(rules, path, is_directory, decided)
            left_out = rule != _NO_RULE and not rules[rule].negated
            if left_out and not (is_directory and exceptions):
                found.append(path)
                continue
            inner, kept = self.run(path, rules, rule) if is_directory else ([], False)
            if left_out and not kept:
                found.append(path)
                continue
            found += inner
            anything = True
        return found, anything


def _last_rule(rules: tuple[IgnoreRule, ...], path: str, is_directory: bool, decided: int) -> int:
    """The place of the last rule that speaks of a path; the one from above unless a later one does."""
    for place in range(len(rules) - 1, decided, -1):
        if rules[place].matches(path, is_directory):
            return place
    return decided


def as_patterns(paths: Iterable[str]) -> tuple[str, ...]:
    """Patterns that match these very paths."""
    return tuple(_literal(path) for path in paths)


def expression_of(pattern: str) -> str:
    """A glob of git as a regular expression for a whole path: `*` and `?` stay within a name, `**` does not."""
    out: list[str] = []
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/") and (position == 0 or pattern[position - 1] == "/"):
            out.append("(?:.*/)?")
            position += 3
        elif rest == "**" and position and pattern[position - 1] == "/":
            out.append(".+")
            position += 2
        elif rest[0] == "*":
            out.append("[^/]*")
            position += len(rest) - len(rest.lstrip("*"))
        elif rest[0] == "?":
            out.append("[^/]")
            position += 1
        elif rest[0] == "[" and (end := _class_end(rest)):
            inner = rest[1:end]
            negated = inner[0] in "!^"
            inner = inner[1:] if negated else inner
            inner = re.sub(r"\[:(\w+):\]", lambda match: _CLASSES.get(match[1], ""), inner)
            out.append(f"(?!/)[{'^' if negated else ''}{inner.replace('[', chr(92) + '[')}]")
            position += end + 1
        elif rest[0] == "\\" and len(rest) > 1:
            out.append(re.escape(rest[1]))
            position += 2
        else:
            out.append(re.escape(rest[0]))
            position += 1
    return "".join(out)


_CLASSES = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "xdigit": "0-9A-Fa-f",
}


def _class_end(text: str) -> int:
    """Where the bracket that opens a text is closed; 0 if nowhere, and then it is a plain character."""
    begin = 2 if text[1:2] in ("!", "^") else 1
    return max(text.find("]", begin + 1), 0)


def _literal(path: str) -> str:
    text = _SPECIAL.sub(r"\\\1", path)
    if text.startswith("!"):
        text = f"\\{text}"
    # Patterns lose spaces at their ends, names keep them.
    if text != text.strip():
        text = re.sub(r"^ | $", "[ ]", text)
    return text


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
