"""A plain generator has one thread and one context for its life, apart from the functions' pool."""

import asyncio
import contextvars
import decimal
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chatixia.agent.generator_threads import MAX_GENERATORS, GeneratorThreads
from chatixia.agent.threads import MAX_THREADS
from chatixia.errors import Overloaded, Unavailable
from tests.agent.loopback import Net
from tests.agent.served import Served, client

word = contextvars.ContextVar("word", default="")


@pytest.fixture
def pool():
    made = GeneratorThreads(4)
    yield made
    made.close()


async def drain(pool: GeneratorThreads, make: Any, holder: str = "m") -> list[Any]:
    return [item async for item in pool.items(make, holder)]


async def test_each_item_comes_from_the_one_thread(pool: GeneratorThreads):
    def made() -> Iterator[int]:
        for _ in range(20):
            yield threading.get_ident()

    several = await asyncio.gather(*(drain(pool, made) for _ in range(3)))
    assert all(len(set(idents)) == 1 and len(idents) == 20 for idents in several)
    assert len({idents[0] for idents in several}) == 3


async def test_what_belongs_to_a_thread_or_a_context_lives_through_the_items(
    pool: GeneratorThreads,
):
    lock = threading.RLock()

    def rows(word_before: str) -> Iterator[Any]:
        assert word.get() == word_before
        word.set("mine")
        db = sqlite3.connect(":memory:")
        db.execute("create table t (n)")
        with lock, decimal.localcontext() as numbers:
            numbers.prec = 3
            for n in range(3):
                db.execute("insert into t values (?)", (n,))
                yield str(decimal.Decimal(1) / 3), word.get()
        yield db.execute("select count(*) from t").fetchone()[0]
        db.close()

    word.set("asker's")
    noise = [drain(pool, lambda: iter(range(50))) for _ in range(2)]
    found, *_ = await asyncio.gather(drain(pool, lambda: rows("asker's")), *noise)
    assert found == [("0.333", "mine")] * 3 + [3]
    assert lock.acquire(blocking=False)
    lock.release()
    assert word.get() == "asker's"


async def test_leaving_closes_it_in_its_own_thread(pool: GeneratorThreads):
    seen: list[int] = []

    def made() -> Iterator[int]:
        try:
            yield threading.get_ident()
            yield 2
        finally:
            seen.append(threading.get_ident())

    items = pool.items(made, "m")
    first = await anext(items)
    await items.aclose()  # type: ignore[attr-defined]
    assert seen == [first]


async def test_one_left_in_the_middle_of_an_item_ends_behind_it(pool: GeneratorThreads):
    go, closed = threading.Event(), threading.Event()

    def made() -> Iterator[int]:
        try:
            go.wait()
            yield 1
        finally:
            closed.set()

    reader = asyncio.ensure_future(drain(pool, made))
    while not pool._open:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert pool._shares.used == 1, "its thread is still taken"
    go.set()
    assert await asyncio.to_thread(closed.wait, 10)
    while pool._shares.used:
        await asyncio.sleep(0)


async def test_errors_come_back_and_end_it(pool: GeneratorThreads):
    def made() -> Iterator[int]:
        yield 1
        raise KeyError("x")

    with pytest.raises(KeyError):
        await drain(pool, made)
    with pytest.raises(ZeroDivisionError):
        await drain(pool, lambda: iter([1 // 0]))
    while pool._open:
        await asyncio.sleep(0)


async def test_one_holder_has_three_quarters_and_a_small_one_the_rest(pool: GeneratorThreads):
    go = threading.Event()
    readers = [
        asyncio.ensure_future(drain(pool, lambda: iter([go.wait()]), "big")) for _ in range(3)
    ]
    try:
        while len(pool._open) < 3:
            await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await drain(pool, lambda: iter([1]), "big")
        assert refused.value.retry_after > 0
        assert await drain(pool, lambda: iter([1]), "small") == [1]
    finally:
        go.set()
        await asyncio.gather(*readers)


async def test_a_closed_pool_takes_none(pool: GeneratorThreads):
    pool.close()
    with pytest.raises(Unavailable):
        await drain(pool, lambda: iter([1]))


async def test_stalled_readers_of_streams_leave_plain_functions_their_threads():
    """All 32 threads for streams may wait for their readers: a plain skill answers."""
    assert MAX_GENERATORS >= MAX_THREADS

    def slow() -> Iterator[str]:
        while True:
            yield "x" * 60_000

    def plain(a: int) -> int:
        return a

    net = Net()
    served = Served(net, "a", slow, plain)
    readers = [client(net, f"m{n % 2}~abcde{n % 10}").agent("a") for n in range(24)]
    streams = [await each.stream("slow").__aenter__() for each in readers]
    for stream in streams:
        assert (await anext(aiter(stream))).startswith("x")
    assert await client(net).agent("a").plain(a=7) == 7
    for stream in streams:
        await stream.__aexit__(None, None, None)
    served.close()
