"""What a process says of itself reaches those it is linked with, and is bounded and ordered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.core.ports import Outgoing
from chatixia.peer.sessions.status import PACE_SECONDS, REPEATS
from chatixia.testing.network import MemoryPath, Network
from chatixia.wire.base import encode
from chatixia.wire.peer import SkillInfo, Status


class Work:
    """Serves until it is let go."""

    def __init__(self) -> None:
        self.go, self.began = asyncio.Event(), asyncio.Event()

    async def __call__(self, incoming: Any, responder: Any) -> None:
        self.began.set()
        await self.go.wait()
        responder.reply(b"1")


class Told(list[tuple[str, bytes]]):
    """All that is told beside sessions. ``lost``: none of it arrives."""

    lost = False


@pytest.fixture
async def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What paths carry beside their session."""
    log = Told()

    def tell(path: MemoryPath, data: bytes) -> bool:
        log.append((path.owner, data))
        if not log.lost:
            path.other.datagram(data)
        return True

    monkeypatch.setattr(MemoryPath, "tell", tell)
    return log


async def working(kind: Any = "task") -> tuple[Network, Any, Any, Work, asyncio.Task[Any]]:
    """``a`` asks ``b``, which is at work on it."""
    net, work = Network(), Work()
    a, b = net.node("a"), net.node("b")
    b.serve(work, [SkillInfo("work")], 2)
    await net.start()
    call = asyncio.ensure_future(a.call(Outgoing("b", "work", b"{}", kind, timeout=60.0)))  # type: ignore[arg-type]
    await work.began.wait()
    return net, a, b, work, call


@pytest.mark.parametrize(("kind", "state"), [("task", "acting"), ("prompt", "thinking")])
async def test_who_is_linked_hears_what_a_process_does_and_that_it_ended(kind, state):
    net, a, b, work, call = await working(kind)
    try:
        b.status.tell_now()
        assert a.listener.status("b") == state
        assert a.peers["b"].status.running == 1
        work.go.set()
        await call
        b.status.tell_now()
        assert a.listener.status("b") == "idle"
        assert b.listener.status("a") == ""
    finally:
        await net.stop()


async def test_a_change_is_told_some_times_more_and_then_no_more(told):
    net, a, b, work, call = await working()
    try:
        for _ in range(REPEATS + 4):
            b.status.tell_now()
        assert len([1 for owner, _ in told if owner == "b"]) == 1 + REPEATS
        assert len({data for _, data in told}) == 1
        work.go.set()
        await call
        told.lost = True
        b.status.tell_now()
        assert a.listener.status("b") == "acting"
        told.lost = False
        b.status.tell_now()
        assert a.listener.status("b") == "idle"
    finally:
        await net.stop()


async def test_what_is_over_before_it_is_told_is_not_told(told):
    net, _, b, work, call = await working()
    try:
        work.go.set()
        await call
        b.status.tell_now()
        assert not told
    finally:
        await net.stop()


async def test_a_path_without_datagrams_takes_it_in_the_session_once(monkeypatch):
    monkeypatch.setattr(MemoryPath, "tell", lambda path, data: False)
    net, a, b, work, call = await working()
    try:
        frames = b.peers["a"].calls.session.s
        for _ in range(REPEATS + 2):
            b.status.tell_now()
        assert b.peers["a"].calls.session.s == frames + 1
        work.go.set()
        await call
        assert a.listener.status("b") == "acting"
    finally:
        await net.stop()


async def test_nothing_is_told_to_who_does_not_know_it(told, monkeypatch):
    net, a, b, work, call = await working()
    try:
        for path in net.paths_of("b"):
            path.capabilities = frozenset({"session/1"})
        b.status.tell_now()
        assert not told and a.listener.status("b") == ""
        work.go.set()
        await call
    finally:
        await net.stop()


async def test_an_overtaken_one_does_not_count_and_junk_is_left_out():
    net, a, _, work, call = await working()
    try:
        a.status.update("b", encode(Status("acting", 2, 5)))
        a.status.update("b", encode(Status("idle", 0, 4)))
        a.status.update("stranger", encode(Status("idle")))
        state = a.peers["b"]
        assert state.status == Status("acting", 2, 5)
        for junk in (
            b"",
            b"\xff",
            b"[]",
            b'{"type":"ping"}',
            b'{"type":"agent_status","payload":7}',
        ):
            a.status.receive(state, junk)
        a.status.receive(state, '{"type":"agent_status","payload":{"status":"idle","n":6}}')
        assert a.listener.status("b") == "idle" and "stranger" not in a.peers
        work.go.set()
        await call
    finally:
        await net.stop()


async def test_a_link_that_opens_during_work_hears_of_it():
    net, _, b, work, call = await working()
    try:
        b.status.tell_now()
        late = net.node("c")
        await late.start()
        await late.ping("b")
        assert late.listener.status("b") == "acting"
        work.go.set()
        await call
    finally:
        await net.stop()


async def test_a_described_status_in_the_session_is_heard():
    """As others broadcast it: a message that nobody answers."""
    net, a, b, work, call = await working()
    try:
        await a.call(Outgoing("b", body=b'{"status":"thinking"}', kind="status", timeout=5.0))  # type: ignore[arg-type]
        assert b.listener.status("a") == "thinking"
        work.go.set()
        await call
    finally:
        await net.stop()


async def test_the_pace_is_kept_by_one_timer():
    net, a, b, work, call = await working()
    try:
        before = net.world.now
        while a.listener.status("b") != "acting":
            await asyncio.sleep(0)
        assert net.world.now - before <= 2 * PACE_SECONDS
        work.go.set()
        await call
    finally:
        await net.stop()
