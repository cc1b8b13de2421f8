"""One peer's session over a path that a test holds in its hands."""

import asyncio
import random

import pytest

from chatixia.core import frames
from chatixia.core.call import Calls
from chatixia.core.exchange import PendingCall, ServedRequest
from chatixia.core.ports import Outgoing
from chatixia.core.timers import TimerWheel
from chatixia.peer.artifacts.offers import ArtifactOffers
from chatixia.peer.engines.base import EngineRefused
from chatixia.peer.sessions.channel import ENGINE_BYTES, SessionChannel
from chatixia.peer.timers import LoopTimers
from chatixia.testing.clock import FakeWorld
from chatixia.wire import messages as m
from chatixia.wire.peer import CAPABILITIES


class Path:
    """Keeps what is sent; ``refuse`` makes the engine full."""

    tier, where, holder, link_ms, max_message = "direct", "", "", 1.0, 262_144
    capabilities, trust = frozenset(CAPABILITIES), "owner"

    def tell(self, data):
        return False

    def on_datagram(self, reader):
        pass

    def __init__(self):
        self.frames, self.buffered, self.refuse, self.closed = [], 0, False, ""
        self.on_message = self.on_low = None
        self.frame_at = 0.0

    def send(self, data):
        if self.refuse:
            raise EngineRefused("full")
        self.frames.append(data)

    def close(self, why):
        self.closed = why

    def messages(self):
        return [each for data in self.frames for each in frames.read_frame(data)[1]]


class Side:
    def __init__(self):
        self.world = FakeWorld()
        self.world.waiting = lambda: 0
        self.calls = Calls("a", "b", TimerWheel())
        self.channel = SessionChannel(
            self.calls, self.world, self.world, asyncio.get_running_loop()
        )
        self.seen = []
        self.channel.perform = self.seen.extend
        self.path = Path()
        self.channel.attach(self.path, 0)
        self.path.frames.clear()

    def ask(self, rid, size=2):
        pending = self.calls.ask(Outgoing("b", "s", b'"%s"' % (b"x" * size)), rid, self.world.now)
        self.channel.kick()
        return pending

    def hear(self, *parts, s=1):
        self.path.on_message(frames.write_frame(s, 0, list(parts)))


async def test_an_idle_link_sends_at_once_and_a_busy_one_once_per_turn():
    side = Side()
    side.ask("1")
    assert len(side.path.frames) == 1
    for n in "2345":
        side.ask(n)
    assert len(side.path.frames) == 1
    await asyncio.sleep(0)
    assert len(side.path.frames) == 2
    assert [each.request_id for each in side.path.messages()] == list("12345")


async def test_replies_made_while_a_frame_is_read_leave_as_one_frame():
    side = Side()

    def perform(sink):
        for served in sink:
            side.calls.answer(served, b"1")
            side.channel.kick()

    side.channel.perform = perform
    side.hear(*(frames.task_request(f"r{n}", "s", b"{}", 5000) for n in range(10)))
    assert len(side.path.frames) == 1
    assert len(side.path.messages()) == 10


async def test_a_refused_frame_is_kept_until_the_engine_has_room():
    side = Side()
    side.path.refuse = True
    pending = side.ask("1")
    assert not pending.sent
    side.path.refuse = False
    side.ask("2")
    await asyncio.sleep(0)
    assert not side.path.frames  # it waits for the engine's word
    side.path.on_low()
    assert [each.request_id for each in side.path.messages()] == ["1", "2"]
    assert pending.sent


async def test_a_path_that_is_low_while_it_takes_a_frame_gets_none_twice():
    """As the relay's does, which gives the socket what it took at once."""

    side = Side()
    path, send = side.path, side.path.send

    def prompt(data):
        send(data)
        if len(path.frames) == 1:
            path.on_low()

    path.send = prompt
    for n in "123":
        side.ask(n)
    await asyncio.sleep(0)
    assert [each.request_id for each in path.messages()] == list("123")


async def test_no_more_than_256_kib_stand_in_the_engine():
    side = Side()
    side.path.buffered = ENGINE_BYTES + 1
    side.ask("1", 900_000)
    await asyncio.sleep(0)
    assert sum(map(len, side.path.frames)) <= ENGINE_BYTES
    side.path.buffered = 0
    side.path.on_low()
    assert sum(map(len, side.path.frames)) > 900_000


async def test_the_engine_is_asked_how_full_it_is_only_where_it_might_be_full():
    asked: list[int] = []

    class Asked(Path):
        @property
        def buffered(self):
            asked.append(1)
            return 0

        @buffered.setter
        def buffered(self, value):
            pass

    side = Side()
    side.path = Asked()
    side.channel.attach(side.path, 0)
    asked.clear()
    side.ask("1", 900_000)
    assert sum(map(len, side.path.frames)) > 900_000
    assert 0 < len(asked) <= 900_000 // ENGINE_BYTES + 1


async def test_an_ack_alone_goes_after_20_ms_or_64_kib():
    side = Side()
    side.hear(frames.task_request("r", "s", b"{}", 5000))
    assert not side.path.frames
    side.world.advance(0.021)
    assert side.path.frames == [b'{"a":1}']
    for s in range(2, 7):
        body = b'"' + b"x" * 14_000 + b'"'
        side.hear(frames.task_request(f"r{s}", "s", body, 5000), s=s)
    assert side.path.frames[-1] == b'{"a":6}'


async def test_a_new_path_gets_what_is_missing():
    side = Side()
    side.ask("1")
    assert side.channel.detach(side.path) and not side.channel.detach(side.path)
    side.ask("2")
    fresh = Path()
    side.channel.attach(fresh, 0)
    assert [each.request_id for each in fresh.messages()] == ["1", "2"]


async def test_a_path_beside_the_one_in_use_is_read_and_nothing_is_sent_there():
    side = Side()
    side.world.advance(1)
    side.channel.read(better := Path())
    better.on_message(frames.write_frame(1, 0, []))
    assert side.calls.session.a == 1 and not better.frames
    assert better.frame_at > 0 == side.path.frame_at
    side.ask("r")
    assert len(side.path.frames) == 1
    side.channel.attach(better, None)
    assert [frames.read_frame(data)[0].s for data in better.frames] == [1]
    assert side.path.on_low is not better.on_low, "a replaced path unblocks nothing"


async def test_only_the_new_path_settles_a_doubt_about_its_peer():
    side = Side()
    side.ask("r1")
    side.path.on_message(frames.write_frame(1, 1, []))
    side.channel.attach(better := Path(), 0)  # its hello left before that ack
    assert side.calls.session.doubtful
    side.path.on_message(frames.write_frame(2, 0, []))  # older than the hello
    assert side.calls.session.doubtful and side.calls.session.a == 2
    better.on_message(frames.write_ack(1))
    assert not side.calls.session.doubtful and not side.path.closed


async def test_a_path_that_was_read_before_is_believed_and_not_its_old_hello():
    side = Side()
    side.ask("r1")
    side.path.on_message(frames.write_frame(1, 1, []))
    side.channel.read(better := Path())
    side.channel.attach(better, None)
    assert not side.calls.session.doubtful
    side.ask("r2")
    await asyncio.sleep(0)
    assert frames.read_frame(better.frames[-1])[0].s == 2


async def test_silence_brings_the_oldest_frames_again():
    side = Side()
    side.ask("1")
    side.world.advance(3.0)
    assert [each.request_id for each in side.path.messages()] == ["1", "1"]


async def test_text_frames_are_read_too():
    side = Side()
    side.path.on_message(
        frames.write_frame(1, 0, [frames.task_request("r", "s", b"{}", 9)]).decode()
    )
    assert isinstance(side.seen[0], ServedRequest)


@pytest.mark.parametrize("data", [b"", b"\x02", b"garbage", b'{"s":-1}', b'{"a":9}', "text"])
async def test_a_malformed_frame_closes_that_path_and_nothing_else(data):
    side = Side()
    pending = side.ask("1")
    side.path.on_message(data)
    assert side.path.closed and side.channel.path is None
    fresh = Path()
    side.channel.attach(fresh, 0)
    fresh.on_message(frames.write_frame(1, 1, [frames.task_response("1", b"7")]))
    assert side.seen == [pending] and isinstance(pending, PendingCall)


async def test_mutated_frames_never_crash_it():
    dice = random.Random(11)
    good = frames.write_frame(
        1, 0, [frames.task_request("r", "s", b'{"x":1}', 5000), frames.encode(m.PingAsk())]
    )
    piece = frames.write_fragment(frames.Fragment(1, 0, 1, 0, 2, b"x" * 40))
    for _ in range(500):
        side, data = Side(), bytearray(dice.choice((good, piece)))
        for _ in range(dice.randrange(1, 10)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        side.path.on_message(bytes(data))
        fresh = Path()
        side.channel.attach(fresh, 0)
        side.world.stop()


async def test_the_loops_own_timers():
    rung = asyncio.Event()
    LoopTimers().later(0.001, rung.set)
    LoopTimers().later(60, rung.set).cancel()
    await asyncio.wait_for(rung.wait(), 5)


async def test_closing_gives_the_path_up():
    side = Side()
    side.channel.close("enough")
    assert side.path.closed == "enough" and side.channel.path is None
    side.channel.close("again")


def piece(s, name=1, i=0):
    return frames.write_fragment(frames.Fragment(s, 0, name, i, 3, b"x" * 1000))


async def test_a_message_that_came_in_part_is_given_up_in_time_while_there_is_a_path():
    side = Side()
    halves = side.calls.session.halves
    side.path.on_message(piece(1))
    side.channel.detach(side.path)
    side.world.advance(100)
    assert halves.bytes == 1000  # its peer could not go on
    side.channel.attach(again := Path(), 0)
    side.world.advance(61)
    assert halves.bytes == 0
    again.on_message(piece(2, i=1))
    assert not again.closed and halves.bytes == 0


async def test_a_peer_that_breaks_the_protocol_holds_no_memory():
    side = Side()
    side.path.on_message(piece(1))
    side.path.on_message(piece(9))  # held out of its order
    session = side.calls.session
    assert session.halves.bytes == 1000 and session._early
    side.path.on_message(piece(2, i=2))
    assert side.path.closed and session.halves.bytes == 0 and not session._early


async def test_a_channel_lends_from_the_table_that_it_was_given_even_while_that_is_empty():
    world = FakeWorld()
    offers = ArtifactOffers(world)
    assert not len(offers)
    loop = asyncio.get_running_loop()
    calls = Calls("a", "b", TimerWheel())
    assert SessionChannel(calls, world, world, loop, offers).offers is offers
