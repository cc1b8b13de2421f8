"""Every shape of skill, called and streamed."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
import types
from collections.abc import AsyncIterator, Iterator
from typing import Any, NotRequired, TypedDict, Unpack

import msgspec
import pytest

from chatixia.agent import bind
from chatixia.agent.context import Ctx
from chatixia.agent.generator_threads import GeneratorThreads
from chatixia.agent.skill import Skill
from chatixia.agent.threads import Threads
from chatixia.core.ports import Incoming, Outgoing
from chatixia.errors import BadArguments, DeadlineExceeded, Overloaded, SkillFailed
from chatixia.ids import AgentId
from tests.agent.loopback import Net, Responder
from tests.agent.served import Served, client

LOOP: list[int] = []


async def plain(a: int, b: str = "b") -> list[Any]:
    return [a, b]


async def last(a: int, ctx: Ctx) -> list[Any]:
    return [a, ctx.caller]


async def first(ctx: Ctx, a: int) -> list[Any]:
    return [a, ctx.caller]


async def keyword(a: int, *, b: int = 2, ctx: Ctx) -> list[Any]:
    return [a, b, ctx.caller]


async def anything(a: int, **others: Any) -> list[Any]:
    return [a, others]


def threaded(a: int, ctx: Ctx) -> list[Any]:
    return [a, ctx.caller, threading.get_ident() in LOOP]


async def items(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


def counted(n: int) -> Iterator[int]:
    yield from range(n)


async def given(n: int) -> AsyncIterator[int]:
    return items(n)


def listed(n: int) -> list[int]:
    return list(range(n))


CALLS = [
    (plain, {"a": 1}, [1, "b"]),
    (last, {"a": 1}, [1, "me~abcdef"]),
    (first, {"a": 1}, [1, "me~abcdef"]),
    (keyword, {"a": 1, "b": 3}, [1, 3, "me~abcdef"]),
    (anything, {"a": 1, "c": {"d": 2}}, [1, {"c": {"d": 2}}]),
    (threaded, {"a": 1}, [1, "me~abcdef", False]),
    (items, {"n": 3}, [0, 1, 2]),
    (counted, {"n": 3}, [0, 1, 2]),
    (given, {"n": 3}, [0, 1, 2]),
    (listed, {"n": 2}, [0, 1]),
]


@pytest.mark.parametrize(("fn", "args", "answer"), CALLS, ids=lambda x: getattr(x, "__name__", ""))
async def test_called(fn: Any, args: dict[str, Any], answer: Any):
    LOOP[:] = [threading.get_ident()]
    net = Net()
    served = Served(net, "a", fn)
    assert (await client(net).agent("a").call(fn.__name__, args)).value == answer
    served.close()


@pytest.mark.parametrize(("fn", "args", "answer"), CALLS, ids=lambda x: getattr(x, "__name__", ""))
async def test_streamed(fn: Any, args: dict[str, Any], answer: Any):
    LOOP[:] = [threading.get_ident()]
    net = Net()
    served = Served(net, "a", fn)
    async with client(net).agent("a").stream(fn.__name__, args) as got:
        seen = [item async for item in got]
    assert seen == (answer if fn in (items, counted, given) else [answer])
    served.close()


async def test_anything_still_checks_what_it_names():
    net = Net()
    served = Served(net, "a", anything)
    with pytest.raises(BadArguments, match="the argument a is missing"):
        await client(net).agent("a").anything(c=1)
    served.close()


class Thing:
    async def others(self, ctx: Ctx, **more: int) -> dict[str, int]:
        return more

    async def free(self, ctx: Ctx, /, a: dict[int, int] | None = None, **more: list[int]) -> Any:
        return [a, more]


def filled(a: int, b: int = 0, **more: Any) -> Any:
    return [a, b, more]


@pytest.mark.parametrize("name", ["ctx", "self"])
async def test_what_a_skill_is_given_by_others_is_no_argument(name: str):
    net = Net()
    served = Served(net, "a", Thing().others)
    with pytest.raises(BadArguments, match=f"others: {name}: no argument can have that name"):
        await client(net).agent("a").call("others", {name: 1})
    assert await client(net).agent("a").others(other=1) == {"other": 1}
    served.close()


async def test_what_a_partial_fills_in_is_no_argument():
    net = Net()
    served = Served(net, "a", Skill("filled", functools.partial(filled, 1)))
    assert await client(net).agent("a").filled(b=2, c=3) == [1, 2, {"c": 3}]
    with pytest.raises(BadArguments, match="filled: a: no argument can have that name"):
        await client(net).agent("a").filled(a=2)
    served.close()


async def test_the_rest_is_checked_as_it_is_annotated():
    net = Net()
    served = Served(net, "a", Thing().others, Thing().free)
    there = client(net).agent("a")
    with pytest.raises(BadArguments, match="others: x: expected int, got str"):
        await there.others(x="no")
    with pytest.raises(BadArguments, match=r"free: x\[1\]: expected int, got str"):
        await there.free(x=[1, "no"])
    assert await there.free(a={1: 2}, ctx=[3]) == [{"1": 2}, {"ctx": [3]}]
    served.close()


async def test_leaving_a_stream_ends_the_skill():
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    net = Net()
    served = Served(net, "a", endless)
    async with client(net).agent("a").stream("endless") as got:
        assert await anext(got) == 1
    await asyncio.wait_for(ended.wait(), 5)
    served.close()


async def test_a_stream_raises_where_it_breaks():
    async def breaking() -> AsyncIterator[int]:
        yield 1
        raise ValueError("x")

    net = Net()
    served = Served(net, "a", breaking)
    seen = []
    with pytest.raises(SkillFailed, match="breaking of a failed with ValueError"):
        async with client(net).agent("a").stream("breaking") as got:
            async for item in got:
                seen += [item]
    assert seen == [1]
    served.close()


async def test_a_skills_own_time():
    async def waits(long: bool) -> None:
        if long:
            await asyncio.Event().wait()
        raise TimeoutError("its own")

    net = Net()
    served = Served(net, "a", Skill("waits", waits, timeout=0.01))
    there = client(net).agent("a")
    with pytest.raises(DeadlineExceeded, match="waits took longer than its 0.01 s"):
        await there.waits(long=True)
    with pytest.raises(SkillFailed, match="failed with TimeoutError"):
        await there.waits(long=False)
    served.close()


async def test_a_skills_time_shows_in_ctx():
    async def left(ctx: Ctx) -> float:
        return ctx.remaining

    net = Net()
    served = Served(net, "a", Skill("left", left, timeout=5))
    assert 4 < await client(net).agent("a", timeout=20).left() <= 5
    assert 2 < await client(net).agent("a", timeout=3).left() <= 3
    served.close()


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_exit_in_a_skill_ends_the_call_alone(kind: str):
    async def leaves() -> None:
        sys.exit(3)

    def goes() -> None:
        sys.exit(3)

    net = Net()
    served = Served(net, "a", {"async": leaves, "sync": goes}[kind], plain)
    with pytest.raises(SkillFailed):
        await getattr(client(net).agent("a"), {"async": "leaves", "sync": "goes"}[kind])()
    assert await client(net).agent("a").plain(a=1) == [1, "b"]
    served.close()


async def test_a_plain_generator_waits_for_calls_of_its_own():
    def relay(n: int, ctx: Ctx) -> Iterator[Any]:
        for i in range(n):
            yield ctx.wait(ctx.agent("b").plain(a=i))

    net = Net()
    served = [Served(net, "a", relay), Served(net, "b", plain)]
    assert await client(net).agent("a").relay(n=2) == [[0, "b"], [1, "b"]]
    for one in served:
        one.close()


def in_a_loop_of_its_own(fn: Any) -> Any:
    """As command-line libraries make a plain function of an async one."""

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(fn(*args, **kwargs))

    return run


def memoizing(fn: Any) -> Any:
    kept: dict[Any, Any] = {}

    @functools.wraps(fn)
    def remember(*args: Any) -> Any:
        if args in kept:
            return kept[args]

        async def first() -> Any:
            kept[args] = await fn(*args)
            return kept[args]

        return first()

    return remember


def handing_on(fn: Any) -> Any:
    @functools.wraps(fn)
    def call(*args: Any) -> Any:
        return fn(*args)

    return call


def awaited(fn: Any) -> Any:
    @functools.wraps(fn)
    async def call(*args: Any) -> Any:
        return fn(*args)

    return call


async def twice(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


def half(n: int) -> int:
    return n // 2


class Options(TypedDict):
    size: int
    unit: NotRequired[str]


async def unpacked(a: int, **options: Unpack[Options]) -> dict[str, Any]:
    return {"a": a, **options}


async def test_the_keys_of_an_unpacked_dict_are_arguments():
    """PrefectHQ/fastmcp#3870 and its like: what stands behind `**` is no mere "anything"."""
    net = Net()
    served = Served(net, "a", unpacked)
    call = client(net).agent("a").call
    for given in ({"a": 1, "size": 2}, {"a": 1, "size": 2, "unit": "m"}):
        assert (await call("unpacked", given)).value == given
    for wrong, says in (
        ({"a": 1}, "size is missing"),
        ({"a": 1, "size": "x"}, "size: expected int"),
        ({"a": 1, "size": 2, "unit": None}, "unit: expected str"),
        ({"a": 1, "size": 2, "other": 3}, "no argument other"),
    ):
        with pytest.raises(BadArguments, match=says):
            await call("unpacked", wrong)
    served.close()


def pair(a: int, b: int) -> list[int]:
    return [a, b]


@types.coroutine
def older(n: int) -> Any:
    yield from asyncio.sleep(0).__await__()
    return 2 * n


async def promised(n: int) -> Any:
    return items(n)


RARE = [
    (functools.update_wrapper(functools.partial(pair, b=2), pair), {"a": 1}, [1, 2]),
    (older, {"n": 3}, 6),
    (promised, {"n": 3}, [0, 1, 2]),
]


@pytest.mark.parametrize(("fn", "args", "answer"), RARE, ids=["partial", "older", "promised"])
async def test_rare_callables(fn: Any, args: dict[str, Any], answer: Any):
    """PrefectHQ/fastmcp#3266: a partial that points to what it wraps asked for what it fills in."""
    net = Net()
    served = Served(net, "a", Skill("rare", fn))
    assert (await client(net).agent("a").call("rare", args)).value == answer
    served.close()


WRAPPED = [
    (in_a_loop_of_its_own, twice, 6),
    (memoizing, twice, 6),
    (handing_on, twice, 6),
    (awaited, half, 1),
    (handing_on, half, 1),
    (handing_on, items, [0, 1, 2]),
    (handing_on, counted, [0, 1, 2]),
    (awaited, counted, [0, 1, 2]),
]


@pytest.mark.parametrize(
    ("wrap", "fn", "answer"), WRAPPED, ids=lambda x: getattr(x, "__name__", "")
)
async def test_how_a_skill_runs_is_read_from_what_is_called(wrap: Any, fn: Any, answer: Any):
    net = Net()
    served = Served(net, "a", Skill("wrapped", wrap(fn)))
    for _ in range(2):  # a wrapper that remembers gives no coroutine the second time
        assert (await client(net).agent("a").call("wrapped", {"n": 3})).value == answer
    served.close()


async def test_a_plain_skill_waits_on_the_share_of_its_callers_machine():
    go, threads = threading.Event(), Threads(1, waiting=15)

    def slow() -> int:
        return int(go.wait())

    bound = bind.bind(Skill("slow", slow), lambda *_: None, threads, GeneratorThreads())  # type: ignore[arg-type, return-value]

    def call(client: str, holder: str) -> asyncio.Task[None]:
        inc = Incoming(
            AgentId(client),
            "r",
            "task",
            "slow",
            msgspec.Raw(b"{}"),
            False,
            (),
            None,
            "",
            "direct",
            "",
            holder=holder,
        )
        responder = Responder(Outgoing(AgentId("bo"), "slow"))
        return asyncio.ensure_future(bound.run(bound.decode(b"{}"), inc, responder))

    greedy = [call(f"g{n}", "greedy") for n in range(12)]
    late = call("g12", "greedy")
    with pytest.raises(Overloaded):
        await asyncio.wait_for(late, 5)
    honest = call("honest", "honest")
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*greedy, honest)
    threads.close()
