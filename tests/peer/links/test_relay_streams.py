"""The streams of one process share one socket: in turns, by name, and all end with the login."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.errors import Denied
from chatixia.peer.links.relay_channel import RelayChannel
from chatixia.peer.links.relay_streams import RelayMultiplexer
from chatixia.wire.relay import RelayReason, close_message, data_message, read_header, restamp
from chatixia.world import REAL


class End:
    """One process: ``carry`` brings what it has to the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.streams = RelayMultiplexer(REAL, lambda: None)
        self.sent: list[bytes] = []


def carry(one: End, two: End) -> None:
    """Until neither has anything more."""
    moved = True
    while moved:
        moved = False
        for source, target in ((one, two), (two, one)):
            while (message := source.streams.next_message()) is not None:
                source.sent.append(message)
                target.streams.receive(restamp(message, read_header(message), source.name))
                moved = True


def linked(one: End, two: End, attempt: int = 1) -> tuple[RelayChannel, RelayChannel]:
    mine = one.streams.open(two.name, attempt, two.streams.certificate.der, server=False)
    yours = two.streams.open(one.name, attempt, one.streams.certificate.der, server=True)
    mine.start()
    carry(one, two)
    assert mine.state == yours.state == "open"
    return mine, yours


@pytest.fixture
async def ends() -> tuple[End, End]:
    return End("alice"), End("bob")


async def test_two_streams_take_turns(ends):
    alice, bob = ends
    channels = [linked(alice, bob, attempt)[0] for attempt in (1, 2)]
    for channel in channels:
        channel.send(bytes(200_000))
    alice.sent.clear()
    carry(alice, bob)
    order = [read_header(message).attempt for message in alice.sent]
    assert order[:4] == [1, 2, 1, 2]


async def test_a_stream_that_is_there_is_not_opened_again(ends):
    alice, bob = ends
    linked(alice, bob)
    with pytest.raises(Denied):
        alice.streams.open("bob", 1, bob.streams.certificate.der, server=False)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"\x09\x03bob" + bytes(5),
        data_message("carol", 1, b"x"),
        data_message("bob", 2, b"x"),
        close_message("bob", 2, RelayReason.BYE),
    ],
)
async def test_what_belongs_to_no_stream_is_dropped(ends, message: bytes):
    alice, bob = ends
    mine, _ = linked(alice, bob)
    alice.streams.receive(message)
    assert mine.state == "open" and len(alice.streams) == 1


async def test_a_close_ends_it_at_both_ends(ends):
    alice, bob = ends
    mine, yours = linked(alice, bob)
    mine.send(b"the last frame")
    frames: list[bytes | str] = []
    yours.on_message = frames.append
    mine.close()
    carry(alice, bob)
    assert frames == [b"the last frame"]
    assert mine.closed and yours.closed
    assert not len(alice.streams) and not len(bob.streams)


async def test_the_end_of_the_login_ends_every_stream(ends):
    alice, bob = ends
    mine = [linked(alice, bob, attempt)[0] for attempt in (1, 2)]
    ended: list[int] = []
    for channel in mine:
        channel.on_close = lambda channel=channel: ended.append(channel.attempt)
    alice.streams.reset()
    assert ended == [1, 2] and not len(alice.streams)
    assert alice.streams.next_message() is None


async def test_a_drain_waits_for_what_is_queued_and_no_longer_than_it_may(ends):
    alice, bob = ends
    mine, _ = linked(alice, bob)
    mine.send(bytes(1000))
    draining = asyncio.ensure_future(alice.streams.drain(20))
    await asyncio.sleep(0)
    assert not draining.done()
    carry(alice, bob)
    await draining
    mine.send(bytes(1000))
    await alice.streams.drain(0.01)
    assert mine.buffered
