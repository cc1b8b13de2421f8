"""A relay stream from its opening to its end: hello first, and whoever lies opens none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest

from chatixia.core.handshake import make_hello
from chatixia.core.openings import VerifiedOpening
from chatixia.peer.links.relay_attempt import RelayAttempt
from chatixia.peer.links.relay_certificate import RelayCertificate
from chatixia.wire.base import encode
from chatixia.wire.relay import MAX_RELAY_DATA, RelayKind, read_header
from chatixia.wire.signaling import (
    Answer,
    IceCandidate,
    Offer,
    RelayOpen,
    RelayReady,
    SignalError,
)
from chatixia.wire.signed import b64
from chatixia.world import REAL
from tests.peer.relay import Node, Relay, nodes
from tests.until import until

DIRECT = (Offer, Answer, IceCandidate)


def no_direct(source: str, frame: msgspec.Struct) -> tuple[msgspec.Struct, ...]:
    """A network in which nothing direct comes about."""
    return () if isinstance(frame, DIRECT) else (frame,)


@asynccontextmanager
async def two(**bends: Any) -> AsyncIterator[tuple[Relay, Node, Node]]:
    """Alice and Bob, who have the relay only."""
    relay = Relay()
    relay.bend = bends.get("bend", no_direct)
    async with nodes("alice", "bob", relay=relay, relayed=True) as (_, alice, bob):
        yield relay, alice, bob


@pytest.mark.parametrize("first", ["alice", "bob"])
async def test_either_end_opens_a_stream_that_carries_frames_both_ways(first: str):
    async with two() as (relay, alice, bob):
        one, other = (alice, bob) if first == "alice" else (bob, alice)
        await one.open(other)
        [mine], [yours] = alice.driver.report(), bob.driver.report()
        assert (mine.tier, yours.tier) == ("relay", "relay")
        assert mine.link == yours.link and len(mine.link) == 12
        alice.listener.paths["bob"].send(b"to bob")
        bob.listener.paths["alice"].send(b"to alice")
        await bob.listener.until(lambda: bob.listener.frames)
        await alice.listener.until(lambda: alice.listener.frames)
        assert bob.listener.frames == [("alice", b"to bob")]
        assert alice.listener.frames == [("bob", b"to alice")]
        assert alice.me.book.pin("default", "bob") and bob.me.book.pin("default", "alice")
        assert not any(b"to bob" in data or b"to alice" in data for _, data in relay.traffic)


async def test_both_that_open_at_once_have_one_stream():
    async with two() as (relay, alice, bob):
        alice.driver.want(bob.id)
        bob.driver.want(alice.id)
        await alice.listener.until(lambda: "bob" in alice.listener.paths)
        await bob.listener.until(lambda: "alice" in bob.listener.paths)
        [mine], [yours] = alice.driver.report(), bob.driver.report()
        assert mine.link == yours.link
        assert len(alice.streams or ()) == len(bob.streams or ()) == 1


async def test_a_megabyte_goes_through_a_window_of_256_kib_in_order():
    frames = [bytes([n]) * 16_000 for n in range(64)]
    async with two() as (relay, alice, bob):
        await alice.open(bob)
        path = alice.listener.paths["bob"]
        for frame in frames:
            path.send(frame)
        await bob.listener.until(lambda: len(bob.listener.frames) == len(frames))
        assert [data for _, data in bob.listener.frames] == frames
        sizes = [
            len(data) - read_header(data).start
            for source, data in relay.traffic
            if source == "alice" and read_header(data).kind is RelayKind.DATA
        ]
        assert max(sizes) <= MAX_RELAY_DATA
        credits = [d for s, d in relay.traffic if read_header(d).kind is RelayKind.CREDIT]
        assert credits


async def test_without_credit_no_more_than_the_window_goes():
    async with two() as (relay, alice, bob):
        await alice.open(bob)
        relay.bend_traffic = lambda source, data: (
            () if read_header(data).kind is RelayKind.CREDIT else (data,)
        )
        sent = alice.driver.peers["bob"].open
        assert sent is not None
        path = alice.listener.paths["bob"]
        for _ in range(64):
            path.send(bytes(16_000))
        await bob.listener.until(lambda: len(bob.listener.frames) >= 12)
        stats = await sent.read_stats()
        assert stats is not None and stats.bytes_sent <= 256 * 1024
        assert path.buffered > 0


CHANGES: dict[str, Any] = {
    "certificate": b64(RelayCertificate(REAL).der),
    "attempt": 77,
    "nonce": b64(b"z" * 16),
    "capabilities": ["none/1"],
    "incarnation": "f" * 16,
    "sig": b64(b"s" * 64),
}


async def told(relay: Relay, source: str) -> SignalError:
    await until(lambda: relay.of(SignalError, source))
    return relay.of(SignalError, source)[0]


@pytest.mark.parametrize("field", CHANGES)
async def test_a_relay_open_that_was_changed_on_the_way_opens_nothing(field: str):
    def bend(source: str, frame: msgspec.Struct) -> tuple[msgspec.Struct, ...]:
        if isinstance(frame, RelayOpen):
            return (msgspec.structs.replace(frame, **{field: CHANGES[field]}),)
        return no_direct(source, frame)

    async with two(bend=bend) as (relay, alice, bob):
        alice.driver.want(bob.id)
        error = await told(relay, "bob")
        assert error.code == "bad_signature"
        assert not relay.of(RelayReady) and not bob.listener.attached


@pytest.mark.parametrize("field", [*CHANGES, "open"])
async def test_a_relay_ready_that_was_changed_on_the_way_opens_nothing(field: str):
    def bend(source: str, frame: msgspec.Struct) -> tuple[msgspec.Struct, ...]:
        if isinstance(frame, RelayReady):
            new = CHANGES.get(field, b64(b"o" * 32))
            return (msgspec.structs.replace(frame, **{field: new}),)
        return no_direct(source, frame)

    async with two(bend=bend) as (relay, alice, bob):
        alice.driver.want(bob.id)
        await until(lambda: relay.of(RelayReady))
        if field not in ("attempt",):
            assert (await told(relay, "alice")).code in ("bad_signature", "denied")
        assert not alice.listener.attached and not bob.listener.attached


def lying(**fields: Any) -> type[RelayAttempt]:
    """Its hello says something else than its signed opening."""

    class Lying(RelayAttempt):
        def _greet(self) -> None:
            assert self.exchange and self.channel
            binding = msgspec.structs.replace(self.exchange.binding, **fields)
            self.channel.send(encode(make_hello(binding, self._me)))

    return Lying


class Undressed(RelayAttempt):
    """It shows no certificate, or a key that is not the one it signed."""

    keyless = False

    def _begin(self, opening: VerifiedOpening) -> None:
        signed_one, other = self._streams._certificate, RelayCertificate(REAL)
        self._streams._certificate = other
        if self.keyless:
            other._load = lambda context: None  # type: ignore[method-assign]
        super()._begin(opening)
        self._streams._certificate = signed_one


class Keyless(Undressed):
    keyless = True


LIARS = {
    "another fingerprint": lying(fingerprint=b"w" * 32),
    "another path": lying(path="direct"),
    "another open": lying(offer_hash=b"w" * 32),
    "another ready": lying(answer_hash=b"w" * 32),
    "another member": lying(me="carol"),
    "another nonce": lying(nonce=b"w" * 16),
    "another key in TLS": Undressed,
    "no certificate": Keyless,
}


@pytest.mark.parametrize("first", ["alice", "bob"])
@pytest.mark.parametrize("lie", LIARS)
async def test_whoever_lies_on_the_stream_has_no_link(lie: str, first: str):
    """Alice lies, as the TLS client and as the server."""
    async with two() as (relay, alice, bob):
        assert alice.streams is not None
        kind = partial(LIARS[lie], streams=alice.streams)
        alice.driver.effects.attempt_types["relay"] = kind
        one, other = (alice, bob) if first == "alice" else (bob, alice)
        one.driver.want(other.id)
        error = await told(relay, "")
        assert error.code in ("bad_signature", "bad_request")
        assert not bob.listener.attached and not bob.listener.frames


async def test_a_relay_open_with_another_members_certificate_has_no_use_for_it():
    """Whose key it is shows in TLS: who has another cannot finish the handshake."""
    async with two() as (relay, alice, bob):
        assert alice.streams is not None and bob.streams is not None
        mine = alice.streams.certificate
        theirs = bob.streams.certificate
        stolen = RelayCertificate(REAL)
        stolen.der, stolen.fingerprint = theirs.der, theirs.fingerprint
        stolen._load = mine._load  # type: ignore[method-assign]
        alice.streams._certificate = stolen
        alice.driver.want(bob.id)
        assert (await told(relay, "bob")).code == "bad_signature"
        assert not alice.listener.attached and not bob.listener.attached


async def test_a_stream_that_somebody_changes_is_closed_and_carries_nothing_wrong():
    async with two() as (relay, alice, bob):
        await alice.open(bob)

        def flip(source: str, data: bytes) -> tuple[bytes]:
            header = read_header(data)
            if source == "alice" and header.kind is RelayKind.DATA:
                return (data[:-1] + bytes([data[-1] ^ 1]),)
            return (data,)

        relay.bend_traffic = flip
        alice.listener.paths["bob"].send(b"to bob")
        await bob.listener.until(lambda: bob.listener.detached)
        assert not bob.listener.frames


@pytest.mark.parametrize("dribble", [False, True])
async def test_a_stream_that_stalls_before_hello_is_given_up(monkeypatch, dribble: bool):
    """Whether nothing comes or a byte at a time: an attempt has its seconds, and no more."""
    monkeypatch.setattr("chatixia.core.link.TRY_SECONDS", 1.0)

    def bend(source: str, data: bytes) -> list[bytes]:
        header = read_header(data)
        if header.kind is not RelayKind.DATA:
            return [data]
        head = data[: header.start]
        return [head + bytes([byte]) for byte in data[header.start :][:100]] if dribble else []

    async with two() as (relay, alice, bob):
        assert alice.streams is not None and bob.streams is not None
        relay.bend_traffic = bend
        alice.driver.want(bob.id)
        await until(lambda: relay.of(RelayReady))
        await until(lambda: not len(alice.streams) and not len(bob.streams))
        assert not alice.listener.attached and not bob.listener.attached


async def test_a_direct_path_that_opens_later_takes_over_and_the_relay_closes():
    async with two() as (relay, alice, bob):
        await alice.open(bob)
        assert alice.driver.report()[0].tier == "relay"
        relay.bend = lambda source, frame: (frame,)
        await alice.listener.until(lambda: len(alice.listener.attached) == 2)
        await bob.listener.until(lambda: len(bob.listener.attached) == 2)
        assert [each.tier for each in alice.driver.report()] == ["direct"]
        assert [each.tier for each in bob.driver.report()] == ["direct"]
        await alice.listener.until(lambda: alice.listener.detached)
        assert "bob" in alice.listener.paths


async def test_a_stream_that_ends_is_opened_again():
    async with two() as (relay, alice, bob):
        await alice.open(bob)
        assert alice.streams is not None
        alice.streams.reset()
        await alice.listener.until(lambda: alice.listener.detached)
        await alice.listener.until(lambda: len(alice.listener.attached) == 2)
        assert [each.tier for each in alice.driver.report()] == ["relay"]
