"""Variables in Dockerfiles."""

from __future__ import annotations

import pytest

from embedded_engine.images.expand import Expander, ExpansionError

ENVIRONMENT = {"A": "one", "EMPTY": "", "LIST": "80 443", "PATTERN": "foobarfoobaz", "DIR": "/usr/local/bin"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        pytest.param("$A", "one", id="a name"),
        pytest.param("x${A}y", "xoney", id="a name in braces"),
        pytest.param("$A/$A-$NONE.", "one/one-.", id="an unset name is empty"),
        pytest.param("$A_B", "", id="a name takes all that can belong to it"),
        pytest.param("${A:-d}${EMPTY:-d}${NONE:-d}", "onedd", id="a default for empty and unset"),
        pytest.param("${A-d}${EMPTY-d}${NONE-d}", "oned", id="a default for unset only"),
        pytest.param("${A:+d}${EMPTY:+d}${NONE:+d}", "d", id="an alternative for neither empty nor unset"),
        pytest.param("${A+d}${EMPTY+d}${NONE+d}", "dd", id="an alternative for not unset"),
        pytest.param("${NONE:-$A-${EMPTY:-x}}", "one-x", id="defaults nest"),
        pytest.param('${NONE:-"a }"}', "a }", id="a quoted brace ends nothing"),
        pytest.param("${A:?must be}", "one", id="a demand that is met"),
        pytest.param("${PATTERN#*o}", "obarfoobaz", id="shortest prefix"),
        pytest.param("${PATTERN##*o}", "baz", id="longest prefix"),
        pytest.param("${PATTERN%b*}", "foobarfoo", id="shortest suffix"),
        pytest.param("${PATTERN%%b*}", "foo", id="longest suffix"),
        pytest.param("${PATTERN/foo/x}", "xbarfoobaz", id="replace the first"),
        pytest.param("${PATTERN//foo/x}", "xbarxbaz", id="replace all"),
        pytest.param("${DIR//\\//:}", ":usr:local:bin", id="replace an escaped slash"),
        pytest.param("\\$A", "$A", id="an escaped dollar"),
        pytest.param("'$A'", "$A", id="single quotes keep everything"),
        pytest.param('"$A \'x\' \\"q\\" \\n"', "one 'x' \"q\" \\n", id="double quotes expand and keep other escapes"),
        pytest.param("a\\ b", "a b", id="an escaped space"),
        pytest.param("$ $/ 5$", "$ $/ 5$", id="a dollar without a name"),
        pytest.param("$1$@", "", id="parameters are never set"),
        pytest.param("Zoë-$A", "Zoë-one", id="letters beyond ASCII"),
    ],
)
def test_word(text: str, expanded: str) -> None:
    """A word expands as BuildKit expands it."""
    assert Expander(ENVIRONMENT).word(text) == expanded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("$LIST", ["80", "443"], id="values are split"),
        pytest.param('"$LIST" x', ["80 443", "x"], id="quoted values are not"),
        pytest.param("a\\ b  c", ["a b", "c"], id="escaped spaces split nothing"),
        pytest.param("  ", [], id="nothing"),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    """Splitting comes after expansion and respects quotes."""
    assert Expander(ENVIRONMENT).words(text) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("'open", "single quote", id="open single quote"),
        pytest.param('"open', "double quote", id="open double quote"),
        pytest.param("${A", "missing '}'", id="open brace"),
        pytest.param("${A:-x", "missing '}'", id="open brace after a default"),
        pytest.param("${}", "bad substitution", id="no name"),
        pytest.param("${A:x}", "unsupported modifier", id="substring"),
        pytest.param("${NONE:?say so}", "NONE: say so", id="an unmet demand with a text"),
        pytest.param("${EMPTY:?}", "not allowed to be empty", id="an empty value where one is demanded"),
        pytest.param("${NONE?}", "not allowed to be unset", id="an unset value where one is demanded"),
    ],
)
def test_refused(text: str, message: str) -> None:
    """What BuildKit cannot expand is refused."""
    with pytest.raises(ExpansionError, match=message):
        Expander(ENVIRONMENT).word(text)


def test_other_escape_character() -> None:
    """With another escape character the backslash is ordinary."""
    assert Expander(ENVIRONMENT, escape="`").word("C:\\dir`$A") == "C:\\dir$A"


def test_here_document() -> None:
    """In a here-document quotes are kept and variables expanded everywhere."""
    assert Expander(ENVIRONMENT, keep_quotes=True).word("'$A' \"$A\" \\$A it's") == "'one' \"one\" $A it's"
