"""What of the Dagger API the embedded engine has, as a page: `python -m embedded_engine.api_support [FILE]`.

The fields come from the schema, the answers from the bindings: only the reasons are written here by hand.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from graphql import GraphQLObjectType, GraphQLSchema

from embedded_engine import api
from embedded_engine.binding import bound_fields
from embedded_engine.schema import load_schema
from embedded_engine.session.fields import loads_by_id

DEFAULT_REASON = "not part of what pipelines use"

TYPE_REASONS: Mapping[str, str] = {
    "Binding": "belongs to environments of language models",
    "Check": "the command line lists and runs checks itself: `ci check`",
    "CheckGroup": "the command line lists and runs checks itself: `ci check`",
    "Cloud": "there is no cloud service",
    "Engine": "there is no engine process to manage: `ci prune` clears the store",
    "EngineCache": "there is no engine process to manage: `ci prune` clears the store",
    "EngineCacheEntry": "there is no engine process to manage: `ci prune` clears the store",
    "EngineCacheEntrySet": "there is no engine process to manage: `ci prune` clears the store",
    "Env": "belongs to environments of language models",
    "FunctionCall": "functions are called by the command line, in its process",
    "FunctionCallArgValue": "functions are called by the command line, in its process",
    "GeneratedCode": "no SDK is generated: modules use the installed dagger-io",
    "Generator": "the command line runs `@generate` functions itself: `ci generate`",
    "GeneratorGroup": "the command line runs `@generate` functions itself: `ci generate`",
    "HTTPState": "internal to the real engine",
    "LLM": "there are no language models",
    "LLMTokenUsage": "there are no language models",
    "InputTypeDef": "modules have no input types",
    "Module": "modules are loaded by the command line, from this machine",
    "ModuleConfigClient": "no client is generated: programs use the installed dagger-io",
    "ModuleSource": "modules are loaded by the command line, from this machine",
    "RemoteGitMirror": "internal to the real engine",
    "SDKConfig": "modules are in Python and use the installed dagger-io",
    "SourceMap": "says where code is that no SDK generated",
    "Terminal": "there are no terminals",
    "Up": "services are started by `ci call SERVICE up`",
    "UpGroup": "services are started by `ci call SERVICE up`",
    "Workspace": "experimental in the real engine",
}

NAME_REASONS: Mapping[str, str] = {
    "sourceMap": "says where code is that no SDK generated",
    "sourceModuleName": "a module depends on no other ones here",
    "withSourceMap": "says where code is that no SDK generated",
    "generators": "the command line runs `@generate` functions itself: `ci generate`",
    "generator": "the command line runs `@generate` functions itself: `ci generate`",
    "generatedContextDirectory": "no SDK is generated: modules use the installed dagger-io",
    "check": "the command line lists and runs checks itself: `ci check`",
    "checks": "the command line lists and runs checks itself: `ci check`",
}

FIELD_REASONS: Mapping[str, str] = {
    "Container.exportImage": "there is no container runtime to load an image into: use `export` or `publish`",
    "Container.experimentalWithAllGPUs": "GPUs are not passed on",
    "Container.experimentalWithGPU": "GPUs are not passed on",
    "Container.terminal": "there are no terminals",
    "Directory.asModule": "modules are loaded by the command line, from this machine",
    "Directory.asModuleSource": "modules are loaded by the command line, from this machine",
    "Directory.terminal": "there are no terminals",
    "Host.containerImage": "there is no container runtime to take an image from: use `import` or `from`",
    "Query.currentTypeDefs": "the schema has them: ask for it by introspection",
    "Query.cloud": "there is no cloud service",
    "Query.currentEnv": "belongs to environments of language models",
    "Query.currentFunctionCall": "functions are called by the command line, in its process",
    "Query.currentWorkspace": "experimental in the real engine",
    "Query.engine": "there is no engine process to manage: `ci prune` clears the store",
    "Query.env": "belongs to environments of language models",
    "Query.generatedCode": "no SDK is generated: modules use the installed dagger-io",
    "Query.llm": "there are no language models",
    "Query.moduleSource": "modules are loaded by the command line, from this machine",
    "Query.sourceMap": "says where code is that no SDK generated",
    "TypeDef.withEnumValue": "replaced by `withEnumMember` in the real engine",
    "Service.terminal": "there are no terminals",
}

PARTLY: Mapping[str, str] = {
    "Address.service": "not `udp://`",
    "Container.asService": "not `experimentalPrivilegedNesting`",
    "Container.asTarball": "not `EStarGZ`; one platform unless variants of others are pulled",
    "Container.export": "not `EStarGZ`; one platform unless variants of others are pulled",
    "Container.publish": "not `EStarGZ`; one platform unless variants of others are pulled",
    "Container.withExec": "not `experimentalPrivilegedNesting`",
    "Container.withMountedDirectory": "nothing runs with a mount over `/`",
    "Directory.search": "regular expressions are Python's; results are in the order of paths",
    "Directory.withPatch": "files keep their owner and mode, where the real engine leaves them to its umask",
    "Directory.withPatchFile": "files keep their owner and mode, where the real engine leaves them to its umask",
    "File.search": "regular expressions are Python's",
    "Host.service": "not UDP",
    "Host.tunnel": "not UDP",
    "Query.container": "programs of other platforms run only where the machine has an emulator for them",
    "Container.up": "not UDP; not `experimentalPrivilegedNesting`",
    "Service.up": "not UDP",
}


def support(schema: GraphQLSchema) -> dict[str, dict[str, str]]:
    """For each type its fields, each with `yes`, `partly: ...` or `no: ...`."""
    bound = bound_fields()
    return {
        kind.name: {name: _answer(kind.name, name, bound) for name in sorted(kind.fields)}
        for kind in sorted(schema.type_map.values(), key=lambda kind: kind.name)
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
    }


def page(schema: GraphQLSchema) -> str:
    """The page, in Markdown."""
    types = support(schema)
    answers = [answer for fields in types.values() for answer in fields.values()]
    had = sum(not answer.startswith("no") for answer in answers)
    return "".join(f"{line}\n" for line in _lines(types, had, len(answers)))


def _lines(types: Mapping[str, Mapping[str, str]], had: int, total: int) -> Iterator[str]:
    yield "# What of the Dagger API the embedded engine has"
    yield ""
    yield f"The core API of Dagger v{version('dagger-io')} has {len(types)} object types with {total} fields; {had} of them"
    yield "are here. A field that is not is refused by its name, and `dagger call` has it. This page is generated:"
    yield "`python -m embedded_engine.api_support docs/api-support.md`; a test compares it with the engine."
    for name, fields in types.items():
        yield ""
        missing = {answer for answer in fields.values() if answer.startswith("no")}
        others = [answer for field, answer in fields.items() if field != "id" and not answer.startswith("no")]
        if len(missing) == 1 and not others:
            yield f"## {name}"
            yield ""
            yield f"{missing.pop().capitalize()}."
            continue
        yield f"## {name}"
        yield ""
        yield "| Field | Here |"
        yield "|---|---|"
        loaders = [field for field in fields if loads_by_id(field)]
        yield from (f"| `{field}` | {answer} |" for field, answer in fields.items() if field not in loaders)
        if loaders:
            yield f"| `load...FromID` (of {len(loaders)} types) | yes |"


def _answer(kind: str, field: str, bound: frozenset[tuple[str, str]]) -> str:
    place = f"{kind}.{field}"
    generic = field == "id" or place == "Query.node" or (kind == "Query" and loads_by_id(field))
    if generic or (kind, field) in bound:
        return f"partly: {PARTLY[place]}" if place in PARTLY else "yes"
    return f"no: {FIELD_REASONS.get(place) or NAME_REASONS.get(field) or TYPE_REASONS.get(kind) or DEFAULT_REASON}"


def main(arguments: list[str]) -> None:
    """Write the page to the file that is named, or print it."""
    api.load()
    with tempfile.TemporaryDirectory() as folder:
        text = page(load_schema(Path(folder)).executable)
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
