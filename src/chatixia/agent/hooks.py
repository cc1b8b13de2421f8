"""Types that msgspec does not know, taken by the shape of their class, without their library.

A pydantic model is one that has ``model_validate`` and ``model_json_schema``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from chatixia.client import references
from chatixia.client.artifact import SCHEMA, Artifact
from chatixia.core.wording import with_article


def is_model(kind: Any) -> bool:
    """Whether ``kind`` validates and describes itself, as pydantic's models do."""
    return callable(getattr(kind, "model_validate", None)) and callable(
        getattr(kind, "model_json_schema", None)
    )


def dec_hook(kind: Any, value: Any) -> Any:
    """``value`` as a ``kind``. Raises ValueError with one line naming the first thing wrong."""
    if kind is Artifact:
        return references.read(value)
    if not is_model(kind):
        raise NotImplementedError(
            f"{with_article(getattr(kind, '__name__', str(kind)))} cannot come as JSON"
        )
    from_json = getattr(kind, "model_validate_json", None)
    try:
        # What came is JSON: a strict model takes a date from JSON's text, from Python's never.
        if callable(from_json):
            return from_json(msgspec.json.encode(value))
        return kind.model_validate(value)
    except ValueError as error:
        raise ValueError(_first(error)) from None


def _first(error: ValueError) -> str:
    """The first detail of a validation error: its place and message, never the input."""
    listed = getattr(error, "errors", None)
    details = listed() if callable(listed) else []
    if not details:
        return str(error).partition("\n")[0]
    place = ".".join(str(step) for step in details[0].get("loc", ()))
    return f"{place}: {details[0].get('msg', 'not valid')}" if place else str(details[0].get("msg"))


def schema_hook(kind: Any) -> dict[str, Any]:
    """A model's own JSON Schema as an argument; its ``$defs`` are lifted by ``schema.finish``."""
    return _schema(kind, "validation")


def result_schema_hook(kind: Any) -> dict[str, Any]:
    """A model's own JSON Schema as a result: with computed fields, under the names it writes."""
    return _schema(kind, "serialization")


def _schema(kind: Any, mode: str) -> dict[str, Any]:
    if kind is Artifact:
        return dict(SCHEMA)
    if not is_model(kind):
        raise NotImplementedError
    schema: dict[str, Any] = kind.model_json_schema(ref_template="#/$defs/{model}", mode=mode)
    return schema
