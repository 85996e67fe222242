"""The file of exceptions: what is read from it, and what is refused."""

from datetime import date
from pathlib import Path

import pytest

from ci import sources
from ci.policy.errors import PolicyError
from ci.policy.exemptions import Exemption, parse_exemptions

FIELDS = {
    "id": '"CVE-2026-1"',
    "package": '"starlette"',
    "checks": '["audit", "scan"]',
    "reason": '"No form is parsed."',
    "until": "2027-03-31",
}


def entry(**changes: str) -> str:
    """An exception as the file has it; an empty value leaves the field out."""
    fields = {name: value for name, value in (FIELDS | changes).items() if value}
    return "\n".join(["[[exception]]", *(f"{name} = {value}" for name, value in fields.items())]) + "\n"


def test_an_exception_has_all_five_fields() -> None:
    """They are read as they are written."""
    assert parse_exemptions(entry()) == (
        Exemption("CVE-2026-1", "starlette", ("audit", "scan"), "No form is parsed.", date(2027, 3, 31)),
    )


def test_exceptions_for_one_vulnerability_in_two_packages_are_two() -> None:
    """The same code may be shipped under two names."""
    assert len(parse_exemptions(entry() + entry(package='"fastapi"'))) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[[exception]", "file of exceptions", id="no TOML"),
        pytest.param('[exception]\nid = "CVE-1"\n', "file of exceptions", id="one table in place of a list"),
        pytest.param("[[exceptions]]\n", "file of exceptions 'exceptions' is refused", id="another name"),
        pytest.param("exception = [1]\n", "exception '1' is refused", id="no table"),
        pytest.param(entry(reason=""), "expected .*reason", id="without a reason"),
        pytest.param(entry(until=""), "expected .*until", id="without an end"),
        pytest.param(entry(severity='"low"'), "and nothing else", id="with a field that nobody knows"),
        pytest.param(
            entry(reason='" "'), "reason of an exception ' ' is refused: expected words", id="an empty reason"
        ),
        pytest.param(entry(id="7"), "id of an exception '7'", id="a name that is no text"),
        pytest.param(entry(until='"2027-03-31"'), "end of an exception '2027-03-31'", id="an end that is a text"),
        pytest.param(entry(until="2027-03-31T00:00:00"), "end of an exception", id="an end that has an hour"),
        pytest.param(entry(checks='["lint"]'), "a list of audit or scan", id="a check that finds no vulnerabilities"),
        pytest.param(entry(checks="[]"), "a list of audit or scan", id="for no check"),
        pytest.param(entry(checks='"audit"'), "a list of audit or scan", id="checks that are no list"),
        pytest.param(entry() + entry(), "one exception for each vulnerability", id="the same one twice"),
    ],
)
def test_what_is_malformed_is_refused_in_one_line(text: str, said: str) -> None:
    """An exception that is not understood must not let anything pass."""
    with pytest.raises(PolicyError, match=said) as refused:
        parse_exemptions(text)
    assert "\n" not in str(refused.value)


def test_the_file_of_this_repository_is_well_formed() -> None:
    """It is read by every audit."""
    parse_exemptions((Path(__file__).parents[3] / sources.EXCEPTIONS).read_text())
