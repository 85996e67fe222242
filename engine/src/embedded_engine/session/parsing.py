"""Requests parsed: graphql-core's parser, with texts and blanks read in one go, a hundred times as fast.

An SDK writes a file's content into its query, and indents each call of a chain more than the one before; graphql-core
looks at every letter, in Python.
"""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined] # public in its documentation only

from graphql import DocumentNode, Lexer, Source, Token, TokenKind
from graphql.language.parser import Parser

# What JSON reads and GraphQL does not: line ends as they are, and halves of surrogate pairs.
_SUSPICIOUS = re.compile("[\r\n\ud800-\udfff]")
_BLANKS = re.compile("[ \t,\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _FastLexer(Lexer):
    """A lexer that takes a string in one go where JSON and GraphQL read it alike, which is nearly always."""

    def read_next_token(self, start: int) -> Token:
        """The token after the blanks that begin at `start`."""
        body = self.source.body
        found = _BLANKS.match(body, start)
        end = found.end() if found else start
        if lines := body.count("\n", start, end):
            self.line += lines
            self.line_start = body.rindex("\n", start, end) + 1
        return super().read_next_token(end)

    def read_string(self, start: int) -> Token:
        """The token of the string that begins at `start`."""
        body = self.source.body
        try:
            value, end = scanstring(body, start + 1, False)
        except ValueError:
            # `\u{1F600}`, which JSON does not have, or a mistake, of which graphql-core says what it is.
            return super().read_string(start)
        if _SUSPICIOUS.search(body, start, end) or _SURROGATE.search(value):
            return super().read_string(start)
        return self.create_token(TokenKind.STRING, start, end, value)


def parse(query: str) -> DocumentNode:
    """The document of a request. Raises GraphQLSyntaxError, and RecursionError for one that is nested too deep."""
    source = Source(query)
    return Parser(source, no_location=True, lexer=_FastLexer(source)).parse_document()
