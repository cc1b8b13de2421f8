"""The client's side of STUN and TURN messages: what a probe sends, and what it reads of an answer.

RFC 8489 (STUN) and RFC 8656 (TURN), with the long-term credentials that coturn asks for.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from ipaddress import ip_address
from typing import Final

import msgspec

BINDING: Final = 0x0001
ALLOCATE: Final = 0x0003
REFRESH: Final = 0x0004
CREATE_PERMISSION: Final = 0x0008
SUCCESS: Final = 0x0100
FAILURE: Final = 0x0110
CLASS: Final = 0x0110

USERNAME: Final = 0x0006
INTEGRITY: Final = 0x0008
ERROR_CODE: Final = 0x0009
LIFETIME: Final = 0x000D
XOR_PEER: Final = 0x0012
REALM: Final = 0x0014
NONCE: Final = 0x0015
TRANSPORT: Final = 0x0019
XOR_MAPPED: Final = 0x0020

COOKIE: Final = 0x2112A442
HEADER: Final = 20
MAX_MESSAGE: Final = 2048
TRANSACTION_BYTES: Final = 12
UDP_RELAY: Final = b"\x11\0\0\0"
"""REQUESTED-TRANSPORT: UDP, protocol 17."""

Attributes = list[tuple[int, bytes]]


class StunAnswer(msgspec.Struct, frozen=True):
    """A STUN message that was read. ``attributes``: the first of each kind."""

    kind: int
    transaction: bytes
    attributes: dict[int, bytes]

    @property
    def succeeded(self) -> bool:
        """Whether it is a success response."""
        return self.kind & CLASS == SUCCESS

    @property
    def error(self) -> int:
        """The code of an error response, such as 401; 0 for any other message."""
        value = self.attributes.get(ERROR_CODE, b"")
        return (value[2] & 7) * 100 + value[3] if len(value) >= 4 else 0

    @property
    def mapped(self) -> tuple[str, int] | None:
        """XOR-MAPPED-ADDRESS: the address that the server saw."""
        return _unmasked(self.attributes.get(XOR_MAPPED, b""), self.transaction)


class TurnLogin(msgspec.Struct, frozen=True):
    """What authenticates a request: the credential, and the server's realm and nonce."""

    username: str
    password: str
    realm: bytes
    nonce: bytes

    @property
    def key(self) -> bytes:
        """The key of MESSAGE-INTEGRITY (RFC 8489 section 9.2.2)."""
        value = b":".join((self.username.encode(), self.realm, self.password.encode()))
        return hashlib.new("md5", value, usedforsecurity=False).digest()


def message(
    kind: int, transaction: bytes, attributes: Attributes, login: TurnLogin | None = None
) -> bytes:
    """A request; with ``login`` it carries a credential."""
    if login is not None:
        named = (USERNAME, login.username.encode()), (NONCE, login.nonce), (REALM, login.realm)
        attributes = [*attributes, *named]
    body = b"".join(_attribute(key, value) for key, value in attributes)
    if login is None:
        return _head(kind, len(body), transaction) + body
    # The length that is hashed counts the attribute that the hash goes into.
    whole = _head(kind, len(body) + 24, transaction) + body
    return whole + _attribute(INTEGRITY, hmac.new(login.key, whole, hashlib.sha1).digest())


def read(packet: bytes) -> StunAnswer | None:
    """The message that ``packet`` is, or None for anything else."""
    if not HEADER <= len(packet) <= MAX_MESSAGE:
        return None
    kind, length, cookie = struct.unpack_from("!HHI", packet)
    if cookie != COOKIE or length != len(packet) - HEADER:
        return None
    attributes: dict[int, bytes] = {}
    at = HEADER
    while at + 4 <= len(packet):
        key, size = struct.unpack_from("!HH", packet, at)
        if at + 4 + size > len(packet):
            return None
        attributes.setdefault(key, packet[at + 4 : at + 4 + size])
        at += 4 + size + -size % 4
    return StunAnswer(kind, packet[8:HEADER], attributes)


def peer_address(host: str, port: int, transaction: bytes) -> tuple[int, bytes]:
    """XOR-PEER-ADDRESS for a permission."""
    address = ip_address(host)
    mask = COOKIE.to_bytes(4) + transaction
    packed = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    family = 1 if address.version == 4 else 2
    return XOR_PEER, struct.pack("!BBH", 0, family, port ^ (COOKIE >> 16)) + packed


def _unmasked(value: bytes, transaction: bytes) -> tuple[str, int] | None:
    size = {1: 4, 2: 16}.get(value[1] if len(value) > 1 else 0)
    if size is None or len(value) != 4 + size:
        return None
    mask = COOKIE.to_bytes(4) + transaction
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return str(ip_address(packed)), int.from_bytes(value[2:4]) ^ (COOKIE >> 16)


def _head(kind: int, length: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", kind, length, COOKIE) + transaction


def _attribute(key: int, value: bytes) -> bytes:
    return struct.pack("!HH", key, len(value)) + value + bytes(-len(value) % 4)
