"""The mesh without async."""

from __future__ import annotations

import copy
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from chatixia.client.mesh import Mesh
from chatixia.client.sync import SyncMesh
from chatixia.errors import ConfigError, UnknownSkill
from chatixia.wire.signaling import TaskDone, TaskProgress
from chatixia.wire.tasks import Body, Submitted
from chatixia.wire.tasks import Task as Row
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def echo(data: str) -> str:
    return data


async def count(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


async def reply(text: str) -> str:
    return f"said {text}"


@asynccontextmanager
async def opened() -> AsyncIterator[Mesh]:
    net = Net()
    served = Served(net, "a", echo, count, prompt=reply)
    net.verbs["tasks.submit"] = lambda request: Submitted(request.id)
    net.verbs["tasks.get"] = lambda ref: Row(
        ref.task_id, "completed", result=Body(plain=msgspec.Raw(b"7")), assigned_agent_id="a"
    )
    net.verbs["tasks.cancel"] = lambda c: Row(c.task_id, "canceled")
    yield client(net)
    served.close()


@asynccontextmanager
async def watched() -> AsyncIterator[Mesh]:
    net = Net()
    mesh, name = client(net), "t_" + "a" * 26
    net.verbs["tasks.get"] = lambda ref: Row(ref.task_id, "assigned")
    steps = [
        TaskProgress(name, "", 0, fraction=0.25, note="begun"),
        TaskProgress(name, "", 0, fraction=0.5),
        TaskDone(Row(name, "completed")),
    ]
    net.ports["me~abcdef"].pushes[name] = [steps]
    yield mesh


def test_everything_without_await():
    before = threading.active_count()
    with SyncMesh(opened()) as mesh:
        there = mesh.agent("a", timeout=5)
        assert there.echo(data="x") == "x"
        assert there.call("echo", {"data": "y"}).value == "y"
        assert mesh.any("echo").echo(data="z") == "z"
        with there.stream("count", {"n": 4}) as items:
            assert list(items) == [0, 1, 2, 3]
        with there.stream("count", {"n": 4}) as items:
            assert next(items) == 0
        assert there.ask("hi") == "said hi"
        assert [a.agent_id for a in mesh.agents()] == ["a"]
        assert [s.name for s in mesh.skills("a")] == ["echo", "count"]
        assert mesh.ping("a").via == "direct"
        assert mesh.broadcast("hi")[0].reply == "said hi"
        assert mesh.links()
        assert mesh.id == "me~abcdef"
        assert repr(there) == "<agent a>"
    assert threading.active_count() == before


def test_errors_are_the_same():
    with SyncMesh(opened()) as mesh:
        with pytest.raises(UnknownSkill):
            mesh.agent("a").nothing()
        with pytest.raises(TypeError, match="echo takes its arguments by name"):
            mesh.agent("a").echo("x")
        with pytest.raises(ConfigError, match="go to one agent"):
            mesh.any("echo").ask("hi")


def test_tasks():
    with SyncMesh(opened()) as mesh:
        task = mesh.submit("a", "echo", {"data": "x"}, key="k")
        assert task.value() == 7
        assert task.reply().agent == "a"
        assert task.state() == "completed"
        assert mesh.task(task.id).cancel() == "canceled"
        assert repr(task) == f"<task {task.id}>"


def test_the_steps_of_a_task():
    with SyncMesh(watched()) as mesh:
        task = mesh.task("t_" + "a" * 26)
        assert [step.fraction for step in task.progress(5)] == [0.25, 0.5]
    with SyncMesh(watched()) as mesh:
        steps = mesh.task("t_" + "a" * 26).progress()
        assert next(steps).note == "begun"
    steps.close()  # type: ignore[attr-defined]


def test_a_handle_can_be_copied():
    with SyncMesh(opened()) as mesh:
        for handle in (mesh.agent("a"), mesh.any("echo")):
            assert copy.copy(handle).echo(data="x") == "x"
            with pytest.raises(AttributeError, match="use .call"):
                _ = handle._echo


def test_only_while_open():
    mesh = SyncMesh(opened())
    with pytest.raises(ConfigError, match="with connect_sync"):
        mesh.agents()
    with mesh:
        pass
    with pytest.raises(ConfigError, match="with connect_sync"):
        mesh.agent("a")
