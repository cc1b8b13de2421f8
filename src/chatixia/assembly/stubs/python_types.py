"""One type, one value, one text as Python source, and the imports and aliases that they need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from .names import free, pascal
from .types import (
    FORMATS,
    AgentTypes,
    AnyOf,
    Choice,
    ListOf,
    MapOf,
    Model,
    ModelRef,
    Plain,
    TupleOf,
    Type,
    Word,
)

WIDTH: Final = 88
SHORT: Final = 28
"""Characters of a type that stands where it is used; a longer one is an alias."""
WORDS: Final[dict[Word, str]] = {
    "any": "Any",
    "null": "None",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "string": "str",
    "bytes": "bytes",
    "datetime": "dt.datetime",
    "date": "dt.date",
    "time": "dt.time",
    "duration": "dt.timedelta",
    "uuid": "UUID",
    "decimal": "Decimal",
    "artifact": "Artifact",
}
TEXTS: Final = frozenset(
    {WORDS[word] for word in FORMATS.values()} | {WORDS["string"], WORDS["bytes"]}
)
"""Types that stand in JSON as a text: a value is one of them only where there is no other."""
SOURCES: Final[tuple[tuple[str, str], ...]] = (
    ("decimal", "Decimal"),
    ("typing", "Any ClassVar Literal TypeAlias Union"),
    ("uuid", "UUID"),
    (
        "chatixia",
        "AgentStub Artifact SyncAgentStub SyncTypedItems TypedItems skill_stub",
    ),
    ("msgspec", "UNSET Struct UnsetType"),
)
"""What is imported from where, as isort orders it."""
Tag = tuple[str, str]


class TypeWriter:
    """Types as source. ``names``: those of models and classes; ``tags``: models that are told from
    others by the value of a field."""

    def __init__(self, agent: AgentTypes) -> None:
        self._models = {model.name: model for model in agent.models}
        self.names = {*self._models, agent.class_name, f"Sync{agent.class_name}"}
        self._used: set[str] = set()
        self._aliases: dict[str, str] = {}
        self.tags: dict[str, Tag] = {}
        self._mixed: set[Type] = set()
        for kind in agent.types():
            if isinstance(kind, AnyOf):
                self._tell_apart(kind)

    def use(self, *names: str) -> None:
        """Those names are imported."""
        self._used.update(names)

    # -- models in a union

    def _tell_apart(self, kind: AnyOf) -> None:
        """Find the field that tells its models apart. Without one they are anything."""
        models = [self._models[part.name] for part in kind.parts if isinstance(part, ModelRef)]
        if len(models) < 2:
            return
        if any(isinstance(part, MapOf) for part in kind.parts) or not self._tag(models):
            self._mixed.add(kind)

    def _tag(self, models: list[Model]) -> bool:
        for field in models[0].fields:
            tags = {model.name: _tag_of(model, field.name) for model in models}
            values = {tag for tag in tags.values() if tag is not None}
            before = {name: self.tags.get(name, tag) for name, tag in tags.items()}
            if len(values) == len(models) and before == tags:
                self.tags |= {name: tag for name, tag in tags.items() if tag is not None}
                return True
        return False

    # -- types

    def short(self, kind: Type, title: str) -> str:
        """``kind`` in at most 28 characters: itself, or an alias named after ``title``."""
        full = self.full(kind)
        if len(full) <= SHORT:
            return full
        name = next((name for name, alias in self._aliases.items() if alias == full), "")
        if not name:
            name = free(pascal(title), self.names)
            self.names.add(name)
            self._aliases[name] = full
        return name

    def full(self, kind: Type) -> str:
        """``kind`` in one line."""
        if isinstance(kind, Plain):
            return self._word(WORDS[kind.word])
        if isinstance(kind, ModelRef):
            return kind.name
        if isinstance(kind, ListOf):
            return f"list[{self.full(kind.item)}]"
        if isinstance(kind, MapOf):
            return f"dict[str, {self.full(kind.value)}]"
        if isinstance(kind, TupleOf):
            return f"tuple[{', '.join(self.full(item) for item in kind.items)}]"
        if isinstance(kind, Choice):
            return self._choice(kind.values)
        return self._word("Any") if kind in self._mixed else self._union(kind)

    def _word(self, name: str) -> str:
        self._used.add(name.partition(".")[0])
        return name

    def _choice(self, values: Iterable[Any]) -> str:
        plain = [value for value in values if not isinstance(value, bool)]
        has_bool = len(plain) < len(list(values))
        if not plain:
            return "bool"
        self._used.add("Literal")
        text_ = f"Literal[{', '.join(map(literal, plain))}]"
        return f"{text_} | bool" if has_bool else text_

    def _union(self, kind: AnyOf) -> str:
        """As much as one reader can tell apart: one kind of text, of array, of object."""
        full = [self.full(part) for part in kind.parts]
        if "Any" in full or ("Artifact" in full and set(full) != {"Artifact", "None"}):
            return self._word("Any")
        texts = [one for one in full if one in TEXTS]
        literals = [
            value for part in kind.parts if isinstance(part, Choice) for value in part.values
        ]
        if len(texts) > 1 or (texts and any(isinstance(value, str) for value in literals)):
            full = ["str", *(one for one in full if one not in TEXTS)]
            literals = [value for value in literals if not isinstance(value, str)]
        if "int" in full or "float" in full:
            literals = [one for one in literals if isinstance(one, str | bool)]
        if "bool" in full:
            literals = [one for one in literals if not isinstance(one, bool)]
        rest = [one for one in full if not one.startswith("Literal[")]
        parts = [*([self._choice(literals)] if literals else []), *_one_each(rest)]
        parts.sort(key=lambda one: one == "None")
        return " | ".join(dict.fromkeys(parts))

    # -- the head of the file, and its aliases

    def import_lines(self) -> list[str]:
        """The imports, as isort orders them."""
        lines = ["import datetime as dt"] if "dt" in self._used else []
        for module, names in SOURCES:
            used = [name for name in names.split() if name in self._used]
            if module == "chatixia" and lines:
                lines.append("")
            lines += _import(module, used)
        return lines

    def alias_lines(self) -> list[str]:
        """The types that are too long to stand where they are used."""
        lines: list[str] = []
        for name, full in self._aliases.items():
            lines += _spread(full, f"{name}: TypeAlias = ")
        self._used |= {"TypeAlias"} if lines else set()
        self._used |= {"Union"} if any("Union[" in line for line in lines) else set()
        return lines


def _import(module: str, names: list[str]) -> list[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return [line] if names else []
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def _spread(full: str, start: str, indent: int = 0, end: str = "") -> list[str]:
    """``start`` and a type in as many lines as it takes, as `ruff format` has them."""
    pad = " " * indent
    node = ast.parse(full, mode="eval").body
    if indent + len(start) + len(full) + len(end) <= WIDTH or isinstance(node, ast.Constant):
        return [f"{pad}{start}{full}{end}"]
    if isinstance(node, ast.Subscript):
        name, inside = ast.unparse(node.value), node.slice
        parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    else:
        name, parts = "Union", list(_operands(node))
    comma = "," if len(parts) > 1 else ""
    lines = [f"{pad}{start}{name}["]
    for part in parts:
        segment = ast.get_source_segment(full, part) or ""
        lines += _spread(segment, "", indent + 4, comma)
    return [*lines, f"{pad}]{end}"]


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp):
        yield from _operands(node.left)
        yield from _operands(node.right)
    else:
        yield node


def _one_each(parts: list[str]) -> list[str]:
    """At most one array and one object that is no model: others become one of anything."""
    arrays = [one for one in parts if one.startswith(("list[", "tuple["))]
    if len(arrays) > 1:
        parts = ["list[Any]", *(one for one in parts if one not in arrays)]
    maps = [one for one in parts if one.startswith("dict[")]
    if len(maps) > 1:
        parts = ["dict[str, Any]", *(one for one in parts if one not in maps)]
    return parts


def _tag_of(model: Model, name: str) -> Tag | None:
    for field in model.fields:
        if field.name == name and isinstance(field.type, Choice) and len(field.type.values) == 1:
            value = field.type.values[0]
            fits = isinstance(value, str) and re.fullmatch(r"[\w.:/-]+", value)
            return (name, value) if fits else None
    return None


def is_default(value: Any, kind: Type) -> bool:
    """Whether a default can stand in source for a ``kind``, as a value that no one can change."""
    if isinstance(kind, AnyOf):
        return any(is_default(value, part) for part in kind.parts)
    if isinstance(kind, Choice):
        return any(
            value is one or (type(value) is type(one) and value == one) for one in kind.values
        )
    if not isinstance(kind, Plain):
        return False
    if isinstance(value, str):
        return kind.word == "string" and len(literal(value)) <= SHORT
    if isinstance(value, bool) or value is None:
        return kind.word in ({True: "boolean", False: "null"}[isinstance(value, bool)], "any")
    if isinstance(value, int):
        return kind.word in ("integer", "number", "any")
    return isinstance(value, float) and kind.word in ("number", "any")


def literal(value: Any) -> str:
    """A text, number, boolean or None as source."""
    return text(value) if isinstance(value, str) else repr(value)


def text(value: str) -> str:
    """A text as source: in double quotes, whatever it holds, and nothing that is not printable."""
    return f'"{"".join(_character(c) for c in value)}"'


def _character(c: str) -> str:
    if c == "\\":
        return "\\\\"
    if c == '"':
        return "\\x22"
    if c.isprintable():
        return c
    code = ord(c)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
