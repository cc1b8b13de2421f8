"""Golden wire forms: each stored text decodes to its type and encodes back to the same bytes.

Files under tests/golden/wire are only ever added to: ``{"Type": [text, ...]}`` per module. A
renamed field breaks a test here instead of a peer in the field.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

GOLDEN = Path(__file__).parents[1] / "golden" / "wire"


def structs(module: ModuleType) -> dict[str, type[msgspec.Struct]]:
    """Every wire type that the module defines."""
    return {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__module__ == module.__name__
    }


def cases(module: ModuleType) -> list[tuple[str, str]]:
    """(type name, golden text) of one module's file."""
    path = GOLDEN / f"{module.__name__.rsplit('.', 1)[1]}.json"
    stored: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return [(name, text) for name, texts in stored.items() for text in texts]


def hold(module: ModuleType, name: str, text: str) -> Any:
    """Decode, encode, compare to the byte; the decoded value."""
    value = msgspec.json.decode(text.encode(), type=structs(module)[name])
    assert msgspec.json.encode(value).decode() == text
    return value
