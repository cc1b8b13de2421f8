"""At most so many runs, one of each conversation, none lost, and nobody takes all the room."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

import pytest

from chatixia.agent.model.run_queue import RunQueue
from chatixia.errors import Overloaded

FOREVER = 30.0


class Runs:
    """Runs in a queue, each ended by the test."""

    def __init__(self, queue: RunQueue) -> None:
        self.queue = queue
        self.log: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.most = 0

    async def run(self, name: str, conversation: Hashable, holder: str = "") -> None:
        named = not holder
        async with self.queue.turn(conversation, holder or "m", is_named=named) as turn:
            assert await turn.wait(FOREVER)
            self.log.append(name)
            self.most = max(self.most, self.queue.running)
            await self.ends.setdefault(name, asyncio.Event()).wait()

    def start(self, name: str, conversation: Hashable, holder: str = "") -> asyncio.Task[None]:
        """``holder``: one that the owner does not name; empty for one that it names."""
        return asyncio.ensure_future(self.run(name, conversation, holder))

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_two_hundred_at_once_and_at_most_eight_run():
    runs = Runs(RunQueue(8))
    tasks = [runs.start(f"r{n}", n) for n in range(200)]
    for n in range(200):
        await settle()
        assert runs.queue.running == min(8, 200 - n)
        await runs.end(runs.log[n])
    await asyncio.gather(*tasks)
    assert len(runs.log) == 200
    assert runs.most == 8
    assert (runs.queue.running, runs.queue.waiting) == (0, 0)


async def test_a_conversation_goes_one_after_the_other_and_holds_nobody_up():
    runs = Runs(RunQueue(2))
    tasks = [runs.start(name, "same") for name in ("a", "b", "c")]
    tasks.append(runs.start("other", "other"))
    await settle()
    assert runs.log == ["a", "other"]
    await runs.end("a")
    assert runs.log == ["a", "other", "b"]
    await runs.end("other")
    await runs.end("b")
    await runs.end("c")
    await asyncio.gather(*tasks)
    assert runs.log == ["a", "other", "b", "c"]


async def test_holders_take_turns():
    runs = Runs(RunQueue(1))
    tasks = [runs.start(f"greedy{n}", n, "greedy") for n in range(4)]
    await settle()
    tasks.append(runs.start("small", "x", "small"))
    await settle()
    await runs.end("greedy0")
    await runs.end(runs.log[-1])
    assert "small" in runs.log[:3]
    for name in ("greedy1", "greedy2", "greedy3", "small"):
        runs.ends.setdefault(name, asyncio.Event()).set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("victim", ["a", "b", "c", "d"])
async def test_one_that_leaves_while_it_waits_or_runs_leaves_its_place(victim: str):
    runs = Runs(RunQueue(1))
    tasks = {n: runs.start(n, k) for n, k in (("a", 1), ("b", 1), ("c", 2), ("d", 1))}
    await settle()
    tasks[victim].cancel()
    await settle()
    for name in "abcd":
        runs.ends.setdefault(name, asyncio.Event()).set()
    ended = await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in ended) == 1
    assert set("abcd") - set(runs.log) <= {victim}
    assert (runs.queue.running, runs.queue.waiting) == (0, 0)


async def test_beyond_the_room_it_is_busy_and_one_holder_has_no_more_than_its_share():
    runs = Runs(RunQueue(1, waiting=15))
    tasks = [runs.start(f"r{n}", n, "greedy") for n in range(12)]
    await settle()
    with pytest.raises(Overloaded) as error:
        await runs.run("late", "late", "greedy")
    assert error.value.retry_after > 0
    tasks.append(runs.start("small", "small", "small"))
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (runs.queue.running, runs.queue.waiting) == (0, 0)


async def test_who_is_not_named_leaves_slots_for_others():
    runs = Runs(RunQueue(8))
    tasks = [runs.start(f"g{n}", n, "greedy") for n in range(12)]
    await settle()
    assert runs.queue.running == 6
    tasks.append(runs.start("small", "x", "small"))
    tasks += [runs.start(f"owner{n}", f"o{n}") for n in range(3)]
    await settle()
    assert runs.log[6:] == ["small", "owner0"]
    await runs.end("g0")
    assert runs.log[8:] == ["owner1"]  # before one of those that came first
    for name in (*(f"g{n}" for n in range(12)), "small", "owner0", "owner1", "owner2"):
        runs.ends.setdefault(name, asyncio.Event()).set()
    await asyncio.gather(*tasks)
    assert len(runs.log) == 16


async def test_one_slot_is_for_anybody():
    queue = RunQueue(1)
    async with queue.turn("x", "stranger") as turn:
        assert await turn.wait(FOREVER)


async def test_a_run_that_its_own_agent_waits_for_never_waits_in_turn():
    queue = RunQueue(1)
    async with queue.turn("x", "m") as turn:
        assert await turn.wait(FOREVER)
        with pytest.raises(Overloaded):
            async with queue.turn("y", "m", nested=True):
                pytest.fail("it would wait for the run that waits for it")
    async with queue.turn("y", "m", nested=True) as turn:
        assert await turn.wait(FOREVER)


async def test_waiting_ends_when_its_time_is_over():
    queue = RunQueue(1)
    async with queue.turn("x", "m") as first, queue.turn("y", "m") as second:
        assert await first.wait(FOREVER)
        assert not await second.wait(0.01)
