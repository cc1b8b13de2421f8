"""A mesh used from another loop than its own: one sentence at every door, and nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatixia.client.affinity import LoopAffinity
from chatixia.client.call_context import CallContext
from chatixia.client.gather import gather
from chatixia.client.mesh import Mesh
from chatixia.client.request_scope import RequestScope
from chatixia.errors import ConfigError
from chatixia.world import REAL, task_id
from tests.agent.loopback import Net

TASK = task_id(REAL)
Use = Callable[[Mesh], Awaitable[Any]]


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]]:
    """Runs what it is given on a loop of its own, in a thread."""
    with ThreadPoolExecutor(1) as pool:

        async def run(work: Callable[[], Awaitable[Any]]) -> Any:
            async def awaited() -> Any:
                return await work()

            return await asyncio.wrap_future(pool.submit(asyncio.run, awaited()))

        yield run


async def _items(mesh: Mesh) -> None:
    async for _ in mesh.agent("b").stream("hi"):
        pass


async def _block(mesh: Mesh) -> None:
    async with mesh.agent("b").stream("hi"):
        pass


async def _events(mesh: Mesh) -> None:
    async for _ in mesh.agent("b").stream("hi").events():
        pass


async def _pieces(mesh: Mesh) -> None:
    async with mesh.agent("b").ask("who?"):
        pass


async def _progress(mesh: Mesh) -> None:
    async for _ in mesh.task(TASK).progress():
        pass


async def _links(mesh: Mesh) -> None:
    mesh.links()


async def _within(mesh: Mesh) -> None:
    await mesh.within(5.0).agent("b").hi()


DEFINITE: dict[str, Use] = {
    "skill": lambda mesh: mesh.agent("b").hi(),
    "call": lambda mesh: mesh.agent("b").call("hi"),
    "idempotent": lambda mesh: mesh.agent("b", idempotent=True).call("hi"),
    "queued": lambda mesh: mesh.agent("b", queue="only").call("hi"),
    "ask": lambda mesh: mesh.agent("b").ask("who?").reply(),
    "pieces": _pieces,
    "tell": lambda mesh: mesh.agent("b").tell("well").reply(),
    "stream": _items,
    "stream block": _block,
    "stream events": _events,
    "any": lambda mesh: mesh.any("hi").call("hi"),
    "any idempotent": lambda mesh: mesh.any("hi", idempotent=True).hi(),
    "pick": lambda mesh: mesh.any("hi").pick(),
    "gather": lambda mesh: gather([mesh.agent("b").hi()]),
    "submit": lambda mesh: mesh.submit("b", "hi"),
    "row": lambda mesh: mesh.task(TASK).row(),
    "cancel": lambda mesh: mesh.task(TASK).cancel(),
    "agents": lambda mesh: mesh.agents(),
    "skills": lambda mesh: mesh.skills("b"),
    "ping": lambda mesh: mesh.ping("b"),
    "broadcast": lambda mesh: mesh.broadcast("well"),
    "links": _links,
    "within": _within,
    "close": lambda mesh: mesh.close(),
}
WAITS: dict[str, Use] = {
    "await": lambda mesh: mesh.task(TASK).reply(),
    "ended": lambda mesh: mesh.task(TASK).ended(),
    "progress": _progress,
}


@pytest.mark.parametrize("via", ["mesh", "ctx"])
@pytest.mark.parametrize("use", [*DEFINITE, *WAITS])
async def test_every_door_names_the_loop_and_the_cure(use: str, via: str, elsewhere: Any):
    net = Net()
    root = CallContext(net.port("a"))
    mesh = Mesh(root, _nothing)
    if via == "ctx":
        mesh = Mesh(root.derive(path=("b",), scope=RequestScope()), _nothing)
    with pytest.raises(ConfigError) as caught:
        await elsewhere(lambda: (DEFINITE | WAITS)[use](mesh))
    said = caught.value.message
    assert "belongs to the event loop of thread MainThread" in said
    assert "`connect()`" in said and "`connect_sync()`" in said and "egistry" not in said
    # What is waited for may be done already: only the waiting failed.
    assert caught.value.outcome == ("unknown" if use in WAITS else "definite")
    assert not net.log, "nothing was sent"


async def _nothing() -> None:
    return None


async def test_its_own_loop_and_a_thread_without_one_are_welcome():
    mesh = Mesh(CallContext(Net().port("a")))
    assert await asyncio.to_thread(lambda: (mesh.id, list(mesh.links()))) == (
        mesh.id,
        list(mesh.links()),
    )


def test_what_no_loop_opened_any_loop_may_use():
    affinity = LoopAffinity()

    async def use() -> None:
        affinity.check()

    asyncio.run(use())
    assert not affinity.ended and affinity.guard(print) is print  # type: ignore[arg-type, comparison-overlap]


async def test_a_loop_that_has_ended_is_called_so(elsewhere: Any):
    kept: list[LoopAffinity] = []

    async def keep() -> None:
        kept.append(LoopAffinity())

    await elsewhere(keep)
    assert kept[0].foreign and kept[0].ended
    with pytest.raises(ConfigError, match=r"of thread ThreadPool\S+, which has ended; open"):
        kept[0].check(cure="open one here")
