"""The pool: never on the loop, bounded, context carried, errors brought."""

import asyncio
import contextvars
import threading

import pytest

from chatixia.agent.threads import Threads
from chatixia.errors import Overloaded, Unavailable

word = contextvars.ContextVar("word", default="")


@pytest.fixture
def pool():
    made = Threads(2, waiting=1)
    yield made
    made.close()


async def test_another_thread_with_the_same_context(pool: Threads):
    word.set("carried")
    seen = await pool.run(lambda: (threading.current_thread(), word.get()))
    assert seen[0] is not threading.current_thread()
    assert seen[0].daemon
    assert seen[1] == "carried"


async def test_errors_come_back(pool: Threads):
    with pytest.raises(KeyError):
        await pool.run({}.__getitem__, 1)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await pool.run(next, iter(()))
    with pytest.raises(RuntimeError, match="SystemExit"):
        await pool.run(exit)


async def test_bounds(pool: Threads):
    go = threading.Event()
    running = [asyncio.ensure_future(pool.run(go.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await pool.run(go.wait)
    go.set()
    assert await asyncio.gather(*running) == [True] * 3
    assert await pool.run(len, "ab") == 2


async def test_threads_are_used_again(pool: Threads):
    seen = {await pool.run(threading.get_ident) for _ in range(20)}
    assert len(seen) == 1


async def test_a_cancelled_call_that_waits_never_runs(pool: Threads):
    go, ran = threading.Event(), []
    busy = [asyncio.ensure_future(pool.run(go.wait)) for _ in range(2)]
    late = asyncio.ensure_future(pool.run(ran.append, 1))
    await asyncio.sleep(0)
    late.cancel()
    await asyncio.wait([late])
    go.set()
    await asyncio.gather(*busy)
    assert await pool.run(len, ran) == 0


async def test_a_closed_pool_takes_nothing():
    pool = Threads(1)
    assert await pool.run(len, "a") == 1
    pool.close()
    with pytest.raises(Unavailable):
        await pool.run(len, "a")


async def test_what_ends_after_the_loop_harms_nothing():
    pool, go = Threads(1), threading.Event()

    async def leave() -> None:
        task = asyncio.ensure_future(pool.run(go.wait))
        await asyncio.sleep(0)
        task.cancel()

    await asyncio.to_thread(lambda: asyncio.run(leave()))
    go.set()
    assert await pool.run(len, "a") == 1
    pool.close()


async def test_skills_that_lead_back_here_do_not_take_each_others_threads():
    pool = Threads()
    loop = asyncio.get_running_loop()

    def outer() -> int:
        return asyncio.run_coroutine_threadsafe(pool.run(len, "ab"), loop).result()

    async with asyncio.timeout(10):
        assert await asyncio.gather(*[pool.run(outer) for _ in range(31)]) == [2] * 31
    pool.close()


async def test_one_holder_leaves_threads_to_others_and_they_take_turns():
    pool, go, order = Threads(1, waiting=31), threading.Event(), list[str]()

    def work(who: str) -> None:
        go.wait()
        order.append(who)

    greedy = [asyncio.ensure_future(pool.run_for("greedy", work, "greedy")) for _ in range(24)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as raised:
        await asyncio.wait_for(pool.run_for("greedy", work, "greedy"), 5)
    assert raised.value.retry_after
    honest = [asyncio.ensure_future(pool.run_for("honest", work, "honest")) for _ in range(2)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*greedy, *honest)
    assert order.count("honest") == 2 and "honest" not in order[5:]
    assert await pool.run_for("greedy", len, "ab") == 2
    pool.close()
