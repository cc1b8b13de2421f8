"""Binary messages of the login's WebSocket: the relay streams between two agents.

A stream is what TLS 1.3 between the two ends writes, cut into messages; the registry sees the
header and ciphertext. It belongs to a pair of agents and an attempt, for which ``relay_open`` and
``relay_ready`` passed (``wire.signaling``). The header, integers unsigned and big-endian::

    u8 kind | u8 n | n bytes: id of the other end, ASCII | u32 attempt

The sender writes whom it is for, and the registry puts from whom it is in that place. There follows

- data: 1 to 65,536 bytes of the stream;
- credit: u64, how many bytes in all the receiver of this message may have sent on the stream;
- close: u8, why (:class:`RelayReason`).

Inside TLS a u32 length precedes each frame of the session (``wire.peer``).
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from chatixia.errors import BadRequest, TooLarge, UnknownType
from chatixia.ids import is_peer_id

from .base import KIB

MAX_RELAY_DATA: Final = 64 * KIB
"""Bytes of a stream in one message."""
RELAY_WINDOW: Final = 256 * KIB
"""Bytes that may be sent on a stream before the first credit comes."""
MAX_RELAY_CERTIFICATE: Final = 2 * KIB
"""Bytes of a certificate (DER) in ``relay_open`` and ``relay_ready``."""
LENGTH_BYTES: Final = 4
"""The length before each frame inside TLS."""

_ID_AT: Final = 2
_MAX_ID: Final = 63
_ATTEMPT_BYTES: Final = 4
_CREDIT_BYTES: Final = 8
_REASON_BYTES: Final = 1


class RelayKind(enum.IntEnum):
    """What a binary message is."""

    DATA = 1
    CREDIT = 2
    CLOSE = 3


class RelayReason(enum.IntEnum):
    """Why a stream is closed."""

    BYE = 0
    UNKNOWN_STREAM = 1
    OVER_CREDIT = 2
    LIMITS = 3
    PEER_LEFT = 4


class RelayHeader(msgspec.Struct, frozen=True):
    """The header of one message; what it carries starts at byte ``start``. ``peer``: the other end,
    target or source as the direction has it."""

    kind: RelayKind
    peer: str
    attempt: int
    start: int


def read_header(message: bytes) -> RelayHeader:
    """The header of a message, whose length fits its kind.

    Raises BadRequest, UnknownType for an unknown kind, TooLarge for more data than one may carry.
    """
    if len(message) < _ID_AT:
        raise BadRequest("A relay message has no header.")
    try:
        kind = RelayKind(message[0])
    except ValueError:
        raise UnknownType(f"There is no relay message of kind {message[0]}.") from None
    id_end = _ID_AT + message[1]
    start = id_end + _ATTEMPT_BYTES
    if message[1] > _MAX_ID or len(message) < start:
        raise BadRequest("The header of a relay message is malformed.")
    peer = message[_ID_AT:id_end].decode("ascii", "replace")
    if not is_peer_id(peer):
        raise BadRequest("A relay message names no peer.")
    _check_size(kind, len(message) - start)
    return RelayHeader(kind, peer, int.from_bytes(message[id_end:start], "big"), start)


def end_of(message: bytes) -> int:
    """Where the header of a message ends that has a whole one; what it says is not looked at."""
    return _ID_AT + message[1] + _ATTEMPT_BYTES if len(message) >= _ID_AT else 0


def _check_size(kind: RelayKind, size: int) -> None:
    if kind is RelayKind.DATA:
        if size > MAX_RELAY_DATA:
            raise TooLarge(f"A relay message carries {size} bytes; the bound is {MAX_RELAY_DATA}.")
        right = size > 0
    else:
        right = size == (_CREDIT_BYTES if kind is RelayKind.CREDIT else _REASON_BYTES)
    if not right:
        raise BadRequest(f"A relay message of kind {kind.value} carries {size} bytes.")


def write_header(kind: RelayKind, peer: str, attempt: int) -> bytes:
    """The header of a message to (or, from the registry, of one from) ``peer``."""
    name = peer.encode("ascii")
    return bytes((kind, len(name))) + name + attempt.to_bytes(_ATTEMPT_BYTES, "big")


def data_message(peer: str, attempt: int, data: bytes) -> bytes:
    """1 to 65,536 bytes of the stream."""
    return write_header(RelayKind.DATA, peer, attempt) + data


def credit_message(peer: str, attempt: int, total: int) -> bytes:
    """The receiver may have sent ``total`` bytes in all."""
    return write_header(RelayKind.CREDIT, peer, attempt) + total.to_bytes(_CREDIT_BYTES, "big")


def close_message(peer: str, attempt: int, reason: RelayReason) -> bytes:
    """The stream is over."""
    return write_header(RelayKind.CLOSE, peer, attempt) + bytes((reason,))


def restamp(message: bytes, header: RelayHeader, source: str) -> bytes:
    """The same message with ``source`` in the place of the id, as the registry passes it on."""
    return write_header(header.kind, source, header.attempt) + message[header.start :]


def credit_of(message: bytes, header: RelayHeader) -> int:
    """The running total of a credit message."""
    return int.from_bytes(message[header.start :], "big")
