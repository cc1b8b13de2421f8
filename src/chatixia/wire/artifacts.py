"""Artifacts on a link: the table that a message names them in, and the frames of their bytes.

A value holds ``{"$artifact": n}`` where entry ``n`` of its own message's table stands; anywhere
else that object is user data. Bytes move only when the receiver pulls (links.md section 5).

Frame, big-endian: ``02``, kind (1), transfer (4), offset (8), then by kind: ``DATA`` the bytes at
that offset; ``PULL`` window (4) and artifact id (16); ``STOP`` nothing; ``FAIL`` a WireError as
JSON; ``FREE`` artifact id (16). The receiver numbers its transfers. Frames carry no ``s``: what a
path loses is pulled again.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from chatixia.errors import BadRequest, WireError

from .base import KIB, Count, Name, decode, decoder, encode

ARTIFACT: Final = 0x02
DATA: Final = 0
PULL: Final = 1
STOP: Final = 2
FAIL: Final = 3
FREE: Final = 4
HEADER: Final = 14
CHUNK: Final = 16 * KIB - HEADER
"""Bytes of an artifact in one frame."""
MAX_ENTRIES: Final = 64
"""Artifacts in one message."""
MAX_NAME: Final = 255
MAX_FAILURE: Final = 8 * KIB
REFERENCE: Final = "$artifact"

_ID: Final = 16

ArtifactId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]


class ArtifactInfo(msgspec.Struct, omit_defaults=True):
    """An artifact as a message describes it. ``name`` is a label, never a path.

    ``id``: 128 random bits in hex, what it is pulled by; ``sha256``: of its bytes, in hex;
    ``data``: the bytes themselves where nothing can be pulled (the queue).
    """

    size: Count
    sha256: Sha256
    id: ArtifactId = "0" * 32
    name: FileName = ""
    media_type: Name = ""
    data: bytes | None = None


ArtifactTable = Annotated[tuple[ArtifactInfo, ...], msgspec.Meta(max_length=MAX_ENTRIES)]


class ArtifactFrame(msgspec.Struct):
    """One frame, read. Which of ``window``, ``id`` and ``data`` count depends on ``kind``."""

    kind: int
    transfer: int
    offset: int = 0
    window: int = 0
    id: str = ""
    data: bytes = b""


_failure: Final = decoder(WireError)
_SIZES: Final = {
    DATA: range(1, CHUNK + 1),
    PULL: range(4 + _ID, 5 + _ID),
    STOP: range(1),
    FAIL: range(1, MAX_FAILURE + 1),
    FREE: range(_ID, _ID + 1),
}
"""How many bytes may follow the header."""


def write_data(transfer: int, offset: int, data: bytes | memoryview) -> bytes:
    """A ``DATA`` frame as bytes; ``data`` is copied once."""
    head = (ARTIFACT << 104) | (DATA << 96) | (transfer << 64) | offset
    return b"".join((head.to_bytes(HEADER, "big"), data))


def write(frame: ArtifactFrame) -> bytes:
    """A frame as bytes."""
    head = (frame.kind << 96) | (frame.transfer << 64) | frame.offset
    tail = frame.data
    if frame.kind == PULL:
        tail = frame.window.to_bytes(4, "big") + bytes.fromhex(frame.id)
    elif frame.kind == FREE:
        tail = bytes.fromhex(frame.id)
    return b"\x02" + head.to_bytes(HEADER - 1, "big") + tail


def read(data: bytes) -> ArtifactFrame:
    """Bytes as a frame. Raises BadRequest where the length does not fit the kind."""
    if len(data) < HEADER or data[0] != ARTIFACT:
        raise BadRequest("An artifact frame is too short.")
    kind, numbers = data[1], int.from_bytes(data[2:HEADER], "big")
    transfer, offset = numbers >> 64, numbers & 0xFFFF_FFFF_FFFF_FFFF
    rest = data[HEADER:]
    if len(rest) not in _SIZES.get(kind, ()) or offset >= 2**53:
        raise BadRequest("An artifact frame does not fit its kind.")
    frame = ArtifactFrame(kind, transfer, offset)
    if kind == PULL:
        frame.window, frame.id = int.from_bytes(rest[:4], "big"), rest[4:].hex()
    elif kind == FREE:
        frame.id = rest.hex()
    else:
        frame.data = rest
    return frame


def write_failure(transfer: int, error: WireError) -> bytes:
    """The frame that ends a transfer with an error."""
    data = encode(error)
    if len(data) > MAX_FAILURE:
        data = encode(WireError(error.code))
    return write(ArtifactFrame(FAIL, transfer, data=data))


def read_failure(frame: ArtifactFrame) -> WireError:
    """The error of a ``FAIL`` frame. Raises BadRequest."""
    error: WireError = decode(_failure, frame.data, MAX_FAILURE)
    return error


class QueuedArtifacts(msgspec.Struct):
    """A value of the queue that holds artifacts: their table, with their bytes, beside it."""

    table: ArtifactTable = msgspec.field(name="$artifacts")
    value: msgspec.Raw = msgspec.field(name="$value")
