"""Names in the case that each place uses, and what somebody probably meant by an unknown one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])|(?<=[A-Z])(?=[0-9]|[A-Z][a-z])")


def kebab_case(name: str) -> str:
    """A name as the command line writes it.

    >>> kebab_case("with_report"), kebab_case("dockerConfig"), kebab_case("JSONValue"), kebab_case("python3")
    ('with-report', 'docker-config', 'json-value', 'python-3')
    """
    return re.sub(r"[ _.-]+", "-", _WORD.sub("-", name.strip())).lower()


def pascal_case(name: str) -> str:
    """The class that a module of this name has as its main object.

    >>> pascal_case("ci"), pascal_case("my-module"), pascal_case("friendly_bard2")
    ('Ci', 'MyModule', 'FriendlyBard2')
    """
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[ _.-]+", name.strip()))


def package_name(module_name: str) -> str:
    """The Python package in which a module of this name is looked for.

    >>> package_name("ci"), package_name("myModule"), package_name("my-module")
    ('ci', 'my_module', 'my_module')
    """
    return kebab_case(pascal_case(module_name)).replace("-", "_")


def suggestion(unknown: str, known: Iterable[str]) -> str:
    """How to end the line that says that a name is unknown."""
    names = sorted(known)
    close = difflib.get_close_matches(unknown, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    if 0 < len(names) <= 12:
        return f"; there are {', '.join(names)}"
    return ""
