"""Types that msgspec does not know, taken by the shape of their class, without their library.

A pydantic model is one that has ``model_validate`` and ``model_json_schema``.
"""

from __future__ import annotations

from typing import Any


def is_model(kind: Any) -> bool:
    """Whether ``kind`` validates and describes itself, as pydantic's models do."""
    return callable(getattr(kind, "model_validate", None)) and callable(
        getattr(kind, "model_json_schema", None)
    )


def dec_hook(kind: Any, found: Any) -> Any:
    """``found`` as a ``kind``. Raises ValueError with one line naming the first thing wrong."""
    if not is_model(kind):
        raise NotImplementedError(f"a {getattr(kind, '__name__', kind)} cannot come as JSON")
    try:
        return kind.model_validate(found)
    except ValueError as error:
        raise ValueError(_first(error)) from None


def _first(error: ValueError) -> str:
    """The first complaint of a validation error: its place and message, never the input."""
    listed = getattr(error, "errors", None)
    found = listed() if callable(listed) else []
    if not found:
        return str(error).partition("\n")[0]
    place = ".".join(str(step) for step in found[0].get("loc", ()))
    return f"{place}: {found[0].get('msg', 'not valid')}" if place else str(found[0].get("msg"))


def schema_hook(kind: Any) -> dict[str, Any]:
    """A model's own JSON Schema; its ``$defs`` are lifted by ``schema.finish``."""
    if not is_model(kind):
        raise NotImplementedError
    found: dict[str, Any] = kind.model_json_schema(ref_template="#/$defs/{model}")
    return found
