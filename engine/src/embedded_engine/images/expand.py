r"""Variables in a Dockerfile: `$NAME`, `${NAME:-default}` and their kin, quotes and escapes, as BuildKit reads them.

>>> Expander({"NAME": "app", "EMPTY": ""}).word("/srv/${NAME}/${EMPTY:-x}/$NONE'$NAME'")
'/srv/app/x/$NAME'
>>> Expander({"PORTS": "80 443"}).words("$PORTS '8 0'")
['80', '443', '8 0']
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SPECIAL_PARAMETERS = "@*#?-$!"
_LONGEST = 128 * 1024  # bytes: the longest argument or variable that Linux gives to a program


class ExpansionError(ValueError):
    """A word that cannot be expanded: an open quote or brace, a variable that must be set, a value beyond all bounds."""


@dataclass(frozen=True)
class Expander:
    """Expands words by an environment. `escape` is the Dockerfile's escape character.

    With `keep_quotes` quotes mean nothing, as inside a here-document.
    """

    environment: Mapping[str, str]
    escape: str = "\\"
    keep_quotes: bool = False

    def word(self, text: str) -> str:
        """Expand to one word: quotes go away, spaces stay."""
        return _Reader(self, text).read_all().text

    def words(self, text: str) -> list[str]:
        """Expand to words: split at spaces, those of values included, unless quoted."""
        return _Reader(self, text).read_all().split()


class _Result:
    """Expanded text, and for each character whether a word may end there."""

    def __init__(self) -> None:
        self.text = ""
        self._may_split: list[bool] = []

    def add(self, text: str, *, may_split: bool) -> None:
        if len(self.text) + len(text) > _LONGEST:
            raise ExpansionError(f"a value is longer than {_LONGEST} bytes, and no program could be given it")
        self.text += text
        self._may_split += [may_split] * len(text)

    def split(self) -> list[str]:
        found = [""]
        for character, may_split in zip(self.text, self._may_split, strict=True):
            if may_split and character.isspace():
                found.append("")
            else:
                found[-1] += character
        return [word for word in found if word]


class _Reader:
    """Reads one word from left to right."""

    def __init__(self, expander: Expander, text: str) -> None:
        self._expander = expander
        self._text = text
        self._position = 0

    def read_all(self) -> _Result:
        return self._until("", keep_escapes=False)

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._peek()
        self._position += 1
        return character

    def _until(self, stop: str, *, keep_escapes: bool) -> _Result:
        """Expand until the `stop` character, which is consumed; without one until the end."""
        result = _Result()
        quotes = "" if self._expander.keep_quotes else "'\""
        while character := self._peek():
            if character == stop:
                self._next()
                return result
            if character == "$":
                result.add(self._dollar(), may_split=True)
            elif character in quotes:
                result.add(self._single_quoted() if character == "'" else self._double_quoted(), may_split=False)
            elif character == self._expander.escape:
                self._next()
                result.add((character if keep_escapes else "") + self._next(), may_split=False)
            else:
                result.add(self._next(), may_split=True)
        if stop:
            raise ExpansionError(f"missing {stop!r} in {self._text!r}")
        return result

    def _single_quoted(self) -> str:
        """Everything up to the next single quote, as it is."""
        self._next()
        end = self._text.find("'", self._position)
        if end < 0:
            raise ExpansionError(f"missing single quote in {self._text!r}")
        found = self._text[self._position : end]
        self._position = end + 1
        return found

    def _double_quoted(self) -> str:
        """Up to the next double quote; variables are expanded, escapes are few."""
        self._next()
        found = ""
        while character := self._peek():
            if character == '"':
                self._next()
                return found
            if character == "$":
                found += self._dollar()
                continue
            self._next()
            if character == self._expander.escape:
                following = self._peek()
                if not following:
                    break
                if following in ('"', "$", self._expander.escape):
                    character = self._next()
            found += character
        raise ExpansionError(f"missing double quote in {self._text!r}")

    def _dollar(self) -> str:
        """A variable, or a dollar sign that is none."""
        self._next()
        if self._peek() != "{":
            name = self._name()
            return self._expander.environment.get(name, "") if name else "$"
        self._next()
        if self._peek() in ("{", "}", ":"):
            raise ExpansionError(f"bad substitution in {self._text!r}")
        name = self._name()
        operator = self._next()
        value = self._expander.environment.get(name)
        if operator == "}":
            return value or ""
        if operator == "/":
            return self._replaced(value or "")
        if operator == ":":
            operator = self._next()
            if operator not in ("-", "+", "?"):
                raise ExpansionError(f"unsupported modifier ':{operator}' in {self._text!r}")
            return self._conditional(name, value or None, operator, "empty")
        if operator in ("-", "+", "?"):
            return self._conditional(name, value, operator, "unset")
        if operator in ("#", "%"):
            return self._trimmed(value or "", operator)
        raise ExpansionError(f"missing '}}' or unsupported modifier {operator!r} in {self._text!r}")

    def _name(self) -> str:
        """The name of a variable; digits or one special character name a parameter that is never set."""
        match = re.compile(r"[0-9]+|[^\W\d]\w*").match(self._text, self._position)
        if match is not None:
            self._position = match.end()
            return match[0]
        return self._next() if self._peek() and self._peek() in _SPECIAL_PARAMETERS else ""

    def _conditional(self, name: str, value: str | None, operator: str, state: str) -> str:
        """`-` a default, `+` an alternative, `?` a demand."""
        word = self._until("}", keep_escapes=False).text
        if operator == "+":
            return "" if value is None else word
        if value is not None:
            return value
        if operator == "?":
            raise ExpansionError(f"{name}: {word or f'is not allowed to be {state}'}")
        return word

    def _trimmed(self, value: str, side: str) -> str:
        """`#` without a prefix, `%` without a suffix; doubled, the longest that matches."""
        longest = self._peek() == side
        if longest:
            self._next()
        pattern = _pattern(self._until("}", keep_escapes=True).text)
        lengths = range(len(value) + 1)
        for length in reversed(lengths) if longest else lengths:
            part = value[:length] if side == "#" else value[len(value) - length :]
            if pattern.fullmatch(part):
                return value[length:] if side == "#" else value[: len(value) - length]
        return value

    def _replaced(self, value: str) -> str:
        """`/pattern/replacement`; with two slashes every match, else the first one."""
        every = self._peek() == "/"
        if every:
            self._next()
        pattern = _pattern(self._until("/", keep_escapes=True).text)
        replacement = self._until("}", keep_escapes=True).text
        return pattern.sub(lambda _: replacement, value, count=0 if every else 1)


def _pattern(text: str) -> re.Pattern[str]:
    """A shell pattern with `*` and `?`; a backslash makes them ordinary."""
    found, characters = "", iter(text)
    for character in characters:
        if character == "\\":
            found += re.escape(next(characters, ""))
        else:
            found += {"*": ".*", "?": "."}.get(character, re.escape(character))
    return re.compile(found, re.DOTALL)
