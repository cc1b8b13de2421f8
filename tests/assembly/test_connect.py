"""Connect, async and not, at a real registry."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from chatixia import Agent, connect, connect_sync
from chatixia.errors import ConfigError, DeadlineExceeded, RegistryUnreachable, Unavailable
from chatixia.peer.control import session
from chatixia.testing.registry import RegistryHarness, RegistryProcess
from chatixia.world import REAL


@pytest.fixture
async def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with RegistryHarness(tmp_path / "home") as made:
        monkeypatch.setenv("CHATIXIA_HOME", str(made.home))
        yield made


async def test_a_client_is_never_listed(registry: RegistryHarness):
    async with connect() as one, connect() as two:
        assert one.id != two.id
        assert await one.agents() == []


async def test_open_once(registry: RegistryHarness):
    opening = connect()
    async with opening as mesh:
        with pytest.raises(ConfigError, match="open already"):
            await opening.__aenter__()
    await mesh.close()


async def test_no_mesh_no_registry(registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch):
    await registry.stop()
    with pytest.raises(RegistryUnreachable):
        async with connect(timeout=0.3):
            pass
    with pytest.raises(RegistryUnreachable, match="No registry runs at"):
        async with asyncio.timeout(20), connect(timeout=600, patience=0.3):
            pass
    with pytest.raises(ConfigError, match="has joined no mesh called other"):
        async with connect(mesh="other"):
            pass
    with pytest.raises(ConfigError, match="engine"):
        async with connect(engine="steam"):
            pass


async def test_without_async(registry: RegistryHarness):
    agent = Agent("a")

    @agent.skill
    async def echo(data: str) -> str:
        return data

    def program() -> list[object]:
        with connect_sync() as mesh:
            there = mesh.agent("a")
            return [there.echo(data="x"), there.call("echo", {"data": "y"}).via]

    async with agent:
        assert await asyncio.to_thread(program) == ["x", "direct"]


async def refused(work: Any) -> str:
    """What it is refused with, at once."""
    async with asyncio.timeout(5):
        with pytest.raises(ConfigError) as caught:
            await work
    return caught.value.message


@pytest.fixture
async def hen(registry: RegistryHarness):
    agent, running = Agent("hen", slots=8), asyncio.Semaphore(0)

    @agent.skill
    async def echo(data: str) -> str:
        return data

    @agent.skill
    async def hang() -> None:
        running.release()
        await asyncio.Event().wait()

    @agent.skill
    async def drip() -> AsyncIterator[int]:
        yield 1
        running.release()
        await asyncio.Event().wait()

    async with agent:
        yield running


async def drain(items: Any) -> None:
    async with items as each:
        async for _ in each:
            pass


async def test_what_was_made_of_a_closed_mesh_refuses_at_once(hen: asyncio.Semaphore):
    async with connect() as mesh:
        handle = mesh.agent("hen", timeout=60)
        echo, again = handle.echo, mesh.agent("hen", idempotent=True)
        assert await echo(data="x") == "x"
        task = await mesh.submit("hen", "echo", {"data": "x"})
        assert await task == "x"
        me = mesh.id
    for work in (
        echo(data="x"),
        handle.call("echo", {"data": "x"}),
        again.echo(data="x"),
        mesh.agents(),
        drain(handle.stream("drip")),
        drain(handle.ask("hi")),
        handle.ask("hi").reply(),
        mesh.any("echo").echo(data="x"),
        mesh.broadcast("hi"),
        mesh.skills("hen"),
        task.reply(),
        mesh.task(task.id).reply(),
        mesh.task(task.id).row(),
        mesh.ping("hen"),
        mesh.submit("hen", "echo"),
        mesh.agent("hen", queue="only").echo(data="x"),
    ):
        assert "async with connect() as mesh" in await refused(work)
    with pytest.raises(ConfigError, match="is closed"):
        mesh.links()
    assert mesh.id == me


async def test_calls_under_way_end_when_the_mesh_closes(hen: asyncio.Semaphore):
    async with connect() as mesh:
        handle = mesh.agent("hen", timeout=60)
        assert await handle.echo(data="x") == "x"
        task = await mesh.submit("hen", "hang")
        under_way = [
            asyncio.ensure_future(work)
            for work in (
                handle.hang(),
                mesh.agent("hen", timeout=60, queue="only").hang(),
                mesh.agent("hen", timeout=60, idempotent=True).call("hang"),
                drain(handle.stream("drip")),
                task.reply(),
            )
        ]
        for _ in under_way:
            await hen.acquire()
    async with asyncio.timeout(5):
        ended = await asyncio.gather(*under_way, return_exceptions=True)
    assert [type(error) for error in ended] == [Unavailable] * len(under_way)
    assert all(not error.retryable and error.outcome == "unknown" for error in ended)


async def test_a_stopped_agents_own_mesh_refuses(registry: RegistryHarness):
    agent = Agent("hen")
    async with agent:
        mesh = agent.mesh
    assert "await agent.start()" in await refused(mesh.agents())


async def test_closing_under_a_sync_call(hen: asyncio.Semaphore):
    mesh = connect_sync()

    def hang() -> object:
        with mesh:
            return mesh.agent("hen", timeout=60).hang()

    calling = asyncio.ensure_future(asyncio.to_thread(hang))
    await hen.acquire()
    async with asyncio.timeout(10):
        await asyncio.to_thread(mesh.close)
        with pytest.raises(Unavailable):
            await calling


def in_child(mesh: Any, handle: Any, out: Connection) -> None:
    """What a child that forked gets of its parent's mesh."""
    said = []
    for use in (
        mesh.agents,
        lambda: mesh.agent("hen"),
        lambda: handle.echo(data="x"),
        lambda: mesh.id,
        lambda: handle.stream("drip").__enter__(),
    ):
        try:
            use()
        except ConfigError as error:
            said.append(error.message)
    mesh.close()
    out.send(said)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_a_forked_child_is_refused_at_once(hen: asyncio.Semaphore):
    def program() -> list[str]:
        with connect_sync() as mesh:
            handle = mesh.agent("hen")
            assert handle.echo(data="x") == "x"
            here, there = multiprocessing.Pipe()
            fork = multiprocessing.get_context("fork")
            child = fork.Process(target=in_child, args=(mesh, handle, there))
            child.start()
            answered = here.poll(20)
            child.kill()
            child.join(20)
            assert answered and handle.echo(data="y") == "y"
            found: list[str] = here.recv()
            return found

    said = await asyncio.to_thread(program)
    assert len(said) == 5
    assert all("before the process forked" in sentence for sentence in said)


async def test_a_registry_that_stands_still_does_not_hold_a_client_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "GOODBYE_SECONDS", 600.0)  # what a listed agent waits
    async with RegistryProcess(tmp_path / "home") as still:
        monkeypatch.setenv("CHATIXIA_HOME", str(still.home))
        assert still.process is not None
        try:
            async with connect() as mesh:
                still.process.send_signal(signal.SIGSTOP)
                with pytest.raises(DeadlineExceeded):
                    await mesh.within(0.2).agents()
                began = REAL.monotonic()
            assert REAL.monotonic() - began < 30
        finally:
            still.process.send_signal(signal.SIGCONT)


def test_seconds_that_are_no_number_are_one_sentence():
    nothing: Any = None
    text: Any = b"x"
    with pytest.raises(ConfigError, match="timeout of connect is a number of seconds, not None"):
        connect(timeout=nothing)
    with pytest.raises(ConfigError, match="patience of connect is a number of seconds, not b'x'"):
        connect(patience=text)
