"""Verbs in flight: windows, deadlines, refusals, and what a lost login means for each."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from chatixia.errors import (
    DeadlineExceeded,
    NotFound,
    Overloaded,
    RegistryUnreachable,
    Unavailable,
)
from chatixia.peer.control import requests as module
from chatixia.peer.control.requests import LOOKS_AT_ONCE, LOOKS_FIRST, WAITING, WINDOW, VerbRequests
from chatixia.wire.registry import AgentQuery, AgentRef, Nothing, Serial
from chatixia.wire.signaling import SignalError, VerbCall, VerbResult
from chatixia.wire.tasks import Ref


class Wire:
    """What was sent, and whether more may go."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.open = True

    def send(self, frame: msgspec.Struct) -> bool:
        if self.open:
            self.sent.append(frame)
        return self.open


WEATHER = Serial("weather")


async def started(
    verbs: VerbRequests,
    count: int = 1,
    timeout: float = 60.0,
    name: str = "serial",
    request: msgspec.Struct = WEATHER,
) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.ensure_future(verbs.call(name, request, timeout)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def answer(call: VerbCall, body: bytes = b'{"id":"weather","serial":7}') -> VerbResult:
    return VerbResult(call.id, msgspec.Raw(body))


async def test_an_answer_comes_as_the_verbs_reply():
    wire = Wire()
    verbs = VerbRequests(wire.send)
    [task] = await started(verbs)
    assert (wire.sent[0].verb, bytes(wire.sent[0].body)) == ("serial", b'{"id":"weather"}')
    verbs.result(VerbResult("nobody's"))
    verbs.result(answer(wire.sent[0]))
    verbs.result(answer(wire.sent[0]))
    assert (await task).serial == 7


async def test_a_refusal_comes_as_its_class():
    wire = Wire()
    verbs = VerbRequests(wire.send)
    [task] = await started(verbs)
    assert not verbs.error(SignalError("not_found", "", "offer"))
    assert verbs.error(SignalError("not_found", "No such thing.", wire.sent[0].id))
    with pytest.raises(NotFound, match="No such thing"):
        await task


async def test_another_members_error_answers_no_verb():
    """A member may send anybody an ``error`` about a link, with the next verb's id in it."""
    wire = Wire()
    verbs = VerbRequests(wire.send)
    [task] = await started(verbs)
    forged = SignalError("not_found", "", wire.sent[0].id, outcome="definite", peer_id="mallory")
    assert not verbs.error(forged)
    verbs.result(answer(wire.sent[0]))
    assert (await task).serial == 7


async def test_only_a_window_of_them_flies_and_the_rest_follow():
    wire = Wire()
    verbs = VerbRequests(wire.send)
    tasks = await started(verbs, WINDOW + 10)
    assert len(wire.sent) == WINDOW
    for n in range(WINDOW + 10):
        verbs.result(answer(wire.sent[n]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [reply.serial for reply in await asyncio.gather(*tasks)] == [7] * (WINDOW + 10)


async def test_too_many_are_refused_at_once():
    verbs = VerbRequests(Wire().send)
    tasks = await started(verbs, WAITING)
    with pytest.raises(Overloaded):
        await verbs.call("serial", Serial("weather"), 1.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not verbs._open and not verbs._acts.flying and not verbs._acts.open


async def test_a_deadline_says_whether_it_had_left():
    verbs = VerbRequests(Wire().send)
    late = await started(verbs, WINDOW, 0.5, "leave", Nothing())
    late += await started(verbs, 1, 0.0, "leave", Nothing())  # ends while those still have the room
    errors = await asyncio.gather(*late, return_exceptions=True)
    assert all(isinstance(error, DeadlineExceeded) for error in errors)
    assert [error.outcome for error in errors] == ["unknown"] * WINDOW + ["definite"]


async def test_a_lost_login_ends_them_all():
    wire = Wire()
    verbs = VerbRequests(wire.send)
    tasks = await started(verbs, WINDOW + 1, 60.0, "leave", Nothing())
    wire.open = False
    verbs.broken()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, RegistryUnreachable) for error in errors)
    assert [error.outcome for error in errors] == ["unknown"] * WINDOW + ["definite"]
    with pytest.raises(RegistryUnreachable) as never:
        await verbs.call("agents.get", AgentRef("weather"), 1.0)
    assert never.value.outcome == "definite"


async def test_what_only_reads_has_done_nothing_when_no_answer_comes():
    """A look at a task aside: what waits for work leaves open what became of that."""
    outcomes = []
    for name, request in (
        ("agents.list", AgentQuery()),
        ("status", Nothing()),
        ("tasks.get", Ref("t_x")),
        ("session", Nothing()),
    ):
        for end in ("late", "broken", "unreadable"):
            wire = Wire()
            verbs = VerbRequests(wire.send)
            task = asyncio.ensure_future(verbs.call(name, request, 0.01 if end == "late" else 5.0))
            while not wire.sent:
                await asyncio.sleep(0)
            if end == "broken":
                verbs.broken()
            elif end == "unreadable":
                verbs.result(answer(wire.sent[0], b"[1,2"))
            [error] = await asyncio.gather(task, return_exceptions=True)
            outcomes.append((name, error.outcome))
    assert set(outcomes) == {
        ("agents.list", "definite"),
        ("status", "definite"),
        ("session", "definite"),
        ("tasks.get", "unknown"),
    }


async def test_an_answer_that_cannot_be_read_is_an_error():
    wire = Wire()
    verbs = VerbRequests(wire.send)
    task = asyncio.ensure_future(verbs.call("leave", Nothing(), 1.0))
    await asyncio.sleep(0)
    verbs.result(answer(wire.sent[0], b"[1,2"))
    with pytest.raises(Unavailable) as raised:
        await task
    assert raised.value.outcome == "unknown"  # it was done, or refused: nobody can read which


async def test_looks_at_tasks_take_turns_and_leave_room_for_what_does_something():
    wire = Wire()
    verbs = VerbRequests(wire.send)
    looks = [
        asyncio.ensure_future(verbs.call("tasks.get", Ref(f"t{n}"), 60.0))
        for n in range(3 * WAITING)
    ]
    await asyncio.sleep(0)
    assert len(wire.sent) == LOOKS_AT_ONCE
    acts = await started(verbs, WAITING)
    assert [call.verb for call in wire.sent].count("serial") == WINDOW - LOOKS_AT_ONCE
    # Each answer makes room: for what does something, but a few looks always go.
    done = 0
    while done < len(wire.sent):
        call = wire.sent[done]
        body = b"{}" if call.verb == "serial" else b'{"id":"t","state":"pending"}'
        verbs.result(answer(call, body.replace(b"{}", b'{"id":"weather","serial":7}')))
        done += 1
        await asyncio.sleep(0)
        flying = [c.verb for c in wire.sent[done:]]
        assert len(flying) <= WINDOW
        if done == WAITING:
            assert flying.count("tasks.get") == LOOKS_FIRST
    assert done == 4 * WAITING
    assert len(await asyncio.gather(*looks, *acts)) == 4 * WAITING


async def test_looks_have_a_bound_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LOOKS_WAITING", 2)
    verbs = VerbRequests(Wire().send)
    looks = [asyncio.ensure_future(verbs.call("tasks.get", Ref("t"), 60.0)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await verbs.call("tasks.get", Ref("t"), 1.0)
    assert len(await started(verbs)) == 1
    verbs.broken()
    await asyncio.gather(*looks, return_exceptions=True)
