"""Our own STUN answers (RFC 8489): a binding request gets the address it came from, no more.

Stateless, no attributes beyond XOR-MAPPED-ADDRESS (and FINGERPRINT where the request had one),
so that a forged source gets at most 44 bytes for 20, at a bounded rate.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from ipaddress import ip_address
from typing import Any, Final, cast

from chatixia.core.rates import TokenBucket
from chatixia.registry.limits import RateLimits, origin
from chatixia.world import World

BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111
COOKIE: Final = 0x2112A442
HEADER: Final = 20
MAX_PACKET: Final = 548
"""RFC 8489 section 6.1: what fits everywhere over IPv4."""

XOR_MAPPED: Final = 0x0020
ERROR_CODE: Final = 0x0009
UNKNOWN: Final = 0x000A
FINGERPRINT: Final = 0x8028
FINGERPRINT_XOR: Final = 0x5354554E
UNDERSTOOD: Final = frozenset({0x0006, 0x0008, 0x0020, 0x0024, 0x0025, 0x001C, 0x001D, 0x001E})
"""USERNAME, MESSAGE-INTEGRITY and ICE's own: harmless here, answered without."""
MOST_ATTRIBUTES: Final = 32

SOURCE_RATE: Final = (40.0, 20.0)
"""Requests of one source: a burst, then a second."""
TOTAL_RATE: Final = (4000.0, 1 / 2000)
"""Requests of all: a burst, then the seconds for one more."""


def answer(packet: bytes, address: tuple[str, int]) -> bytes | None:
    """The answer to ``packet`` that came from ``address``; None for anything but a request."""
    attributes = _request(packet)
    if attributes is None:
        return None
    transaction = packet[4:HEADER]
    unknown = [kind for kind in attributes if kind < 0x8000 and kind not in UNDERSTOOD]
    if unknown:
        kinds = struct.pack(f"!{len(unknown[:8])}H", *unknown[:8])
        body = _attribute(ERROR_CODE, b"\0\0\x04\x14") + _attribute(UNKNOWN, kinds)
        return _message(BINDING_ERROR, transaction, body, FINGERPRINT in attributes)
    body = _attribute(XOR_MAPPED, _mapped(address, transaction))
    return _message(BINDING_SUCCESS, transaction, body, FINGERPRINT in attributes)


def _request(packet: bytes) -> list[int] | None:
    """The attribute kinds of a well-formed binding request."""
    if not HEADER <= len(packet) <= MAX_PACKET:
        return None
    kind, length, cookie = struct.unpack_from("!HHI", packet)
    if kind != BINDING_REQUEST or cookie != COOKIE or length != len(packet) - HEADER or length % 4:
        return None
    kinds, at = [], HEADER
    while at < len(packet):
        kind, size = struct.unpack_from("!HH", packet, at)
        at += 4 + (size + 3) // 4 * 4
        kinds.append(kind)
        if at > len(packet) or len(kinds) > MOST_ATTRIBUTES:
            return None
    return kinds


def _mapped(address: tuple[str, int], transaction: bytes) -> bytes:
    """XOR-MAPPED-ADDRESS (section 14.2): ``transaction`` starts with the cookie."""
    host = ip_address(address[0].partition("%")[0])
    host = getattr(host, "ipv4_mapped", None) or host
    port = address[1] ^ (COOKIE >> 16)
    mask = transaction[: len(host.packed)]
    mixed = bytes(a ^ b for a, b in zip(host.packed, mask, strict=True))
    return struct.pack("!BBH", 0, 1 if host.version == 4 else 2, port) + mixed


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def _message(kind: int, transaction: bytes, body: bytes, fingerprint: bool) -> bytes:
    size = len(body) + (8 if fingerprint else 0)
    message = struct.pack("!HH", kind, size) + transaction + body
    if fingerprint:
        check = zlib.crc32(message) ^ FINGERPRINT_XOR
        message += _attribute(FINGERPRINT, struct.pack("!I", check))
    return message


class Stun(asyncio.DatagramProtocol):
    """Answers on one UDP socket, within a rate per source and in total."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sources = RateLimits(world, *SOURCE_RATE)
        self._all = TokenBucket(*TOTAL_RATE, world.monotonic())
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # By name alone: Python 3.11's and uvloop's are not subclasses of the class they implement.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """One packet: answered at once, or dropped silently.

        The source's rate is judged before the total: what one source sends beyond its own takes
        nothing from the others.
        """
        if not self._sources.take(origin(addr[0])) or not self._all.take(self._world.monotonic()):
            return
        reply = answer(data, (addr[0], addr[1]))
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)
