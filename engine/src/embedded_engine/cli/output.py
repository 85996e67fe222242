"""Results as `dagger call` prints them: values plain or as JSON, objects by type and digest, lists a line each."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from embedded_engine.api.definitions import VOID
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.options import Options
from embedded_engine.cli.outcome import Outcome
from embedded_engine.served.names import type_name


def printed(outcome: Outcome, catalog: Catalog, options: Options, workdir: Path) -> tuple[str, str]:
    """What goes to standard output, and what is said beside it. A value is also written to the output file, if any."""
    if outcome.exported is not None:
        return "", f'Saved to "{outcome.exported}".'
    if outcome.type_def.kind == VOID or (outcome.value is None and outcome.type_def.object_name):
        return "", ""
    name = outcome.type_def.object_name
    if name:
        return _objects(outcome.value, _shown_name(name, catalog), listed=False), ""
    text = _as_json(outcome.value) if options.json else _plain(outcome.value)
    if options.output is None:
        return text, ""
    path = Path(os.path.abspath(workdir / Path(options.output).expanduser()))  # noqa: PTH100 - a link is not followed
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the output to {path}: {error.strerror}") from None
    return text, f'Saved output to "{path}".'


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=4, ensure_ascii=False) + "\n"


def _plain(value: Any) -> str:
    match value:
        case None:
            return "<nil>"  # as the other command line has it, so that scripts see the same
        case list():
            return "".join(f"{_plain(each)}\n" for each in value)
        case dict():
            return "".join(_plain(each) for each in value.values())
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _objects(value: Any, name: str, *, listed: bool) -> str:
    if isinstance(value, list):
        return "".join(_objects(each, name, listed=True) for each in value)
    return f"{'- ' if listed else ''}{name}@{_digest(value)}\n"


def _digest(value: Any) -> str:
    """An object of the API has its digest in its id; one of the module is named by its state."""
    if isinstance(value, dict) and set(value) == {"id"}:
        value = value["id"]
    if isinstance(value, str):
        return f"sha256:{value.partition(':')[2]}"
    state = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return f"sha256:{hashlib.sha256(state).hexdigest()}"


def _shown_name(name: str, catalog: Catalog) -> str:
    """Objects of the module carry its name in front, as on Dagger."""
    if catalog.is_core(name):
        return name
    return type_name(catalog.prefix[0] if catalog.prefix else catalog.main_object, name, catalog.main_object)
