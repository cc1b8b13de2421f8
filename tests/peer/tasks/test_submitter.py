"""Calls over a real registry's queue."""

import asyncio

import msgspec
import pytest

from chatixia.assembly.membership.enrol import enrol
from chatixia.core import route
from chatixia.errors import (
    BadRequest,
    Conflict,
    DeadlineExceeded,
    Denied,
    MeshError,
    Overloaded,
    RegistryUnreachable,
    SkillFailed,
    WireError,
)
from chatixia.peer.links.attempt import SILENT, UNANSWERED, LinkAttempt
from chatixia.peer.tasks import submitter as module
from chatixia.peer.tasks.submitter import QueueClient
from chatixia.peer.timers import LoopTimers
from chatixia.wire.signaling import TaskDone
from chatixia.wire.tasks import (
    MAX_PAYLOAD,
    Body,
    Cancel,
    Ended,
    Query,
    Submit,
    Submitted,
    Task,
)
from chatixia.world import REAL, task_id
from tests.peer.meshes import queued, two
from tests.until import until


async def code(awaitable):
    with pytest.raises(MeshError) as raised:
        await awaitable
    return raised.value


async def test_an_answer_says_that_it_came_by_the_queue():
    async with two() as (_, a, _b):
        answer = await a.call(queued("b"))
        assert (answer.value, answer.via, answer.agent) == (b'"hi"', "queue, plain", "b")


async def test_errors_keep_their_names():
    async def broken(incoming, responder):
        responder.fail(SkillFailed("It broke."))

    async with two(broken) as (_, a, _b):
        error = await code(a.call(queued("b")))
        assert (type(error), error.message, error.via) == (SkillFailed, "It broke.", "queue, plain")
        assert (await code(a.call(queued("nobody")))).code == "unknown_agent"
        large = b'"' + b"x" * MAX_PAYLOAD + b'"'
        error = await code(a.call(queued("b", body=large)))
        assert error.code == "too_large" and "queue" in error.message


async def test_work_for_an_agent_that_is_away_waits_and_ends_unreachable():
    async with two() as (registry, a, _b):
        (await asyncio.to_thread(enrol, registry.profile, "c")).close()
        error = await code(a.call(queued("c", timeout=0.5)))
        assert error.code in ("unreachable", "unknown_agent") and error.outcome == "definite"


async def test_a_caller_that_leaves_cancels_the_task():
    started, stopped = asyncio.Event(), asyncio.Event()

    async def hang(incoming, responder):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with two(hang) as (_, a, _b):
        call = asyncio.create_task(a.call(queued("b", "hang")))
        await started.wait()
        call.cancel()
        async with asyncio.timeout(10):
            await stopped.wait()
        while (await a.verb("tasks.list", Query())).tasks[0].state != "canceled":
            await asyncio.sleep(0)


@pytest.mark.parametrize("turns", [1, 3, 10])
async def test_a_caller_that_leaves_while_its_task_is_submitted_cancels_it(turns: int):
    """The cancel follows at the submit's heels, and may be read before that is written."""

    async def hang(incoming, responder):
        await asyncio.Event().wait()

    async with two(hang) as (_, a, _b), asyncio.timeout(10):
        call = asyncio.create_task(a.call(queued("b", "hang")))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        # On the same socket, behind both.
        after = Submit(id=str(task_id(REAL)), target_agent_id="b", skill="hang")
        await a.verb("tasks.submit", after)
        await a.verb("tasks.cancel", Cancel(after.id))

        async def canceled() -> bool:
            listed = (await a.verb("tasks.list", Query())).tasks
            return all(task.state == "canceled" for task in listed)

        await until(canceled, pause=0.01)


async def test_one_key_is_one_task():
    done = []

    async def count(incoming, responder):
        done.append(incoming.key)
        responder.reply(b"%d" % len(done))

    async with two(count) as (_, a, _b):
        answers = [await a.call(queued("b", key="k1")) for _ in range(2)]
        assert [answer.value for answer in answers] == [b"1", b"1"]
        assert len(done) == 1


async def test_many_at_once_come_back_to_who_asked():
    async with two() as (_, a, _b):
        calls = [a.call(queued("b", body=b"%d" % n)) for n in range(100)]
        assert [int(answer.value) for answer in await asyncio.gather(*calls)] == list(range(100))


async def test_a_watch_ends_with_the_task():
    async def slow(incoming, responder):
        responder.progress(0.5, "half")
        await gate.wait()
        responder.reply(b"1")

    gate = asyncio.Event()
    async with two(slow) as (_, a, _b):
        name = task_id()
        await a.verb("tasks.submit", Submit(id=name, target_agent_id="b", skill="echo"))
        seen = []
        async for push in a.watch(name, 20):
            seen.append(push)
            gate.set()
        assert isinstance(seen[-1], TaskDone) and seen[-1].task.state == "completed"
        again = [push async for push in a.watch(name, 20)]
        assert [type(push) for push in again] == [TaskDone]


async def test_a_call_hears_its_progress_through_the_queue():
    heard = []
    half = asyncio.Event()

    def hear(fraction, note):
        heard.append((fraction, note))
        half.set()

    async def slow(incoming, responder):
        responder.progress(0.5, "half")
        await half.wait()
        responder.reply(b"1")

    async with two(slow) as (_, a, _b), asyncio.timeout(20):
        out = queued("b")
        out.on_progress = hear
        assert (await a.call(out)).value == b"1"
    assert heard == [(0.5, "half")]


async def test_a_call_hears_the_events_of_its_agent_through_the_queue():
    heard, came = [], asyncio.Event()

    def hear(event):
        heard.append(event)
        came.set()
        if event == b"[]":
            raise BadRequest("The agent sent an event that cannot be read.")

    async def talks(incoming, responder):
        await responder.item(b'"a"')
        await responder.item(b'""', event=b"[]")
        await responder.item(b'""', event=b'{"kind":"thinking"}')
        await came.wait()
        responder.reply(b'"a"')

    async with two(talks) as (_, a, _b), asyncio.timeout(20):
        out = queued("b")
        out.on_event = hear
        assert (await a.call(out)).value == b'"a"'
    assert heard[:2] == [b"[]", b'{"kind":"thinking"}']


async def test_a_watch_goes_on_in_the_next_login(monkeypatch):
    """nats-io/nats.py#66: whoever subscribed hears nothing more after a reconnect."""
    monkeypatch.setattr(module, "WATCH_POLL", 0.1)
    back = asyncio.Event()

    async def slow(incoming, responder):
        while True:  # a step that finds no registry is lost, the next is not
            responder.progress(0.5 if back.is_set() else 0.25, "")
            await asyncio.sleep(0.05)

    async with two(slow) as (registry, a, _b), asyncio.timeout(15):
        name = task_id()
        await a.verb("tasks.submit", Submit(id=name, target_agent_id="b", skill="echo"))
        async for push in a.watch(name, 40):
            step = getattr(push, "fraction", None)
            if step == 0.25 and not back.is_set():
                await registry.stop()
                await registry.start()
                back.set()
            if step == 0.5:
                break


async def test_a_watch_has_an_end():
    async def hang(incoming, responder):
        await asyncio.Event().wait()

    async with two(hang) as (_, a, _b):
        name = task_id()
        await a.verb("tasks.submit", Submit(id=name, target_agent_id="b", skill="hang"))

        async def watch():
            async for _ in a.watch(name, 0.3):
                pass

        assert (await code(watch())).code == "deadline_exceeded"


class Scripted:
    """A registry that answers each verb as told: an error, or the reply to give."""

    up, access = True, None

    def __init__(self, **answers):
        self.answers = {name.replace("_", "."): list(said) for name, said in answers.items()}
        self.asked = []

    async def verb(self, name, request, timeout=10.0):
        self.asked.append((name, request))
        said = self.answers[name]
        found = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(found, MeshError):
            raise found
        return found


LOST = RegistryUnreachable("It broke off.", outcome="unknown")


@pytest.mark.parametrize(
    "later", [RegistryUnreachable(), DeadlineExceeded(outcome="definite"), Denied(), Overloaded()]
)
async def test_a_call_whose_submit_was_lost_ends_unknown_whatever_came_after(
    later: MeshError, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "RETRY", 0.01)
    registry = Scripted(tasks_submit=[LOST, later], tasks_cancel=[Ended("t", "canceled")])
    queue = QueueClient(registry, REAL, LoopTimers())  # type: ignore[arg-type]
    out = queued("b")
    error = await code(queue.call(out, "r1", REAL.monotonic() + 0.2))
    assert (error.code, error.outcome, error.agent) == ("registry_unreachable", "unknown", "b")
    ids = {request.id for name, request in registry.asked if name == "tasks.submit"}
    assert len(ids) == 1
    await queue.stop()
    assert ("tasks.cancel", ids.pop()) in [
        (n, getattr(r, "task_id", "")) for n, r in registry.asked
    ]


async def test_an_answer_that_took_too_long_is_asked_for_again():
    row = Task("t1", "completed", result=Body(plain=msgspec.Raw(b"7")))
    registry = Scripted(tasks_submit=[DeadlineExceeded(), Submitted("t1")], tasks_get=[row])
    queue = QueueClient(registry, REAL, LoopTimers())  # type: ignore[arg-type]
    assert (await queue.call(queued("b"), "r1", REAL.monotonic() + 20)).value == b"7"


@pytest.mark.parametrize(
    ("cancel", "row", "said"),
    [
        (Ended("t", "canceled"), {"state": "canceled"}, ("unreachable", "definite")),
        (
            Ended("t", "canceled"),
            {"state": "canceled", "deliveries": 1},
            ("deadline_exceeded", "unknown"),
        ),
        (RegistryUnreachable(), {"state": "pending"}, ("deadline_exceeded", "unknown")),
        (
            Conflict(),
            {"state": "failed", "error": WireError("skill_failed")},
            ("skill_failed", "definite"),
        ),
        (Ended("t", "canceled", duplicate=True), {"state": "canceled"}, ("canceled", "definite")),
    ],
)
async def test_past_its_deadline_only_a_canceled_task_was_surely_not_begun(cancel, row, said):
    """While it may still be given out, "nobody came for it" would be a guess."""
    pending = Task("t", "pending")
    registry = Scripted(tasks_submit=[Submitted("t")], tasks_get=[pending], tasks_cancel=[cancel])
    queue = QueueClient(registry, REAL, LoopTimers())  # type: ignore[arg-type]

    async def verb(name, request, timeout=10.0, ask=registry.verb):
        if name == "tasks.cancel":
            registry.answers["tasks.get"] = [Task("t", **row)]
        return await ask(name, request, timeout)

    registry.verb = verb
    error = await code(queue.call(queued("b"), "r1", REAL.monotonic() + 0.1))
    assert (error.code, error.outcome) == said
    await queue.stop()


async def test_a_task_that_the_registry_pushes_nothing_about_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
):
    """One login may watch so many; the others are waited for all the same."""
    monkeypatch.setattr(module, "WATCH_POLL", 0.01)
    pending, ended = Task("t", "pending"), Task("t", "completed")
    registry = Scripted(
        tasks_watch=[Overloaded()], tasks_get=[pending, Overloaded(), pending, ended]
    )
    queue = QueueClient(registry, REAL, LoopTimers())  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        (last,) = [push async for push in queue.watch("t", 20)]
    assert last == TaskDone(task=ended)


async def test_a_call_that_no_link_took_says_why_and_how_long_one_was_tried(
    monkeypatch: pytest.MonkeyPatch,
):
    """The other end answers, but no packet passes."""
    monkeypatch.setattr(route, "PATIENCE", 0.3)
    monkeypatch.setattr(LinkAttempt, "_gathered", lambda self, candidate: None)
    async with two() as (_, a, _b):
        first = await a.call(queued("b", queue="auto"))
        assert (first.via, first.reason) == ("queue, plain", f"no direct path: {SILENT}")
        assert first.tried_ms is not None and first.ms >= first.tried_ms >= 300
        again = await a.call(queued("b", queue="auto"))
        assert (again.reason, again.tried_ms) == (first.reason, None)  # remembered
        asked = await a.call(queued("b"))
        assert (asked.reason, asked.tried_ms) == ("", None)  # the caller wanted it so


async def test_an_offer_without_an_answer_is_told_from_packets_that_do_not_pass(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(route, "PATIENCE", 0.3)

    async def mute(self, offer, heard):
        await asyncio.Event().wait()

    monkeypatch.setattr(LinkAttempt, "answer", mute)
    async with two() as (_, a, _b):
        answer = await a.call(queued("b", queue="auto"))
        assert (answer.via, answer.reason) == ("queue, plain", f"no direct path: {UNANSWERED}")
