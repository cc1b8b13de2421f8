"""Constraints of other libraries on a parameter, by their shape, without their libraries.

msgspec checks its own ``Meta`` and passes over what else an annotation carries, so that
``Annotated[int, Field(ge=1)]`` of pydantic, or ``Gt(5)`` of annotated_types, would promise what
nothing checks. Here they become a ``Meta``; what cannot become one is refused at the start.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec

HOMES: Final = frozenset({"annotated_types", "pydantic"})
_LEAST: Final = ("gt", "ge", "min_length")
_MOST: Final = ("lt", "le", "max_length")
_LIMITS: Final = (*_LEAST, *_MOST, "multiple_of", "pattern")
_DESCRIPTIVE: Final = ("title", "description", "examples")
_ELSEWHERE: Final = ("alias", "validation_alias", "discriminator")
"""What pydantic's Field sets beyond limits, and only a model of pydantic can do."""
_UNIONS: Final = (typing.Union, types.UnionType)
_ALWAYS_TRUE: Final = frozenset({"strict"})
"""What holds for every skill, asked for or not."""


class Unchecked(ValueError):
    """A constraint of an annotation that would not be checked; the text names it."""


def foreign(note: Any) -> bool:
    """Whether ``note`` is an object of a library whose constraints are read here."""
    return any(base.__module__.partition(".")[0] in HOMES for base in type(note).__mro__)


def is_field(default: Any) -> bool:
    """Whether a default is pydantic's ``Field(...)``, which is not a value."""
    return foreign(default) and hasattr(default, "metadata") and hasattr(default, "is_required")


def default_of(field: Any, none: Any) -> Any:
    """The default inside a ``Field(...)``, as msgspec takes it; ``none`` if it has none."""
    if field.is_required():
        return none
    factory: Callable[[], Any] | None = field.default_factory
    return field.default if factory is None else msgspec.field(default_factory=factory)


def field_of(hint: Any) -> Any:
    """The ``Field(...)`` in an annotation, if there is one."""
    return next((note for note in getattr(hint, "__metadata__", ()) if is_field(note)), None)


def mended(hint: Any) -> Any:
    """``hint`` with a ``Meta`` for each foreign constraint, at any depth. Raises Unchecked."""
    if not _holds_foreign(hint):
        return hint
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        own = tuple(note for note in args[1:] if not foreign(note))
        inner = mended(args[0])
        inner = Annotated[(inner, *own)] if own else inner
        return _with([note for note in args[1:] if foreign(note)], inner)
    parts = tuple(mended(part) for part in args)
    if origin in _UNIONS:
        return typing.Union[parts]  # noqa: UP007 - of a tuple
    return hint.copy_with(parts) if hasattr(hint, "copy_with") else origin[parts]


def _holds_foreign(hint: Any) -> bool:
    return any(foreign(note) for note in getattr(hint, "__metadata__", ())) or any(
        _holds_foreign(part) for part in typing.get_args(hint)
    )


def _with(notes: list[Any], hint: Any) -> Any:
    limits: dict[str, Any] = {}
    descriptions: dict[str, Any] = {}
    for note in notes:
        _read(note, limits, descriptions)
    try:
        hint = _limited(hint, msgspec.Meta(**limits)) if limits else hint
    except (TypeError, ValueError):
        raise Unchecked(" and ".join(limits)) from None
    return Annotated[hint, msgspec.Meta(**descriptions)] if descriptions else hint


def _limited(hint: Any, meta: msgspec.Meta) -> Any:
    """``meta`` on each part of a union that is not None: msgspec takes no limit on the union."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return Annotated[(_limited(args[0], meta), *args[1:])]
    if origin in _UNIONS:
        parts = tuple(one if one is types.NoneType else _limited(one, meta) for one in args)
        return typing.Union[parts]  # noqa: UP007 - of a tuple
    return Annotated[hint, meta]


def _read(note: Any, limits: dict[str, Any], descriptions: dict[str, Any]) -> None:
    """Collect what ``note`` (a Field, a group, or one limit) sets."""
    parts: Iterable[Any] = ()
    if is_field(note):
        descriptions.update(
            {key: text for key in _DESCRIPTIVE if (text := getattr(note, key, None))}
        )
        for key in _ELSEWHERE:
            if getattr(note, key, None) is not None:
                raise Unchecked(f"Field({key}=...)")
        parts = note.metadata
    elif hasattr(type(note), "__iter__"):
        parts = note
    else:
        _limit(note, limits)
    for one in parts:
        _read(one, limits, descriptions)


def _limit(note: Any, limits: dict[str, Any]) -> None:
    limit_values = {
        key: getattr(note, key) for key in _LIMITS if getattr(note, key, None) is not None
    }
    set_fields = {key for key, value in getattr(note, "__dict__", {}).items() if value}
    more = set_fields - limit_values.keys() - _ALWAYS_TRUE
    if more or not (limit_values or hasattr(note, "strict")):
        raise Unchecked(", ".join(sorted(more)) or type(note).__name__)
    for key, limit in limit_values.items():
        limits[key] = _stricter(key, limits[key], limit) if key in limits else _plain(limit)


def _stricter(key: str, one: Any, other: Any) -> Any:
    if key in _LEAST:
        return max(one, _plain(other))
    if key in _MOST:
        return min(one, _plain(other))
    raise Unchecked(f"{key} twice")


def _plain(limit: Any) -> Any:
    """A limit as Meta takes it: a whole number as int, which fits floats too; a pattern's text."""
    if isinstance(limit, float) and limit.is_integer():
        return int(limit)
    return getattr(limit, "pattern", limit)


def inside(info: Any) -> str:
    """What a type (of ``msgspec.inspect``) holds that msgspec would not check; "" if nothing."""
    todo, visited = [info], set[int]()
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            todo += node
        elif isinstance(node, msgspec.Struct) and id(node) not in visited:
            visited.add(id(node))
            if problem := _of_class(getattr(node, "cls", None), node):
                return problem
            todo += [getattr(node, key) for key in node.__struct_fields__]
    return ""


def _of_class(cls: Any, node: Any) -> str:
    fields = getattr(node, "fields", None)
    if cls is None or fields is None:
        return ""
    if hasattr(cls, "__is_pydantic_dataclass__"):
        return f"{cls.__name__}, a dataclass of pydantic, whose validators would not run"
    if any(is_field(field.default) for field in fields) or any(
        map(_holds_foreign, _hints(cls).values())
    ):
        return f"{cls.__name__}, whose fields have constraints that would not be checked"
    return ""


def _hints(cls: type) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError):
        return {}  # msgspec has resolved and checked it; its names need not resolve here too
