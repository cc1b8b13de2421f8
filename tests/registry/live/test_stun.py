"""STUN answers: what RFC 8489 says, for binding requests alone, within a rate."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable
from ipaddress import ip_address

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from chatixia.registry.live.stun import COOKIE, FINGERPRINT_XOR, TOTAL_RATE, Stun, answer
from chatixia.world import REAL
from tests.registry.clock import Clock

TRANSACTION = bytes(range(12))


class Out:
    """A transport that counts."""

    sent = 0

    def sendto(self, data: bytes, address: object) -> None:
        self.sent += 1


def request(attributes: bytes = b"", kind: int = 1, cookie: int = COOKIE) -> bytes:
    return struct.pack("!HHI", kind, len(attributes), cookie) + TRANSACTION + attributes


def mapped(reply: bytes) -> tuple[str, int]:
    """The address in a reply, read by the RFC's words rather than by our code."""
    kind, size, family, port = struct.unpack_from("!HHxBH", reply, 20)
    assert kind == 0x0020 and size == (8 if family == 1 else 20)
    mask = reply[4 : 4 + size - 4]
    raw = bytes(a ^ b for a, b in zip(reply[28 : 24 + size], mask, strict=True))
    return str(ip_address(raw)), port ^ (COOKIE >> 16)


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"])
def test_the_address_comes_back(host: str):
    reply = answer(request(), (host, 40_000))
    assert reply and reply[:2] == b"\x01\x01" and reply[8:20] == TRANSACTION
    assert mapped(reply) == (host.removeprefix("::ffff:"), 40_000)
    assert len(reply) <= 44


def test_the_rfcs_own_example():
    # RFC 5769 section 2.2 maps 192.0.2.1:32853 under this transaction.
    transaction = bytes.fromhex("b7e7a701bc34d686fa87dfae")
    reply = answer(struct.pack("!HHI", 1, 0, COOKIE) + transaction, ("192.0.2.1", 32853))
    assert reply and reply[28 - 3 + 1 : 32] == bytes.fromhex("a147e112a643")


def test_a_fingerprint_is_answered_with_one():
    reply = answer(request(struct.pack("!HHI", 0x8028, 4, 0)), ("192.0.2.7", 1))
    assert reply
    kind, _, check = struct.unpack("!HHI", reply[-8:])
    assert kind == 0x8028 and check == zlib.crc32(reply[:-8]) ^ FINGERPRINT_XOR


def test_an_attribute_that_must_be_understood_is_refused():
    reply = answer(request(struct.pack("!HH", 0x7777, 0)), ("192.0.2.7", 1))
    assert reply and reply[:2] == b"\x01\x11" and b"\x04\x14" in reply and b"\x77\x77" in reply


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        request()[:19],
        request(kind=0x0011),
        request(kind=0x0101),
        request(cookie=1),
        request() + b"\0\0\0\0",
        request(b"\0\x06\0\x40"),
        request(b"\x80\x22\0\0" * 40),
        b"\0" * 2000,
    ],
)
def test_anything_else_gets_no_answer(packet: bytes):
    assert answer(packet, ("192.0.2.7", 1)) is None


@given(st.binary(max_size=600), st.booleans())
def test_random_bytes_never_raise_nor_grow(data: bytes, headed: bool):
    packet = request(data[: len(data) // 4 * 4]) if headed else data
    reply = answer(packet, ("192.0.2.7", 1))
    assert reply is None or len(reply) <= 60


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_over_a_socket_on_either_loop(factory: Callable[[], asyncio.AbstractEventLoop]):
    with asyncio.Runner(loop_factory=factory) as runner:
        host, port, own = runner.run(_asked())
    assert (host, port) == ("127.0.0.1", own)


async def _asked() -> tuple[str, int, int]:
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(lambda: Stun(REAL), ("127.0.0.1", 0))
    port = server.get_extra_info("sockname")[1]
    got: asyncio.Queue[bytes] = asyncio.Queue()

    class Asker(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            got.put_nowait(data)

    client, _ = await loop.create_datagram_endpoint(Asker, remote_addr=("127.0.0.1", port))
    client.sendto(request())
    async with asyncio.timeout(10):
        host, mine = mapped(await got.get())
    own = client.get_extra_info("sockname")[1]
    client.close()
    server.close()
    return host, mine, own


def test_a_flood_is_not_answered():
    stun, out = Stun(Clock()), Out()
    stun._transport = out  # type: ignore[assignment]
    for _ in range(1000):
        stun.datagram_received(request(), ("192.0.2.7", 1))
    assert out.sent == 40


def test_the_flood_of_one_source_takes_nothing_from_the_others():
    stun, out = Stun(Clock()), Out()
    stun._transport = out  # type: ignore[assignment]
    for _ in range(int(TOTAL_RATE[0]) * 2):
        stun.datagram_received(request(), ("192.0.2.7", 1))
    before = out.sent
    stun.datagram_received(request(), ("192.0.2.8", 1))
    stun.datagram_received(request(), ("2001:db8::1", 1))
    assert out.sent == before + 2
