"""Turns at the socket reader: whoever reads little is never behind all of whoever reads much."""

from __future__ import annotations

import asyncio

from chatixia.registry.live.turns import FRAMES_PER_TURN, ReadTurns


class Reader:
    """Sockets that take turns; ``order`` says who read in which turn of the loop."""

    def __init__(self) -> None:
        self.turns, self.order, self.turn = ReadTurns(), list[tuple[int, str]](), 0

    async def socket(self, holder: str, messages: int, frames: int = 1) -> None:
        for _ in range(messages):
            await self.turns.take(holder)
            self.order.append((self.turn, holder))
            self.turns.spent(holder, frames - 1)

    async def until(self, *sockets: asyncio.Task[None]) -> None:
        while not all(socket.done() for socket in sockets):
            await asyncio.sleep(0)
            self.turn += 1

    def in_one_turn(self, holder: str) -> int:
        """The most that ``holder`` read in one turn."""
        turns = [turn for turn, who in self.order if who == holder]
        return max(map(turns.count, turns))


async def test_many_sockets_of_one_holder_leave_each_turn_to_others():
    reader = Reader()
    greedy = [asyncio.ensure_future(reader.socket("greedy", 40)) for _ in range(20)]
    await asyncio.sleep(0)
    honest = asyncio.ensure_future(reader.socket("honest", 3))
    await reader.until(honest)
    assert sum(who == "greedy" for _, who in reader.order) < 10 * FRAMES_PER_TURN
    await reader.until(*greedy)
    assert reader.in_one_turn("greedy") <= 2 * FRAMES_PER_TURN
    assert reader.order.count((reader.order[-1][0], "greedy")) and len(reader.order) == 803


async def test_a_message_of_many_frames_is_a_debt_of_the_turns_that_follow():
    reader = Reader()
    await reader.until(asyncio.ensure_future(reader.socket("greedy", 4, 10 * FRAMES_PER_TURN)))
    first, second, *_ = [turn for turn, _ in reader.order]
    assert second - first >= 9
    while reader.turns._left:
        await asyncio.sleep(0)
    assert not reader.turns._armed  # it costs nothing while nobody reads


async def test_a_socket_that_ended_while_it_waited_takes_no_turn():
    reader = Reader()
    reader.turns.spent("greedy", 2 * FRAMES_PER_TURN)
    gone, there = (asyncio.ensure_future(reader.socket("greedy", 1)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await reader.until(gone, there)
    assert len(reader.order) == 1


async def test_a_turn_at_once_is_one_of_the_same_number():
    turns = ReadTurns()
    assert all(turns.take_now("one") for _ in range(FRAMES_PER_TURN))
    assert not turns.take_now("one") and turns.take_now("other")
    waiting = asyncio.ensure_future(turns.take("one"))
    await asyncio.sleep(0)
    await waiting
    assert turns.take_now("one")
