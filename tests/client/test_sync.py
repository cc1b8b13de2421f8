"""The mesh without async."""

from __future__ import annotations

import copy
import inspect
import threading
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from chatixia.agent.context import Ctx
from chatixia.client.anyone import AnyHandle
from chatixia.client.handle import AgentHandle
from chatixia.client.mesh import Mesh
from chatixia.client.stream import Items
from chatixia.client.sync import SyncAnyHandle, SyncHandle, SyncItems, SyncMesh, SyncTask
from chatixia.client.task import Task
from chatixia.errors import BadRequest, ConfigError, UnknownSkill
from chatixia.wire.registry import AgentQuery
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


async def work(ctx: Ctx) -> str:
    await ctx.progress(0.5)
    return "done"


async def reply(text: str) -> str:
    return f"said {text}"


@asynccontextmanager
async def opened() -> AsyncIterator[Mesh]:
    net = Net()
    served = Served(net, "a", echo, count, work, prompt=reply)
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
        TaskProgress(name, "", 1, fraction=0.5),
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
        assert [s.name for s in mesh.skills("a")] == ["echo", "count", "work"]
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


PAIRS = [
    (Mesh, SyncMesh),
    (AgentHandle, SyncHandle),
    (AnyHandle, SyncAnyHandle),
    (Items, SyncItems),
    (Task, SyncTask),
]


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("twin", "plain"), PAIRS, ids=lambda kind: kind.__name__)
def test_it_has_what_its_twin_has(twin: type, plain: type):
    assert public(twin) <= public(plain)
    for name in public(twin):
        theirs, ours = getattr(twin, name), getattr(plain, name)
        if inspect.isfunction(theirs):
            wanted = inspect.signature(theirs).parameters
            found = inspect.signature(ours).parameters
            assert [(p.name, p.kind, p.default) for p in wanted.values()] == [
                (p.name, p.kind, p.default) for p in found.values()
            ], name


def test_what_instances_have():
    with SyncMesh(opened()) as mesh:
        assert mesh.agent("a").name == "a"
        assert mesh.any("echo").skill == "echo"
        assert mesh.any("echo").pick() == ["a"]
        assert mesh.agent("a").tell("hi") == "said hi"
        assert mesh.within(5).agent("a").echo(data="x") == "x"
        assert mesh.within(5).verb("agents.list", AgentQuery()).agents[0].agent_id == "a"
        assert mesh.submit("a", "echo", {"data": "x"}).ended().state == "completed"


def test_a_stream_without_a_block():
    with SyncMesh(opened()) as mesh:
        stream = mesh.agent("a").stream("count", {"n": 3})
        assert stream.via == ""
        assert list(stream) == [0, 1, 2]
        for item in mesh.agent("a").stream("count", {"n": 3}):
            assert item == 0
            break
        events = [event.item for event in mesh.agent("a").stream("count", {"n": 2}).events()]
        assert events == [0, 1]
        with pytest.raises(BadRequest, match="Open a stream first"):
            next(mesh.agent("a").stream("count", {"n": 3}))


def test_progress_is_heard_by_the_caller():
    heard: list[tuple[float | None, int]] = []
    with SyncMesh(opened()) as mesh:
        reply = mesh.agent("a").call(
            "work", on_progress=lambda step: heard.append((step.fraction, threading.get_ident()))
        )
    assert reply.value == "done" and heard == [(0.5, threading.get_ident())]


def test_an_error_is_a_few_lines():
    with SyncMesh(opened()) as mesh:
        with pytest.raises(UnknownSkill) as caught:
            mesh.agent("a").nothing()
    shown = "".join(traceback.format_exception(caught.value))
    assert "portal" not in shown and shown.count("\n") < 14


async def test_an_agent_of_this_very_loop_is_refused_at_once():
    served = Served(Net(), "a", echo)
    with SyncMesh(opened()) as mesh:
        agent = mesh.agent("a")
        for use in (
            lambda: agent.echo(data="x"),
            lambda: agent.call("echo", {"data": "x"}),
            lambda: agent.stream("count", {"n": 1}),
            lambda: agent.ask("x"),
            lambda: agent.tell("x"),
        ):
            with pytest.raises(ConfigError, match=r"a is served by the event loop.*`await ctx"):
                use()
        served.close()  # now only the other loop's "a" is there
        assert agent.echo(data="x") == "x"
