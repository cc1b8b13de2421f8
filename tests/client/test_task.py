"""Durable tasks: submitted once, waited for through anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from chatixia.client import mesh as mesh_module
from chatixia.client import task as task_module
from chatixia.client.call_context import CallContext
from chatixia.client.task import Progress
from chatixia.errors import (
    BadArguments,
    BadRequest,
    Cancelled,
    ConfigError,
    Conflict,
    DeadlineExceeded,
    Denied,
    MeshError,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    RegistryUnreachable,
    SkillFailed,
    TooLarge,
    Unavailable,
    UnknownSkill,
    WireError,
)
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack
from chatixia.wire.signaling import TaskDone, TaskHint, TaskProgress
from chatixia.wire.tasks import Body, Ended, Submit, Submitted
from chatixia.wire.tasks import Task as Row
from tests.agent.loopback import Net
from tests.agent.served import client

NULL = msgspec.Raw(b"null")


def row(state: str, **more: Any) -> Row:
    return Row("t_" + "a" * 26, state, created_at=1.0, updated_at=3.5, **more)


def done(value: bytes = b'{"city":"Oslo"}') -> Row:
    return row("completed", result=Body(plain=msgspec.Raw(value)), assigned_agent_id="b")


class Registry:
    """A queue of answers for each verb, and of pushes for the watch."""

    def __init__(self) -> None:
        net = Net()
        self.mesh = client(net)
        self.port = net.ports["me~abcdef"]
        self.rows: list[Any] = []
        self.seen: list[Any] = []
        self.submits: list[Any] = []
        net.verbs["tasks.get"] = lambda _: self.answer(self.rows)
        net.verbs["tasks.submit"] = self.submit
        net.verbs["tasks.cancel"] = lambda c: Ended(c.task_id, "canceled")

    def submit(self, request: Submit) -> Submitted:
        self.seen.append(msgspec.structs.replace(request))
        return self.answer(self.submits) if self.submits else Submitted(request.id)

    def answer(self, queue: list[Any]) -> Any:
        found = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def task(self) -> Any:
        return self.mesh.task("t_" + "a" * 26)

    def pushes(self, *rounds: list[msgspec.Struct]) -> None:
        self.port.pushes["t_" + "a" * 26] = list(rounds)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch):
    async def now(_: float) -> None:
        return None

    monkeypatch.setattr(asyncio, "sleep", now)


async def test_submitting():
    registry = Registry()
    task = await registry.mesh.submit(
        "weather", "forecast", {"city": "Oslo"}, key="oslo-1123", deadline=3600
    )
    (sent,) = registry.seen
    assert task.id == sent.id
    assert (sent.key, sent.deadline_ms, sent.target_agent_id) == ("oslo-1123", 3_600_000, "weather")
    assert bytes(sent.payload) == b'{"plain":{"city":"Oslo"}}'
    assert repr(task) == f"<task {task.id}>"


async def test_a_submitted_task_has_a_day():
    """Five minutes would not be durable for whoever is away."""
    registry = Registry()
    await registry.mesh.submit("weather", "forecast")
    (sent,) = registry.seen
    assert sent.deadline_ms == 24 * 3_600_000


async def test_the_order_of_the_content_does_not_matter_under_a_key():
    registry = Registry()
    given: list[dict[Any, Any]] = [
        {"a": {"x": 1, "y": [1]}, "b": {"s", "t", "u"}, "c": {10: 1, 9: 2}},
        {"c": {9: 2, 10: 1}, "b": {"u", "t", "s"}, "a": {"y": [1], "x": 1}},
    ]
    for args in given:
        await registry.mesh.submit("weather", "forecast", args, key="k")
    one, two = (bytes(sent.payload) for sent in registry.seen)
    assert one == two
    await registry.mesh.submit("weather", "forecast", {"b": 1, "a": 2})
    assert bytes(registry.seen[-1].payload) == b'{"plain":{"b":1,"a":2}}'  # nobody compares it


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_attempts": 0}, "max_attempts must be a whole number from 1 to 20"),
        ({"max_attempts": 1.5}, "max_attempts must be a whole number"),
        ({"priority": 101}, "priority must be a whole number from -100 to 100"),
        ({"priority": None}, "priority must be a whole number"),
        ({"key": "k" * 129}, "A key is a text of at most 128 characters"),
        ({"key": 5}, "A key is a text"),
        ({"args": ["Oslo"]}, "The arguments of a task are an object"),
        ({"args": "Oslo"}, "The arguments of a task are an object"),
    ],
)
async def test_what_no_task_can_have_is_refused_in_our_words(options: dict[str, Any], says: str):
    registry = Registry()
    with pytest.raises(BadArguments, match=says):
        await registry.mesh.submit("weather", "forecast", **options)
    assert not registry.seen


async def test_a_skill_that_can_be_none_is_not_submitted():
    with pytest.raises(UnknownSkill, match="No skill can be called"):
        await Registry().mesh.submit("weather", "x" * 65)


async def test_a_lost_answer_is_asked_for_again_under_the_same_id():
    registry = Registry()
    registry.submits = [OutcomeUnknown(), Submitted("t_" + "a" * 26)]
    await registry.mesh.submit("", "forecast")
    one, two = registry.seen
    assert (one.id, one.key) == (two.id, two.key) == (one.id, one.id)


async def test_no_later_error_makes_a_lost_answer_definite(monkeypatch: pytest.MonkeyPatch):
    """The registry died between commit and answer: the task is there, and will run."""
    monkeypatch.setattr(mesh_module, "DOUBT_S", 0.25)
    registry = Registry()
    lost, away = RegistryUnreachable("It broke off.", outcome="unknown"), RegistryUnreachable()
    registry.submits = [lost, away]
    with pytest.raises(RegistryUnreachable, match="It broke off") as raised:
        await registry.mesh.submit("", "forecast")
    assert raised.value.outcome == "unknown" and raised.value.__cause__ is away
    assert len(registry.seen) >= 2 and len({sent.id for sent in registry.seen}) == 1
    # A refusal that no other try changes ends it at once, in doubt all the same.
    registry.submits = [lost, Denied()]
    with pytest.raises(RegistryUnreachable) as raised:
        await registry.mesh.submit("", "forecast")
    assert raised.value.outcome == "unknown"
    # The answer ends the doubt, however many tries were refused on the way.
    registry.submits = [lost, away, Overloaded(), away, Submitted("t_" + "a" * 26)]
    monkeypatch.setattr(mesh_module, "DOUBT_S", 60.0)
    monkeypatch.setattr(mesh_module, "DOUBT_PAUSES_S", (0.01,))
    assert (await registry.mesh.submit("", "forecast")).id == "t_" + "a" * 26


async def test_the_end_of_the_time_given_does_not_make_it_definite_either():
    registry = Registry()
    registry.submits = [RegistryUnreachable(outcome="unknown"), RegistryUnreachable()]
    with pytest.raises(RegistryUnreachable) as raised:
        await registry.mesh.within(0.05).submit("", "forecast")
    assert raised.value.outcome == "unknown"


async def test_what_is_refused_is_not_asked_again():
    registry = Registry()
    registry.submits = [Conflict()]
    with pytest.raises(Conflict):
        await registry.mesh.submit("weather", "forecast")
    assert len(registry.seen) == 1
    with pytest.raises(TooLarge, match="registry's queue takes"):
        await registry.mesh.submit("weather", "f", {"x": "y" * (1024 * 1024)})
    with pytest.raises(BadArguments, match="deadline"):
        await registry.mesh.submit("weather", "f", deadline=0)
    with pytest.raises(BadRequest, match="not a task id.*chatixia tasks"):
        registry.mesh.task("x")


async def test_a_value_at_once_and_by_push():
    registry = Registry()
    registry.rows = [done()]
    assert (await registry.task).city == "Oslo"
    registry.rows = [row("assigned")]
    registry.pushes([TaskProgress("t", "", 0, fraction=0.5), TaskDone(done())])
    reply = await registry.task.reply()
    assert (reply.via, reply.ms, reply.agent) == ("queue, plain", 2500.0, "b")


async def test_hints_and_silence_read_the_row_again():
    registry = Registry()
    registry.rows = [row("pending"), row("assigned"), done()]
    registry.pushes([TaskHint("t", "completed")], [])
    assert await registry.task == {"city": "Oslo"}


async def test_the_registry_may_be_away_for_a_while():
    registry = Registry()
    registry.rows = [RegistryUnreachable(), DeadlineExceeded(), done()]
    assert await registry.task == {"city": "Oslo"}


async def test_waiting_has_an_end():
    registry = Registry()
    registry.rows = [row("assigned")]
    with pytest.raises(DeadlineExceeded, match="has not ended yet; it goes on"):
        await registry.task.reply(timeout=0.02)
    registry.rows = [RegistryUnreachable()]
    with pytest.raises(RegistryUnreachable):
        await registry.task.reply(timeout=0.02)


@pytest.mark.parametrize(
    ("end", "kind", "says"),
    [
        (row("failed", error=WireError("skill_failed", "Broke.")), SkillFailed, "Broke."),
        (row("canceled"), Cancelled, "is canceled"),
        (row("failed"), SkillFailed, "is failed"),
    ],
)
async def test_errors(end: Row, kind: type[Exception], says: str):
    registry = Registry()
    registry.rows = [end]
    with pytest.raises(kind, match=says) as caught:
        await registry.task
    assert caught.value.via in (None, "queue, plain")  # type: ignore[attr-defined]


async def test_progress():
    registry = Registry()
    registry.rows = [row("assigned"), done()]
    registry.pushes(
        [
            TaskProgress("t", "", 0, fraction=0.5, note="half"),
            TaskProgress("t", "", 1, item=msgspec.Raw(b'{"a":1}')),
            TaskDone(done()),
        ]
    )
    seen = [step async for step in registry.task.progress()]
    assert seen == [Progress(0.5, "half"), Progress(None, "", {"a": 1})]


async def test_events_of_an_agent_are_progress_too():
    registry = Registry()
    registry.rows = [row("assigned"), done()]
    event = AgentEvent("thinking", text="hm")
    raw = msgspec.Raw(pack(event))
    push = TaskProgress("t", "", 0, item=msgspec.Raw(EMPTY_ITEM), event=raw)
    registry.pushes([push, TaskDone(done())])
    assert [step async for step in registry.task.progress()] == [Progress(event=event)]


async def test_what_a_watch_is_told_again_is_passed_on_once():
    """A task that runs longer than one watch is watched again, and so is one that two wait for."""
    registry = Registry()
    registry.rows = [row("assigned"), row("assigned"), done()]
    steps = [TaskProgress("t", "1.0", n, fraction=n / 4) for n in range(4)]
    again = [TaskProgress("t", "2.0", 0, fraction=0.0)]
    registry.pushes([*steps[:2], TaskHint("t", "completed")], [*steps, *again, TaskDone(done())])
    seen = [step.fraction async for step in registry.task.progress()]
    assert seen == [0.0, 0.25, 0.5, 0.75, 0.0]  # the last is of another attempt


async def test_looking_and_cancelling():
    registry = Registry()
    registry.rows = [row("pending")]
    assert await registry.task.state() == "pending"
    assert await registry.task.cancel("enough") == "canceled"


async def test_a_mesh_that_closes_ends_the_waiting_as_itself_between_two_looks_too(
    monkeypatch: pytest.MonkeyPatch,
):
    registry = Registry()
    task = registry.task
    registry.rows = [RegistryUnreachable(), Unavailable(retryable=False)]

    async def close(door: CallContext, _: float) -> None:
        door.lock()

    monkeypatch.setattr(CallContext, "pause", close)
    with pytest.raises(Unavailable):
        await task.reply()
    with pytest.raises(ConfigError, match="is closed"):
        await task.reply()


@pytest.mark.parametrize("error", [Overloaded(), DeadlineExceeded(outcome="definite")])
async def test_waiting_never_fails_because_many_wait(
    error: MeshError, monkeypatch: pytest.MonkeyPatch
):
    """Neither refused here nor at the registry, nor for want of a turn in time."""
    monkeypatch.setattr(task_module, "PATIENCE_S", 0.0)
    registry = Registry()
    registry.rows = [error, error, row("pending"), row("pending"), done()]
    watches = 0

    async def watch(task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        nonlocal watches
        watches += 1
        if watches == 1:
            raise error
        yield TaskHint(task_id, "completed")

    registry.port.watch = watch  # type: ignore[method-assign]
    async with asyncio.timeout(20):
        assert (await registry.task).city == "Oslo"


@pytest.mark.parametrize(
    "error", [RegistryUnreachable(), Denied(), NotFound(), Unavailable(retryable=False)]
)
async def test_waiting_that_fails_says_nothing_definite_of_the_work(
    error: MeshError, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(task_module, "PATIENCE_S", 0.0)
    registry = Registry()
    registry.rows = [error]
    for wait in (registry.task.reply, registry.task.ended):
        with pytest.raises(type(error)) as raised:
            await wait()
        assert raised.value.outcome == "unknown"
        error.outcome = "definite"
    with pytest.raises(type(error)) as raised:
        async for _ in registry.task.progress():
            pass
    assert raised.value.outcome == "unknown"


async def test_a_look_takes_no_longer_than_the_time_given_to_wait():
    registry = Registry()
    asked: list[float] = []

    async def verb(name: str, request: Any, timeout: float = 10.0) -> Any:
        asked.append(timeout)
        raise DeadlineExceeded

    registry.port.verb = verb  # type: ignore[method-assign]
    with pytest.raises(DeadlineExceeded):
        await registry.task.reply(1.0)
    assert asked and max(asked) <= 1.0
