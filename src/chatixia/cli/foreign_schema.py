"""A JSON Schema that somebody else wrote, without what no schema has.

Any member may list a skill with any schema; who reads it can rely on the types of its keywords.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec


def read_foreign(raw: bytes | msgspec.Raw) -> dict[str, Any]:
    """A schema as it came. What its keywords cannot be is left out; empty if it is no object."""
    return sound(msgspec.json.decode(raw))


def sound(schema: Any) -> dict[str, Any]:
    """The same of a decoded one (JSON Schema 2020-12); keywords that nobody here reads stay."""
    if not isinstance(schema, dict):
        return {}
    fields = {key: READERS.get(key, _any)(value) for key, value in schema.items()}
    return {key: value for key, value in fields.items() if value is not None}


def _any(value: Any) -> Any:
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def _texts(value: Any) -> list[str] | None:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else None


def _text_or_texts(value: Any) -> str | list[str] | None:
    return value if isinstance(value, str) else _texts(value)


def _schema(value: Any) -> dict[str, Any] | bool | None:
    return value if isinstance(value, bool) else sound(value) if isinstance(value, dict) else None


def _schemas(value: Any) -> list[dict[str, Any]] | None:
    if not isinstance(value, list):
        return None
    return [sound(one) for one in value if isinstance(one, dict)]


def _named(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    return {name: sound(one) for name, one in value.items() if isinstance(one, dict)}


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "type": _text_or_texts,
    "required": _texts,
    "enum": _list,
    "items": _schema,
    "additionalProperties": _schema,
    **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), _schemas),
    **dict.fromkeys(("properties", "$defs", "definitions"), _named),
    **dict.fromkeys(("$ref", "format", "contentEncoding", "description", "title"), _text),
}
