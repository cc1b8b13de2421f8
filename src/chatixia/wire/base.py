"""Bounded decoding shared by every wire: size first, then shape, then values.

Unknown fields are ignored, an unknown type is :class:`UnknownType`, all else malformed is
:class:`BadRequest`; the connection lives (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec

from chatixia.errors import BadRequest, TooLarge, UnknownType

T = TypeVar("T")

VERSION: Final = 1
"""The one protocol version of all our wires.

1: 2026-11, the first: signed offers and hello, sessions with frames, table of verbs.
"""
VERSIONS: Final = (1,)

KIB: Final = 1024
MIB: Final = 1024 * 1024

Id = Annotated[str, msgspec.Meta(max_length=63)]
Short = Annotated[str, msgspec.Meta(max_length=64)]
Name = Annotated[str, msgspec.Meta(max_length=128)]
Line = Annotated[str, msgspec.Meta(max_length=1024)]
Text = Annotated[str, msgspec.Meta(max_length=64 * KIB)]
B64 = Annotated[str, msgspec.Meta(max_length=8 * KIB, pattern=r"^[A-Za-z0-9_-]*$")]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Cursor = Annotated[str, msgspec.Meta(max_length=64)]
"""Opaque: (store generation, position) as the store writes it."""
Fence = Annotated[str, msgspec.Meta(max_length=64)]
"""Opaque: (store generation, n); compare only through ``core.task.fence_key``."""

EMPTY: Final = msgspec.Raw(b"{}")
NULL: Final = msgspec.Raw(b"null")


def empty() -> msgspec.Raw:
    """Default factory of ``{}``; a Raw default itself cannot stand in a JSON Schema."""
    return EMPTY


def null() -> msgspec.Raw:
    """Default factory of ``null``."""
    return NULL


encode = msgspec.json.Encoder().encode


def fitting(things: Sequence[Any], room: int) -> int:
    """How many of them, from the first on, have at most ``room`` bytes encoded; 1 at least."""
    for n, thing in enumerate(things):
        room -= len(encode(thing)) + 1
        if room < 0:
            return max(1, n)
    return len(things)


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """A reusable decoder for ``kind``."""
    return msgspec.json.Decoder(kind)


def decode(maker: msgspec.json.Decoder[T], data: bytes | str, limit: int) -> T:
    """``data`` as ``maker``'s type.

    Raises TooLarge above ``limit`` bytes, UnknownType for an unknown tag, BadRequest otherwise.
    """
    if len(data) > limit:
        raise TooLarge(f"The message has {len(data)} bytes; the bound is {limit}.")
    try:
        return maker.decode(data)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The message is not valid JSON.") from None


def _refusal(text: str) -> BadRequest:
    kind = (
        UnknownType
        if text.startswith("Invalid value") and text.endswith("`$.type`")
        else BadRequest
    )
    return kind(text)
