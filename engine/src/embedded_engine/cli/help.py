"""Help for a module, for an object and for a function, written from their definitions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from embedded_engine.api.definitions import BOOLEAN, ENUM, LIST, EnumTypeDef, Function, FunctionArg, TypeDef
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.flags import can_be_given
from embedded_engine.cli.naming import kebab_case
from embedded_engine.cli.words import type_name


def functions_table(functions: Mapping[str, Function], skipped: Sequence[str] = ()) -> str:
    """Names and descriptions, sorted."""
    if not functions:
        return "No functions found.\n"
    rows = [(name, _first_line(function.description)) for name, function in sorted(functions.items())]
    lines = _table([("Name", "Description"), *rows])
    if skipped:
        lines += ["", f"Skipped {len(skipped)} function(s) with unsupported types: {', '.join(sorted(skipped))}"]
    return "".join(f"{line}\n" for line in lines)


def tools_table(tools: Mapping[str, Function]) -> str:
    """The toolchains of a module, below what help says of itself."""
    rows = [(name, _first_line(function.description)) for name, function in sorted(tools.items())]
    return "".join(f"{line}\n" for line in ("", "Toolchains", *(f"  {line}" for line in _table(rows))))


def function_help(path: Sequence[Function], catalog: Catalog) -> str:
    """Help for the last function of a chain: what it does, its arguments, what can follow it."""
    function = path[-1]
    lines: list[str] = []
    description = function.description or (
        catalog.module.description or catalog.main.description if len(path) == 1 else ""
    )
    if description:
        lines += [description.strip(), ""]
    usage = ["ci call", *catalog.prefix, *(kebab_case(each.name) for each in path[1:])]
    following, _ = catalog.supported(function.return_type)
    arguments = [arg for arg in function.args if can_be_given(arg.type_def)]
    lines += ["Usage", f"  {' '.join(usage)}{' [arguments]' if arguments else ''}{' <function>' if following else ''}"]
    if function.deprecated:
        lines += ["", f"Deprecated: {function.deprecated}"]
    if arguments:
        lines += ["", "Arguments", *(f"  {line}" for line in _table([_argument(arg) for arg in arguments]))]
    if following:
        rows = [(name, _first_line(each.description)) for name, each in sorted(following.items())]
        lines += ["", "Functions", *(f"  {line}" for line in _table(rows))]
    elif function.name:
        lines += ["", f"Returns {type_name(function.return_type)}"]
    return "".join(f"{line}\n" for line in lines)


def _argument(arg: FunctionArg) -> tuple[str, str]:
    flag = f"--{kebab_case(arg.name)}"
    shown = flag if arg.type_def.kind == BOOLEAN else f"{flag} {type_name(arg.type_def)}"
    text = " ".join(arg.description.split())
    members = _members(arg.type_def)
    if members:
        text += f" ({', '.join(members)})"
    if arg.required:
        text += " [required]"
    elif (default := _default(arg)) is not None:
        text += f" (default {default})"
    return shown, text.strip()


def _members(type_def: TypeDef) -> list[str]:
    if type_def.kind == LIST and type_def.element is not None:
        return _members(type_def.element)
    if type_def.kind == ENUM and isinstance(type_def.definition, EnumTypeDef):
        return [member.name for member in type_def.definition.members]
    return []


def _default(arg: FunctionArg) -> str | None:
    if arg.user_default is not None:
        secret = arg.type_def.object_name == "Secret" and "://" not in arg.user_default
        return "*****" if secret else json.dumps(arg.user_default, ensure_ascii=False)
    if arg.default_path or arg.default_address:
        return arg.default_path or arg.default_address
    if arg.default_value in (None, "null", '""', "[]", "false"):
        return None
    try:
        value = json.loads(arg.default_value or "null")
    except ValueError:
        return arg.default_value
    return ",".join(str(each) for each in value) if isinstance(value, list) else json.dumps(value)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "-"


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}   {text}".rstrip() for name, text in rows]
