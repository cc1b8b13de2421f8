"""A port of verbs alone: what it refuses, what it looks at, and the owner's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia import connect
from chatixia.assembly.connect import connect_as_owner
from chatixia.assembly.remote import port as rest_port
from chatixia.assembly.remote.port import OwnerPort, RestPort
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh
from chatixia.core.ports import Outgoing
from chatixia.errors import (
    Cancelled,
    DeadlineExceeded,
    Denied,
    Overloaded,
    RegistryUnreachable,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Nothing
from chatixia.wire.signaling import TaskDone, TaskProgress
from chatixia.wire.tasks import Cancel, Task


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_port, "POLL_S", 0.01)


class Silent(RestPort):
    def _call(self, name, request, timeout):
        raise AssertionError("nothing is asked")


async def test_it_has_no_link():
    port = Silent("x")
    assert (port.id, list(port.links())) == ("x", [])
    for work in (port.call(Outgoing(AgentId("a"))), port.ping(AgentId("a"))):
        with pytest.raises(Unreachable):
            await work
    with pytest.raises(Unreachable):
        port.stream(Outgoing(AgentId("a")))


async def test_it_sees_a_task_by_looking():
    rows = [
        Task("t1", "pending"),
        Task("t1", "assigned", progress=0.5, note="half"),
        Task("t1", "assigned", progress=0.5, note="half"),
        Task("t1", "completed"),
    ]

    class Looking(RestPort):
        def _call(self, name, request, timeout):
            return rows.pop(0)

    half, done = [push async for push in Looking("x").watch("t1", 20)]
    assert isinstance(half, TaskProgress) and (half.fraction, half.note) == (0.5, "half")
    assert isinstance(done, TaskDone) and done.task.state == "completed"


async def test_each_step_is_passed_on():
    """Through a task, which passes on what is numbered higher than what it knows."""
    at = [Task("t1", "assigned", fence="1.1", progress=n / 4) for n in range(1, 4)]
    rows = [at[0], *at, Task("t1", "completed")]

    class Looking(RestPort):
        def _call(self, name, request, timeout):
            return rows.pop(0)

    task = Mesh(CallContext(Looking("x"))).task("t_" + "a" * 26)
    assert [step.fraction async for step in task.progress(20)] == [0.25, 0.5, 0.75]


async def test_a_watch_that_is_renewed_repeats_no_step(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chatixia.client.task.LOOK_AGAIN_S", 0.02)
    monkeypatch.setattr(rest_port, "MAX_SHOWN", 1)
    half = Task("t1", "assigned", fence="1.1", progress=0.5, note="half")
    looks = 0

    class Looking(RestPort):
        def _call(self, name, request, timeout):
            nonlocal looks
            looks += 1
            return half if looks < 12 else Task("t1", "completed")

    task = Mesh(CallContext(Looking("x"))).task("t_" + "a" * 26)
    assert [step.note async for step in task.progress(20)] == ["half"]
    assert looks == 12


async def test_the_owner_reads_and_cancels_what_others_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    async with RegistryHarness(tmp_path) as registry:
        async with connect() as mesh, connect_as_owner() as all_:
            task = await mesh.submit(None, "x", {})
            assert (await all_.task(task.id).row()).source_agent_id == mesh.id
            assert await all_.task(task.id).cancel("enough") == "canceled"
            with pytest.raises(Cancelled, match="enough"):
                await task
            with pytest.raises(Denied):
                await all_.submit(None, "x", {})
        assert registry.profile.is_owner


async def test_an_owner_whose_token_is_over_logs_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    async with RegistryHarness(tmp_path) as registry:
        rest = await asyncio.to_thread(RegistryClient.owner, registry.profile)
        port = OwnerPort(rest)
        assert (await port.verb("status", Nothing())).mesh == registry.profile.mesh
        rest._token = "worn out"
        assert (await port.verb("status", Nothing())).mesh == registry.profile.mesh
        await port.stop()


async def test_an_owner_who_reaches_nobody_does_not_try_the_same_again():
    class Away:
        is_open, asked, closed = False, 0, 0

        def call(self, name, request):
            self.asked += 1
            raise RegistryUnreachable

        def close(self):
            self.closed += 1

    rest = Away()
    port = OwnerPort(rest)
    with pytest.raises(RegistryUnreachable):
        await port.verb("status", Nothing())
    assert (rest.asked, rest.closed) == (1, 0)
    rest.is_open = True
    with pytest.raises(RegistryUnreachable):
        await port.verb("status", Nothing())
    assert (rest.asked, rest.closed) == (3, 1)
    await port.stop()


async def test_a_second_login_that_fails_does_not_make_a_lost_answer_definite():
    class Dying:
        is_open, errors = True, [RegistryUnreachable(outcome="unknown"), RegistryUnreachable()]

        def call(self, name, request):
            raise self.errors.pop(0)

        def close(self):
            pass

    port = OwnerPort(Dying())
    with pytest.raises(RegistryUnreachable) as raised:
        await port.verb("tasks.cancel", Cancel("t_" + "a" * 26))
    assert raised.value.outcome == "unknown"
    await port.stop()


async def test_a_look_that_fails_is_taken_again():
    said = [
        Overloaded(),
        RegistryUnreachable(),
        DeadlineExceeded(),
        Task("t1", "completed"),
        Denied(),
    ]

    class Looking(RestPort):
        def _call(self, name, request, timeout):
            found = said.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

    port = Looking("x")
    (done,) = [push async for push in port.watch("t1", 20)]
    assert isinstance(done, TaskDone)
    with pytest.raises(Denied):
        await anext(port.watch("t1", 20))


async def test_who_waits_for_many_looks_less_often(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rest_port, "POLLS", 1)
    slept: set[float] = set()
    sleep = asyncio.sleep

    async def noting(seconds):
        slept.add(round(seconds / rest_port.POLL_S, 6))
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noting)

    class Looking(RestPort):
        rows = 0

        def _call(self, name, request, timeout):
            self.rows += 1
            return Task("t", "pending" if self.rows < 20 else "completed")

    port = Looking("x")

    async def wait():
        return [push async for push in port.watch("t", 20)]

    assert len(await asyncio.gather(wait(), wait(), wait())) == 3
    assert 3.0 in slept and not port._watched
