"""Defaults of arguments that are the caller's own: variables of a `.env` file beside the module, or above the caller.

In the module's own directory `NAME=value` is for the constructor's argument `name`, `PUSH_TAG=value` for the argument
`tag` of the function `push`; in one above, the module's name precedes them. Names match in any case.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from embedded_engine.api.definitions import Function, FunctionArg, Module, ObjectTypeDef, TypeDef
from embedded_engine.cli.configuration import Customization
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.module import ModuleSource
from embedded_engine.dotenv import Evaluator, names_of, without_prefix

ENV_FILE = ".env"


def with_defaults(module: Module, source: ModuleSource, workdir: Path) -> Module:
    """What a module defines, with the defaults that its user has for its arguments: the configuration's, then these."""
    for customization in source.customizations:
        module = _customized(module, source.main_object, customization)
    defaults = LocalDefaults.find(source, workdir)
    if not defaults.variables:
        return module
    objects = tuple(_with(each, defaults, source.main_object) for each in module.objects)
    return replace(module, objects=objects)


@dataclass(frozen=True)
class LocalDefaults:
    """Variables as they are written: those for this module, without its name, and all that they may refer to."""

    variables: dict[str, str]
    everything: dict[str, str]

    @classmethod
    def find(cls, source: ModuleSource, workdir: Path) -> LocalDefaults:
        """The variables in the module's directory, and those for it in the nearest file above the caller."""
        inner = _read((source.home or source.root) / ENV_FILE)
        places = (workdir, *workdir.parents)
        # What cannot be looked at is not there: a directory above may be somebody else's.
        above = (each / ENV_FILE for each in places if os.path.exists(each / ENV_FILE))  # noqa: PTH110
        outer = _read(next(above, Path(os.devnull)))
        variables = dict(inner)
        for name, value in outer.items():
            for prefix in (source.name, source.original_name):
                if prefix and (bare := without_prefix(name, prefix)) is not None:
                    variables[bare] = value
        return cls(variables, {**inner, **outer, **variables})

    def value(self, arg: FunctionArg, *prefixes: str) -> str | None:
        """The value for an argument; the prefixes are its object's name, if that is not the main one, and its function's."""
        for name in self.variables:
            bare: str | None = name
            for prefix in prefixes:
                bare = without_prefix(bare, prefix) if bare is not None else None
            if bare is not None and bare.casefold() == arg.name.replace("_", "").casefold():
                return self._evaluator.value(name)
        return None

    @cached_property
    def _evaluator(self) -> Evaluator:
        return Evaluator(self.everything, os.environ.get)


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return names_of(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None


def _with(type_def: TypeDef, defaults: LocalDefaults, main_object: str) -> TypeDef:
    definition = type_def.definition
    if not isinstance(definition, ObjectTypeDef):
        return type_def
    prefixes = () if definition.name == main_object else (definition.name,)
    constructor = definition.constructor
    if constructor is not None:
        constructor = _filled(constructor, defaults, prefixes)
    functions = tuple(_filled(each, defaults, (*prefixes, each.name)) for each in definition.functions)
    return replace(type_def, definition=replace(definition, constructor=constructor, functions=functions))


def _filled(function: Function, defaults: LocalDefaults, prefixes: tuple[str, ...]) -> Function:
    args = []
    for arg in function.args:
        value = defaults.value(arg, *prefixes)
        args.append(arg if value is None else replace(arg, user_default=value, default_value=None))
    return replace(function, args=tuple(args))


def _customized(module: Module, main_object: str, customization: Customization) -> Module:
    """The module with another default in one place; nothing happens if it has no such place, as on Dagger."""
    owner = module.object(main_object)
    *path, last = customization.function or ("",)
    for name in path:
        function = _named(owner, name)
        owner = module.object(function.return_type.object_name) if function is not None else None
    wanted = owner.constructor if owner is not None and not last else _named(owner, last)
    if owner is None or wanted is None:
        return module
    args = tuple(
        _changed(arg, customization) if _same(arg.name, customization.argument) else arg for arg in wanted.args
    )
    changed = replace(wanted, args=args)
    if last:
        definition = replace(owner, functions=tuple(changed if each is wanted else each for each in owner.functions))
    else:
        definition = replace(owner, constructor=changed)
    objects = tuple(
        replace(each, definition=definition) if each.definition is owner else each for each in module.objects
    )
    return replace(module, objects=objects)


def _changed(arg: FunctionArg, customization: Customization) -> FunctionArg:
    if customization.default:
        arg = replace(arg, user_default=customization.default, default_value=None)
    if customization.default_path:
        arg = replace(arg, default_path=customization.default_path, default_address="")
    if customization.default_address:
        arg = replace(arg, default_address=customization.default_address, default_path="")
    if customization.ignore:
        arg = replace(arg, ignore=customization.ignore)
    return arg


def _named(owner: ObjectTypeDef | None, name: str) -> Function | None:
    return next((each for each in owner.functions if _same(each.name, name)), None) if owner is not None else None


def _same(one: str, other: str) -> bool:
    """Names are compared whatever case each is written in: `build_args`, `buildArgs`, `build-args`."""
    plain = [each.replace("_", "").replace("-", "").casefold() for each in (one, other)]
    return plain[0] == plain[1]
