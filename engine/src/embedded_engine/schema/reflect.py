"""The core schema, read from the source of the installed Dagger client.

The client is generated from the schema, so the schema can be read back from it: every class is a type, every method
that selects a field is that field, its annotations are the types, its docstring the descriptions. The source is
parsed and never imported. What the client does not say is whether an object field may be null: such fields are
nullable here, which asks less of an answer and changes nothing for a client.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

_SCALARS = {"str": "String", "int": "Int", "bool": "Boolean", "float": "Float"}
_SECTION = re.compile(r"^(Note|Parameters|Returns|Raises|Example|Examples)\n-+$", re.MULTILINE)
_PARAMETERS = re.compile(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+$|\Z)", re.MULTILINE | re.DOTALL)
_PARAMETER = re.compile(r"^(\w+):\n((?:(?: +.*)?\n?)*)", re.MULTILINE)
_NOTICE = re.compile(r"^\.\. (deprecated|caution)::((?:.*)(?:\n +.*)*)\n?", re.MULTILINE)
_METHOD = re.compile(r":py:meth:`+(\w+)`+")

_DIRECTIVES = """\
"Indicates the expected object or interface type for an ID value. On fields, the type of the returned ID."
directive @expectedType("The name of the expected type." name: String!) on ARGUMENT_DEFINITION | FIELD_DEFINITION

"Explains why this element is marked experimental."
directive @experimental(reason: String! = "Not stabilized") on FIELD_DEFINITION

"Indicates the underlying value of an enum member."
directive @enumValue(value: String!) on ENUM_VALUE

schema { query: Query }
"""


@dataclass(frozen=True)
class _Argument:
    name: str
    type: str
    default: str | None
    description: str
    deprecated: str | None = None
    expected: str | None = None

    def print(self) -> str:
        default = "" if self.default is None else f" = {self.default}"
        directives = _directive("expectedType", "name", self.expected)
        directives += _directive("deprecated", "reason", self.deprecated)
        return f"    {_description(self.description, 4)}{self.name}: {self.type}{default}{directives}\n"


@dataclass(frozen=True)
class _Field:
    name: str
    type: str
    description: str
    arguments: tuple[_Argument, ...] = ()
    deprecated: str | None = None
    experimental: str | None = None
    expected: str | None = None

    def print(self) -> str:
        arguments = "".join(argument.print() for argument in self.arguments)
        signature = f"(\n{arguments}  )" if arguments else ""
        directives = _directive("expectedType", "name", self.expected)
        directives += _directive("deprecated", "reason", self.deprecated)
        directives += _directive("experimental", "reason", self.experimental)
        return f"  {_description(self.description, 2)}{self.name}{signature}: {self.type}{directives}\n"


@dataclass
class _Type:
    kind: str
    name: str
    description: str
    fields: list[_Field] = field(default_factory=list)

    def implements(self) -> str:
        """The interfaces follow from the fields: that is how the engine itself finds them."""
        shapes = {each.name: each for each in self.fields}
        names = []
        export = shapes.get("export")
        if export and self.name != "Exportable" and any(argument.name == "path" for argument in export.arguments):
            names.append("Exportable")
        if "id" in shapes and self.name != "Node":
            names.append("Node")
        if "sync" in shapes and self.name != "Syncer":
            names.append("Syncer")
        return f" implements {' & '.join(names)}" if names else ""

    def print(self) -> str:
        body = "".join(each.print() for each in sorted(self.fields, key=lambda each: each.name))
        return f"{_description(self.description)}{self.kind} {self.name}{self.implements()} {{\n{body}}}\n"


def reflect(source: str) -> str:
    """The schema definition language of the API whose generated Python client has this source."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    kinds = {name: kind for node in classes for name, kind in _kind_of(node)}
    docs = {node.name: ast.get_docstring(node) or "" for node in classes}
    parts = [_DIRECTIVES]
    for node in classes:
        for name, kind in _kind_of(node):
            if kind == "scalar":
                parts.append(f"{_description(docs[name])}scalar {name}\n")
            elif kind == "enum":
                parts.append(_enum(node))
            elif kind == "input":
                parts.append(_Reader(kinds, name).input(node))
            else:
                described = _Type(kind, name, docs.get(name, ""))
                described.fields.extend(_Reader(kinds, name).fields(node))
                if kind == "interface" and not any(each.name == "id" for each in described.fields):
                    described.fields.append(_Field("id", "ID!", "A unique identifier for this object."))
                parts.append(described.print())
    return "\n".join(parts)


def _kind_of(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """The GraphQL name and kind of a class; nothing for the protocols beside the interfaces."""
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    if "Scalar" in bases:
        yield node.name, "scalar"
    elif "Enum" in bases:
        yield node.name, "enum"
    elif "Input" in bases:
        yield node.name, "input"
    elif "Root" in bases:
        yield "Query", "type"
    elif "Type" in bases and node.name.startswith("_"):
        yield node.name.removeprefix("_").removesuffix("Client"), "interface"
    elif "Type" in bases:
        yield node.name, "type"


def _enum(node: ast.ClassDef) -> str:
    members = []
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.Assign) and isinstance(target := statement.targets[0], ast.Name):
            value = ast.literal_eval(statement.value)
            directive = "" if value == target.id else f" @enumValue(value: {json.dumps(value)})"
            members.append(f"  {_description(_literal_doc(after), 2)}{target.id}{directive}\n")
    return f"{_description(ast.get_docstring(node) or '')}enum {node.name} {{\n{''.join(members)}}}\n"


class _Reader:
    """Reads the methods of one class, whose own type `Self` is."""

    def __init__(self, kinds: dict[str, str], name: str) -> None:
        self._kinds = kinds
        self._name = name

    def fields(self, node: ast.ClassDef) -> Iterator[_Field]:
        for method in node.body:
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                selection = _selection(method)
                if selection is not None:
                    yield self._field(method, *selection)

    def input(self, node: ast.ClassDef) -> str:
        body = ""
        for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                argument = self._argument(_camel(statement.target.id), statement.annotation, statement.value)
                body += _Argument(argument.name, argument.type, argument.default, _literal_doc(after)).print()[2:]
        return f"{_description(ast.get_docstring(node) or '')}input {node.name} {{\n{body}}}\n"

    def _field(self, method: ast.FunctionDef | ast.AsyncFunctionDef, name: str, syncs: bool) -> _Field:
        doc = _dedent(ast.get_docstring(method, clean=False) or "")
        parameters = _parameter_docs(doc)
        annotations = {
            each.arg: each.annotation for each in (*method.args.args, *method.args.kwonlyargs) if each.annotation
        }
        arguments = []
        for call in _calls(method, "Arg"):
            names = (node.id for node in ast.walk(call.args[1]) if isinstance(node, ast.Name))
            python_name = next(name for name in names if name in annotations)
            default = call.args[2] if len(call.args) > 2 else None
            argument = self._argument(ast.literal_eval(call.args[0]), annotations[python_name], default)
            text, notices = _notices(parameters.get(python_name, ""))
            arguments.append(replace(argument, description=text, deprecated=notices.get("deprecated")))
        section = _SECTION.search(doc)
        text, notices = _notices(doc[: section.start()] if section else doc)
        returned = method.returns if method.returns is not None else ast.Constant(None)
        return _Field(
            name,
            "ID!" if syncs or name == "id" else self._output(returned),
            text,
            tuple(arguments),
            deprecated=notices.get("deprecated"),
            experimental=notices.get("caution"),
            expected=self._name if syncs else None,
        )

    def _argument(self, name: str, annotation: ast.expr, default: ast.expr | None) -> _Argument:
        type_name, expected = self._input(annotation)
        value = None
        if default is not None and not (isinstance(default, ast.Constant) and default.value is None):
            value = default.attr if isinstance(default, ast.Attribute) else json.dumps(ast.literal_eval(default))
        return _Argument(name, type_name, value, "", expected=expected)

    def _input(self, annotation: ast.expr) -> tuple[str, str | None]:
        """The type of an argument, and of which type the object is where it is an id."""
        inner, nullable, listed = _unwrap(annotation)
        name = self._name if inner == "Self" else inner
        if name == "Type":  # any object whatever
            kind, expected = "ID", None
        elif self._kinds.get(name) in ("type", "interface"):
            kind, expected = "ID", name
        else:
            kind, expected = _SCALARS.get(name, name), None
        return _wrap(kind, nullable, listed), expected

    def _output(self, annotation: ast.expr) -> str:
        inner, nullable, listed = _unwrap(annotation)
        name = self._name if inner == "Self" else inner
        is_object = self._kinds.get(name) in ("type", "interface")
        return _wrap(_SCALARS.get(name, name), nullable or name == "Void" or (is_object and not listed), listed)


def _unwrap(annotation: ast.expr) -> tuple[str, bool, bool]:
    """The innermost name of an annotation, whether it may be null, and whether it is a list."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    nullable = False
    if isinstance(annotation, ast.BinOp):
        nullable, annotation = True, annotation.left
    listed = False
    if isinstance(annotation, ast.Subscript):
        listed, annotation = True, annotation.slice
    if isinstance(annotation, ast.Constant):
        return str(annotation.value), nullable, listed
    return ast.unparse(annotation), nullable, listed


def _wrap(name: str, nullable: bool, listed: bool) -> str:
    shape = f"[{name}!]" if listed else name
    return shape if nullable else f"{shape}!"


def _selection(method: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, bool] | None:
    """The field that a method selects, and whether it answers with the id of an object."""
    for call in _calls(method, "_select"):
        return str(ast.literal_eval(call.args[0])), False
    for call in _calls(method, "execute_sync"):
        return str(ast.literal_eval(call.args[1])), True
    return None


def _calls(method: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> list[ast.Call]:
    found = (node for node in ast.walk(method) if isinstance(node, ast.Call))
    return [call for call in found if getattr(call.func, "attr", getattr(call.func, "id", "")) == name]


def _parameter_docs(doc: str) -> dict[str, str]:
    section = _PARAMETERS.search(doc)
    if section is None:
        return {}
    return {name: inspect.cleandoc(text) for name, text in _PARAMETER.findall(section[1] + "\n")}


def _literal_doc(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return inspect.cleandoc(str(statement.value.value))
    return ""


def _notices(text: str) -> tuple[str, dict[str, str]]:
    """The text without its notices, and the reason that each of them gives, by kind."""
    found = {
        kind: _METHOD.sub(lambda method: f"`{_camel(method[1])}`", " ".join(reason.split())).removeprefix(
            "Experimental: "
        )
        for kind, reason in _NOTICE.findall(text)
    }
    return _NOTICE.sub("", text).strip(), found


def _dedent(doc: str) -> str:
    """A method's docstring without its indentation; its text may have lines of its own at the margin."""
    return "\n".join(line.removeprefix(" " * 8) for line in doc.splitlines()).strip()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _description(text: str, indent: int = 0) -> str:
    return f"{json.dumps(text)}\n{' ' * indent}" if text else ""


def _directive(name: str, argument: str, value: str | None) -> str:
    return "" if value is None else f" @{name}({argument}: {json.dumps(value)})"
