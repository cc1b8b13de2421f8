"""Calls over a real registry's queue."""

import asyncio

import pytest

from chatixia.assembly.enrol import enrol
from chatixia.errors import MeshError, SkillFailed
from chatixia.wire.signaling import TaskDone
from chatixia.wire.tasks import MAX_PAYLOAD, Cancel, Query, Submit
from chatixia.world import REAL, task_id
from tests.peer.meshes import queued, two


async def code(awaitable):
    with pytest.raises(MeshError) as raised:
        await awaitable
    return raised.value


async def test_an_answer_says_that_it_came_by_the_queue():
    async with two() as (_, a, _b):
        answer = await a.call(queued("b"))
        assert (answer.value, answer.via, answer.agent) == (b'"hi"', "queue, plain", "b")


async def test_errors_keep_their_names():
    async def broken(incoming, responder):
        responder.fail(SkillFailed("It broke."))

    async with two(broken) as (_, a, _b):
        error = await code(a.call(queued("b")))
        assert (type(error), error.message, error.via) == (SkillFailed, "It broke.", "queue, plain")
        assert (await code(a.call(queued("nobody")))).code == "unknown_agent"
        large = b'"' + b"x" * MAX_PAYLOAD + b'"'
        error = await code(a.call(queued("b", body=large)))
        assert error.code == "too_large" and "queue" in error.message


async def test_work_for_an_agent_that_is_away_waits_and_ends_unreachable():
    async with two() as (registry, a, _b):
        (await asyncio.to_thread(enrol, registry.profile, "c")).close()
        error = await code(a.call(queued("c", timeout=0.5)))
        assert error.code in ("unreachable", "unknown_agent") and error.outcome == "definite"


async def test_a_caller_that_leaves_cancels_the_task():
    started, stopped = asyncio.Event(), asyncio.Event()

    async def hang(incoming, responder):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with two(hang) as (_, a, _b):
        call = asyncio.create_task(a.call(queued("b", "hang")))
        await started.wait()
        call.cancel()
        async with asyncio.timeout(10):
            await stopped.wait()
        while (await a.verb("tasks.list", Query())).tasks[0].state != "canceled":
            await asyncio.sleep(0)


@pytest.mark.parametrize("turns", [1, 3, 10])
async def test_a_caller_that_leaves_while_its_task_is_submitted_cancels_it(turns: int):
    """The cancel follows at the submit's heels, and may be read before that is written."""

    async def hang(incoming, responder):
        await asyncio.Event().wait()

    async with two(hang) as (_, a, _b), asyncio.timeout(10):
        call = asyncio.create_task(a.call(queued("b", "hang")))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        # On the same socket, behind both.
        after = Submit(id=str(task_id(REAL)), target_agent_id="b", skill="hang")
        await a.verb("tasks.submit", after)
        await a.verb("tasks.cancel", Cancel(after.id))
        while any(task.state != "canceled" for task in (await a.verb("tasks.list", Query())).tasks):
            await asyncio.sleep(0.01)


async def test_one_key_is_one_task():
    done = []

    async def count(incoming, responder):
        done.append(incoming.key)
        responder.reply(b"%d" % len(done))

    async with two(count) as (_, a, _b):
        answers = [await a.call(queued("b", key="k1")) for _ in range(2)]
        assert [answer.value for answer in answers] == [b"1", b"1"]
        assert len(done) == 1


async def test_many_at_once_come_back_to_who_asked():
    async with two() as (_, a, _b):
        calls = [a.call(queued("b", body=b"%d" % n)) for n in range(100)]
        assert [int(answer.value) for answer in await asyncio.gather(*calls)] == list(range(100))


async def test_a_watch_ends_with_the_task():
    async def slow(incoming, responder):
        responder.progress(0.5, "half")
        await gate.wait()
        responder.reply(b"1")

    gate = asyncio.Event()
    async with two(slow) as (_, a, _b):
        name = task_id()
        await a.verb("tasks.submit", Submit(id=name, target_agent_id="b", skill="echo"))
        seen = []
        async for push in a.watch(name, 20):
            seen.append(push)
            gate.set()
        assert isinstance(seen[-1], TaskDone) and seen[-1].task.state == "completed"
        again = [push async for push in a.watch(name, 20)]
        assert [type(push) for push in again] == [TaskDone]


async def test_a_watch_has_an_end():
    async def hang(incoming, responder):
        await asyncio.Event().wait()

    async with two(hang) as (_, a, _b):
        name = task_id()
        await a.verb("tasks.submit", Submit(id=name, target_agent_id="b", skill="hang"))

        async def watch():
            async for _ in a.watch(name, 0.3):
                pass

        assert (await code(watch())).code == "deadline_exceeded"
