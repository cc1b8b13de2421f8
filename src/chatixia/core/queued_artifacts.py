"""A value with artifacts as the queue carries it: their table, with the bytes in it, beside the
value. One that holds none travels as it is, unless it could be taken for one that does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from chatixia.errors import TooLarge
from chatixia.wire.artifacts import ArtifactInfo, QueuedArtifacts
from chatixia.wire.base import encode
from chatixia.wire.tasks import MAX_PAYLOAD

HEAD: Final = b'{"$artifacts":'
TOO_LARGE: Final = (
    "Over the queue artifacts have at most about 767 KiB together (1 MiB as base64 in JSON);"
    " larger ones need a link."
)

_packed: Final = msgspec.json.Decoder(QueuedArtifacts)


def check_sizes(sizes: Iterable[int]) -> None:
    """Raise TooLarge where base64 alone is above the queue's bound."""
    if sum(4 * (-(-size // 3)) for size in sizes) > MAX_PAYLOAD:
        raise TooLarge(TOO_LARGE, via="queue")


def pack(value: bytes, table: tuple[ArtifactInfo, ...]) -> bytes:
    """``value`` (JSON) with its table, whose entries hold their bytes. Raises TooLarge."""
    if not table and not value.startswith(HEAD):
        return value
    data = encode(QueuedArtifacts(table, msgspec.Raw(value)))
    if table and len(data) > MAX_PAYLOAD:
        raise TooLarge(TOO_LARGE, via="queue")
    return data


def unpack(data: bytes) -> tuple[bytes, tuple[ArtifactInfo, ...]]:
    """The value and its table; ``data`` itself where it holds none."""
    if not data.startswith(HEAD):
        return data, ()
    try:
        packed = _packed.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data, ()
    return bytes(packed.value), packed.table
