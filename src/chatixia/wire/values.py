"""The bounds of one JSON value, wherever it travels: well formed, UTF-8, at most 100 deep.

A decoder passes over what it keeps raw (:class:`msgspec.Raw`) without reading it, and how deep one
can read depends on the version of Python at the far end. So a value is looked at once, where it
enters the mesh; then whatever carries it can be read everywhere.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

import msgspec

MAX_DEPTH: Final = 100
"""Arrays and objects inside each other, the outermost included."""
ENVELOPE: Final = 8
"""Levels that a wire's own message may put around a value."""

TOO_DEEP: Final = f"it is nested more than {MAX_DEPTH} deep"

_OTHERS: Final = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_STRING: Final = re.compile(rb'"[^"]*"')
_SLICE: Final = 65_536
SCALARS: Final = frozenset({str, int, float, bool, type(None)})
"""Types whose encoding cannot have a flaw."""
FEW: Final = 16
"""Such values by name, in a dict, that are known to have none at a glance."""

_skim: Final = msgspec.json.Decoder(msgspec.Raw).decode


def too_deep(data: bytes, limit: int = MAX_DEPTH) -> bool:
    """Whether JSON ``data`` nests deeper than ``limit``; never by recursion."""
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    depth, steps = 0, memoryview(_brackets(data).translate(_STEPS)).cast("b")
    for start in range(0, len(steps), _SLICE):  # what is far too deep shows early
        depths = list(accumulate(steps[start : start + _SLICE], initial=depth))
        if max(depths) > limit:
            return True
        depth = depths[-1]
    return False


def _brackets(data: bytes) -> bytes:
    """The brackets of JSON that stand in no string, by passes that each cost one copy."""
    if b"\\" in data:  # an escaped quote ends no string
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes with nothing between them leave the others inside or outside as they were.
    data = data.translate(None, _OTHERS).replace(b'""', b"")
    return _STRING.sub(b"", data) if b'"' in data else data


def flaw(data: bytes) -> str:
    """What keeps ``data`` from travelling as one JSON value, as the end of a sentence; "" if
    nothing does."""
    if too_deep(data):
        return TOO_DEEP
    try:
        _skim(data)
    except (msgspec.DecodeError, RecursionError):
        return "it is not valid JSON"
    return "" if is_utf8(data) else "it is not UTF-8"


def is_utf8(data: bytes) -> bool:
    """Whether all of ``data`` is UTF-8."""
    try:
        str(data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True
