"""Datagrams beside a session: a channel at need, nothing kept, sent again or beyond a bound."""

from __future__ import annotations

from typing import Any

from chatixia.peer.engines.base import Channel, EngineRefused
from chatixia.peer.links.datagrams import BURST, EVERY_SECONDS, FULL, DatagramChannel
from chatixia.testing.clock import FakeWorld
from chatixia.wire.peer import MAX_STATUS


class Pipe(Channel):
    """A channel that keeps what is sent."""

    state = "open"
    buffered = 0
    max_message = 99
    low_threshold = 0

    def __init__(self) -> None:
        super().__init__("status", lossy=True)
        self.out: list[bytes] = []
        self.send = self.out.append

    def close(self) -> None:
        self.ended()


def one(*made: Pipe) -> tuple[DatagramChannel, list[tuple[str, bool]], FakeWorld]:
    """A channel to be, whose engine has ``made`` to give."""
    asked: list[tuple[str, bool]] = []
    left = list(made)

    def create(label: str, *, lossy: bool) -> Channel:
        asked.append((label, lossy))
        if not left:
            raise EngineRefused("closed")
        return left.pop(0)

    world = FakeWorld()
    return DatagramChannel(create, world), asked, world


def test_it_is_made_when_there_is_something_to_say_and_once():
    pipe = Pipe()
    made, asked, _ = one(pipe)
    assert not asked
    made.send(b"one")
    made.send(b"two")
    assert asked == [("status", True)] and pipe.out == [b"one", b"two"]


def test_while_it_opens_the_newest_waits():
    pipe = Pipe()
    pipe.state = "connecting"
    made, _, _ = one(pipe)
    made.send(b"old")
    made.send(b"new")
    pipe.state = "open"
    pipe.on_open()
    assert pipe.out == [b"new"]


def test_that_of_the_peer_is_used_and_a_second_is_not_taken():
    theirs = Pipe()
    made, asked, _ = one()
    assert made.adopt(theirs) and not made.adopt(Pipe())
    made.send(b"x")
    assert theirs.out == [b"x"] and not asked
    theirs.ended()
    assert made.adopt(Pipe())


def test_an_engine_that_refuses_or_is_full_loses_it():
    made, asked, _ = one()
    made.send(b"x")
    assert len(asked) == 1
    pipe = Pipe()
    made.adopt(pipe)
    pipe.buffered = FULL + 1
    made.send(b"x")
    assert pipe.out == []

    def full(data: bytes) -> None:
        raise EngineRefused("full")

    pipe.buffered, pipe.send = 0, full
    made.send(b"x")


def test_what_is_too_long_or_too_much_is_not_read():
    pipe, got = Pipe(), list[Any]()
    made, _, world = one()
    made.adopt(pipe)
    pipe._receive(b"before anybody reads")
    made.on_message = got.append
    pipe._receive(b"x" * (MAX_STATUS + 1))
    assert not got
    for _ in range(3 * BURST):
        pipe._receive(b"x")
    assert len(got) == BURST - 1
    world.now += 1.5 * EVERY_SECONDS
    pipe._receive(b"y")
    pipe._receive(b"z")
    assert got[-1] == b"y"
    made.let_go()
    world.now += 10
    pipe._receive(b"z")
    assert got[-1] == b"y"
