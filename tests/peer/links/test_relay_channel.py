"""One stream as a channel: its buffer, its credit, and what a peer cannot make it do."""

from __future__ import annotations

import pytest

from chatixia.errors import MeshError
from chatixia.peer.engines.base import EngineRefused
from chatixia.wire.peer import MAX_FRAME
from chatixia.wire.relay import (
    RELAY_WINDOW,
    RelayKind,
    RelayReason,
    data_message,
    read_header,
)
from tests.peer.links.test_relay_streams import End, carry, linked


@pytest.fixture
async def ends() -> tuple[End, End]:
    return End("alice"), End("bob")


async def test_low_water_is_told_when_the_socket_took_enough(ends):
    alice, bob = ends
    mine, _ = linked(alice, bob)
    told: list[int] = []
    mine.on_low = lambda: told.append(mine.buffered)
    mine.low_threshold = 50_000
    mine.send(bytes(200_000))
    assert mine.buffered > 200_000
    carry(alice, bob)
    assert len(told) == 1 and told[0] <= 50_000 and mine.buffered == 0


async def test_what_cannot_go_is_refused(ends):
    alice, bob = ends
    mine, _ = linked(alice, bob)
    with pytest.raises(EngineRefused, match="too_large"):
        mine.send(bytes(MAX_FRAME + 1))
    mine.close()
    with pytest.raises(EngineRefused, match="closed"):
        mine.send(b"x")


async def test_before_the_handshake_nothing_is_sent(ends):
    alice, bob = ends
    mine = alice.streams.open("bob", 1, bob.streams.certificate.der, server=False)
    assert mine.state == "connecting"
    with pytest.raises(EngineRefused):
        mine.send(b"x")


async def test_a_peer_over_its_credit_is_closed_with_that_reason(ends):
    alice, bob = ends
    mine, _ = linked(alice, bob)
    errors: list[MeshError] = []
    mine.on_failure = errors.append
    for _ in range(RELAY_WINDOW // 60_000 + 1):
        mine._credit.receive(min(60_000, RELAY_WINDOW - mine._credit.received))
    alice.streams.receive(data_message("bob", 1, b"one more"))
    assert [error.code for error in errors] == ["denied"]
    message = alice.streams.next_message()
    assert message is not None
    header = read_header(message)
    assert header.kind is RelayKind.CLOSE
    assert message[header.start] == RelayReason.OVER_CREDIT
    assert mine.closed and not len(alice.streams)


async def test_a_handshake_with_another_certificate_fails_and_says_so(ends):
    alice, bob = ends
    mallory = End("mallory")
    mine = alice.streams.open("bob", 1, mallory.streams.certificate.der, server=False)
    yours = bob.streams.open("alice", 1, alice.streams.certificate.der, server=True)
    errors: list[MeshError] = []
    mine.on_failure = yours.on_failure = errors.append
    opened: list[str] = []
    mine.on_open = yours.on_open = lambda: opened.append("open")
    mine.start()
    carry(alice, bob)
    assert not opened and {error.code for error in errors} == {"bad_signature"}
    assert mine.closed and yours.closed


async def test_junk_in_the_place_of_tls_ends_it(ends):
    alice, bob = ends
    yours = bob.streams.open("alice", 1, alice.streams.certificate.der, server=True)
    errors: list[MeshError] = []
    yours.on_failure = errors.append
    bob.streams.receive(data_message("alice", 1, b"GET / HTTP/1.1\r\n\r\n"))
    bob.streams.receive(data_message("alice", 1, bytes(1000)))
    assert [error.code for error in errors] == ["bad_signature"]
