"""A stop in good order, on real links and a real registry: what runs ends and is told, or its asker
hears that the agent is stopping. By link and queue, for calls, streams and prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import Any

import pytest

from chatixia.core.ports import Outgoing
from chatixia.errors import MeshError, Unavailable
from chatixia.peer.mesh import PeerMesh
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.base import encode
from chatixia.wire.peer import Prompt
from chatixia.wire.registry import AgentQuery
from tests.peer.meshes import agent, echo, queued, two

SEEN: ContextVar[str] = ContextVar("SEEN", default="nothing")


class Slow:
    """A handler that ends when it is let; ``stopped``: it was cancelled."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.runs = self.stopped = 0

    async def __call__(self, incoming: Any, responder: Any) -> None:
        self.runs += 1
        self.begun.set()
        try:
            if incoming.stream:
                await responder.item(b'"first"')
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        responder.reply(b'"done"')


def linked(mesh: PeerMesh) -> Awaitable[Any]:
    return mesh.call(Outgoing("b", "echo", b"{}", timeout=60, queue="never"))


def through_the_queue(mesh: PeerMesh) -> Awaitable[Any]:
    return mesh.call(queued("b", timeout=60))


def prompted(mesh: PeerMesh) -> Awaitable[Any]:
    return mesh.call(
        Outgoing("b", "", encode(Prompt(message="hi")), "prompt", timeout=60, queue="never")
    )


async def streamed(mesh: PeerMesh) -> Any:
    stream = mesh.stream(Outgoing("b", "echo", b"{}", timeout=60, queue="never"))
    return [item async for item in stream]


WAYS = [linked, through_the_queue, prompted, streamed]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_ends_within_the_grace_is_told(way: Callable[[PeerMesh], Awaitable[Any]]):
    slow = Slow()
    async with two(slow) as (_, a, b):
        call = asyncio.ensure_future(way(a))
        await slow.begun.wait()
        draining = asyncio.ensure_future(b.drain(60))
        for name in ("never", "only"):
            with pytest.raises(MeshError) as refused:
                await a.call(Outgoing("b", "echo", timeout=1, queue=name))  # type: ignore[arg-type]
            assert refused.value.outcome == "definite"
            told_so = isinstance(refused.value, Unavailable)
            assert told_so or way is through_the_queue or name == "only"
        listed = await a.verb("agents.list", AgentQuery())
        assert [one.agent_id for one in listed.agents] == ["a"]
        assert not draining.done()
        slow.may_end.set()
        await draining
        await b.stop()
        answer = await call
        value = answer if isinstance(answer, list) else answer.value
        assert value in (b'"done"', [b'"first"'])
        assert (slow.runs, slow.stopped) == (1, 0)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_does_not_end_is_unknown(
    way: Callable[[PeerMesh], Awaitable[Any]],
):
    slow = Slow()
    async with two(slow) as (_, a, b):
        call = asyncio.ensure_future(way(a))
        await slow.begun.wait()
        await b.drain(0.01)
        await b.stop()
        with pytest.raises(Unavailable, match="The agent is stopping") as raised:
            await call
        error = raised.value
        assert (error.outcome, error.retryable, error.agent) == ("unknown", True, "b")
        assert (slow.runs, slow.stopped) == (1, 1)


async def test_work_that_may_be_tried_again_goes_to_another_at_once():
    slow = Slow()
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(RegistryHarness())
        a = await stack.enter_async_context(agent(registry, "a", echo, slots=0))
        b = await stack.enter_async_context(agent(registry, "b", slow, slots=1))
        task = asyncio.ensure_future(submitted(a))
        await slow.begun.wait()
        c = await stack.enter_async_context(agent(registry, "c", echo, slots=1))
        await b.drain(0.01)
        await b.stop()
        assert await task == ("completed", "c", 2)
        assert c.working == 0


async def submitted(mesh: PeerMesh) -> tuple[str, str, int]:
    """State, worker and attempt of a task for whoever has the skill, when it has ended."""
    import msgspec

    from chatixia.wire import tasks as t

    payload = msgspec.Raw(b'{"plain":{}}')
    done = await mesh.verb("tasks.submit", t.Submit(skill="echo", payload=payload))
    async with asyncio.timeout(60):
        async for _ in mesh.watch(done.task_id, 60):
            pass
    row = await mesh.verb("tasks.get", t.Ref(done.task_id))
    return row.state, row.assigned_agent_id, row.attempt


async def test_what_has_not_begun_goes_back_uncounted():
    """A push that comes while it stops, too."""
    slow = Slow()
    async with two(slow, slots=1) as (_, a, b):
        await b.drain(0.01)
        call = asyncio.ensure_future(a.call(queued("b", timeout=1)))
        with pytest.raises(MeshError) as raised:
            await call
        assert raised.value.outcome == "definite" and not slow.runs


async def test_what_was_cancelled_from_inside_is_told_at_once_and_tried_again() -> None:
    """openai/openai-agents-python#1288: a library's cancel scope cancels the skill around it."""
    tries: list[str] = []

    async def leaking(incoming: Any, responder: Any) -> None:
        tries.append(SEEN.get())
        SEEN.set("an earlier try")
        if len(tries) == 1:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_soon(task.cancel)
            await asyncio.Event().wait()
        responder.reply(b"1")

    async with two(leaking) as (_, a, _b):
        SEEN.set("who asks")  # 20 s, which is less than its lease
        assert (await a.call(queued("b", idempotent=True))).value == b"1"
    assert tries == ["nothing", "nothing"]
