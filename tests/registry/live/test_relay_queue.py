"""What waits for one socket: in turn, within bytes and rates, counted until it is taken or gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.core.relay_limits import BURST_SECONDS, MB, RelayLimits, RelayRates
from chatixia.core.relay_table import SOCKET_BYTES, RelayParty, RelayStream
from chatixia.core.shares import Shares
from chatixia.registry.live.relay_queue import RelayItem, RelayQueue
from chatixia.wire.relay import RELAY_WINDOW, credit_message

TO = RelayParty("to", "mt")


class Reader:
    """A queue with what it was told."""

    def __init__(self, limits: RelayLimits | None = None, waiting: int = 64_000_000) -> None:
        self.now, self.wakes = 0.0, asyncio.Event()
        self.written: list[tuple[str, int]] = []
        self.waiting = Shares(waiting)
        rates = RelayRates(limits or RelayLimits(), 0.0)
        self.direct: list[bytes] = []
        self.ready = False
        self.queue = RelayQueue(
            self.waiting, rates, lambda: self.now, self._written, self.wakes.set, self.line
        )

    def line(self) -> Any:
        return self if self.ready else None

    def write(self, message: bytes) -> None:
        self.direct.append(message)

    def _written(self, stream: RelayStream, sender: str, size: int) -> None:
        self.written.append((sender, size))

    def put(self, sender: str, data: bytes, holder: str = "") -> bool:
        stream = RelayStream(RelayParty(sender, holder or sender), TO, 1, 0.0)
        return self.queue.put(holder or sender, RelayItem(stream, sender, data, len(data)))

    def all(self) -> list[bytes]:
        return list(iter(self.queue.pop, None))


def test_machines_take_turns_and_each_keeps_its_order():
    reader = Reader()
    for n in range(3):
        reader.put("a", b"a%d" % n)
    reader.put("b", b"b0")
    assert reader.wakes.is_set() and len(reader.queue) == 4
    assert reader.all() == [b"a0", b"b0", b"a1", b"a2"]
    assert reader.written == [("a", 2), ("b", 2), ("a", 2), ("a", 2)]


def test_credit_goes_first_and_says_what_is_true_then():
    reader = Reader()
    stream = RelayStream(TO, RelayParty("a", "a"), 1, 0.0)
    gone = RelayStream(TO, RelayParty("b", "b"), 1, 0.0)
    reader.put("a", b"data")
    for one in (stream, stream, gone):
        reader.queue.put_credit(one, "to")
    gone.ended = True
    stream.flows["to"].allowed = RELAY_WINDOW + 9
    assert reader.all() == [credit_message("a", 1, RELAY_WINDOW + 9), b"data"]


def test_what_may_go_is_written_at_once_and_never_before_what_waits():
    reader = Reader(RelayLimits(mb_per_s=1.0))
    reader.put("a", b"1")
    reader.ready = True
    reader.put("a", b"2")
    assert not reader.direct and reader.all() == [b"1", b"2"]
    reader.put("a", bytes(MB), "m")
    assert reader.direct == [bytes(MB)] and reader.written[-1] == ("a", MB)
    reader.put("a", b"above its rate", "m")
    reader.put("b", b"behind")
    assert len(reader.direct) == 1 and len(reader.queue) == 2
    reader.queue.clear()
    reader.put("b", b"alone")
    assert reader.direct[1:] == [b"alone"] and not reader.queue.size
    reader.queue.put_credit(RelayStream(TO, RelayParty("a", "a"), 1, 0.0), "to")
    reader.put("b", b"after credit")
    assert len(reader.direct) == 2 and len(reader.all()) == 2


def test_one_machine_fills_three_quarters_and_others_have_the_rest():
    reader, part = Reader(), bytes(SOCKET_BYTES // 64)
    assert sum(reader.put("a", part, "m") for _ in range(64)) == 48
    assert sum(reader.put("b", part, "n") for _ in range(64)) == 4
    assert reader.queue.size == reader.waiting.used == 52 * len(part)
    reader.queue.pop()
    assert reader.put("a", part, "m") is False and reader.waiting.of("m") == 47 * len(part)
    reader.queue.clear()
    assert reader.waiting.used == reader.queue.size == len(reader.queue) == 0


def test_all_queues_share_a_total():
    reader = Reader(waiting=1000)
    assert reader.put("a", bytes(700)) and not reader.put("a", bytes(100))
    assert reader.put("b", bytes(60))


def test_the_end_of_a_stream_is_told_behind_its_data_however_full_it_is():
    reader = Reader(waiting=100)
    reader.put("a", bytes(70))
    reader.queue.put_always("a", RelayItem(None, "a", b"end" * 20))
    assert reader.all() == [bytes(70), b"end" * 20] and reader.waiting.used == 0


async def test_above_its_rate_a_machine_waits_and_others_do_not():
    reader = Reader(RelayLimits(mb_per_s=1.0))
    for _ in range(8):
        reader.put("a", bytes(int(MB * BURST_SECONDS) // 2))
    reader.put("b", b"quick")
    first = reader.all()
    assert b"quick" in first and 3 <= len(first) <= 5
    reader.wakes.clear()
    async with asyncio.timeout(5):
        await reader.wakes.wait()
    assert reader.queue.pop() is None, "time goes by the clock that it was given"
    rest = 0
    for _ in range(8):
        reader.now += 1 / 8
        rest += len(reader.all())
    assert rest + len(first) == 9
    reader.queue.clear()


async def test_a_queue_that_is_cleared_wakes_nobody():
    reader = Reader(RelayLimits(mb_per_s=0.01))
    reader.put("a", bytes(MB))
    reader.put("a", b"x")
    assert len(reader.all()) == 1
    timer = reader.queue._timer
    reader.queue.clear()
    assert timer is not None and timer.cancelled() and reader.queue.pop() is None


@pytest.mark.parametrize("size", [1, 100])
def test_an_end_counts_for_no_rate(size: int):
    reader = Reader(RelayLimits(mb_per_s=0.01))
    reader.put("a", bytes(MB))
    reader.queue.pop()
    stream = RelayStream(RelayParty("a", "a"), TO, 1, 0.0)
    reader.queue.put_always("a", RelayItem(stream, "a", bytes(size)))
    assert reader.queue.pop() == bytes(size)
