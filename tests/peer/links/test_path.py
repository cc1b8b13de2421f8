"""A path passes frames on untouched, keeps idle-close frames to itself, and knows its bounds."""

from __future__ import annotations

from typing import Any

from chatixia.peer.engines.base import Channel
from chatixia.peer.links.path import LOW_BYTES, LinkPath
from chatixia.wire.peer import Bye, RevokedFrame
from chatixia.wire.trust import Signed


class Pipe(Channel):
    """A channel that keeps what is sent."""

    state = "open"
    buffered = 3
    max_message = 99
    low_threshold = 0

    def __init__(self) -> None:
        super().__init__("mesh")
        self.out: list[bytes] = []
        self.send = self.out.append

    def close(self) -> None:
        self.ended()


def path() -> tuple[LinkPath, Pipe, list[Any], list[str]]:
    pipe, byes, closed = Pipe(), [], []
    made = LinkPath(pipe, "direct", "192.0.2.1:9", 4.5, byes.append, closed.append)
    return made, pipe, byes, closed


def test_frames_go_through_and_byes_stay():
    made, pipe, byes, _ = path()
    got: list[Any] = []
    made.on_message = got.append
    for frame in (b'{"s":1}', b'{"bye":4}', b"\x01abc", b'{"bye_ack":5}', "text", b""):
        pipe._receive(frame)
    assert got == [b'{"s":1}', b"\x01abc", "text", b""]
    assert byes == [Bye(bye=4), Bye(bye_ack=5)]
    assert made.on_message == got.append


def test_a_malformed_bye_closes_the_path():
    made, pipe, byes, closed = path()
    made.on_message = lambda data: None
    for frame in (b'{"bye":-1}', b'{"bye":"x"}', b'{"bye', b'{"bye":1}\xff'):
        pipe._receive(frame)
    assert len(closed) == 4 and byes == []


def test_it_shows_the_channels_bounds():
    made, pipe, _, _ = path()
    assert (made.buffered, made.max_message, pipe.low_threshold) == (3, 99, LOW_BYTES)
    assert (made.tier, made.where, made.link_ms) == ("direct", "192.0.2.1:9", 4.5)
    made.send(b"frame")
    made.say(Bye(bye=7))
    assert pipe.out == [b"frame", b'{"bye":7}']
    rang: list[int] = []
    made.on_low = lambda: rang.append(1)
    pipe.on_low()
    assert rang == [1] and made.on_low is pipe.on_low


def test_without_a_reader_nothing_breaks():
    made, pipe, _, _ = path()
    made.on_message = None
    pipe._receive(b"nobody reads this")
    assert made.on_message is None


def test_revocations_stay_and_malformed_ones_close_the_path():
    made, pipe, _, closed = path()
    got: list[Any] = []
    made.on_message = got.append
    made.on_revoked = got.append
    pipe._receive(b'{"revoked":[{"b":"AA","s":"AA"}]}')
    assert got == [RevokedFrame([Signed("AA", "AA")])] and not closed
    for frame in (b'{"revoked":1}', b'{"revoked":[' + b'{"b":"","s":""},' * 40 + b"]}", b'{"rev'):
        pipe._receive(frame)
    assert len(closed) == 3 and len(got) == 1
