"""Whoever was put out: its work ends in groups, whatever the store says meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from chatixia.core.task import RemovedParties
from chatixia.errors import Overloaded, Revoked, UnknownAgent
from chatixia.registry.work import removal
from chatixia.store.control.sweep import PER_GROUP
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskDone, TaskHint
from tests.store.control.kit import ALICE, BOB, CAROL, client

from .desk import Desk

ALICE_OUT = RemovedParties(frozenset({"alice"}), frozenset({"alice"}))
PI_OUT = RemovedParties(frozenset({"pi"}), frozenset({"pi", "bob"}))


async def test_its_tasks_are_given_to_nobody_in_groups_of_200(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    groups: list[int] = []
    remove = desk.store.upkeep.remove

    async def counted(
        gone: RemovedParties, numbers: list[int], marks: Iterable[tuple[str, int]]
    ) -> int:
        groups.append(len(numbers))
        return await remove(gone, numbers, marks)

    monkeypatch.setattr(desk.store.upkeep, "remove", counted)
    mine = [await desk.submit(client("pi~aaaaaa")) for _ in range(PER_GROUP + 50)]
    await desk.tasks.remove("default", PI_OUT)
    assert groups == [PER_GROUP, 50]
    assert {await desk.state(client("pi~bbbbbb"), name) for name in mine} == {"canceled"}
    desk.online(CAROL)
    assert await desk.tasks.claim(CAROL, t.Claim("c1", 1)) == t.Grants([])


async def test_its_leases_return_and_what_was_begun_counts(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE, skill="echo", max_attempts=2)
    push = await desk.pushed(BOB)
    await desk.tasks.started(BOB, t.Held(name, push.fence))  # not written yet
    desk.tasks.offline(BOB.id, BOB.incarnation)
    await desk.tasks.remove("default", PI_OUT)
    task = await desk.tasks.get(ALICE, t.Ref(name))
    assert (task.state, task.attempt) == ("pending", 1)
    waiting = await desk.submit(ALICE, target_agent_id="bob")
    await desk.tasks.remove("default", PI_OUT)
    assert (await desk.tasks.get(ALICE, t.Ref(waiting))).error.code == "unknown_agent"  # type: ignore[union-attr]


async def test_who_does_its_work_is_told_to_stop(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE)
    await desk.pushed(BOB)
    await desk.tasks.remove("default", ALICE_OUT)
    [hint] = await desk.sockets.wait("bob", TaskHint)
    assert (hint.task_id, hint.state) == (name, "canceled")
    [told] = await desk.sockets.wait("alice", TaskDone)
    assert told.task.error and told.task.error.code == "revoked"


async def test_nothing_more_is_taken_from_it_or_for_it(desk: Desk):
    desk.tasks.is_removed = lambda ns, name: name in ("bob", "pi")
    for who in (BOB, client("pi~aaaaaa")):
        with pytest.raises(Revoked):
            await desk.submit(who)
    with pytest.raises(UnknownAgent):
        await desk.submit(ALICE, target_agent_id="bob")
    assert await desk.submit(ALICE, target_agent_id="carol")


async def test_a_store_that_is_busy_is_asked_again(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(removal, "RETRY_SECONDS", 0.0)
    name = await desk.submit(ALICE)
    whole, tries = desk.store.upkeep.remove, 0

    async def busy(*rest: object) -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Overloaded
        return await whole(*rest)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.store.upkeep, "remove", busy)
    await desk.tasks.remove("default", ALICE_OUT)
    assert await desk.state(ALICE, name) == "canceled"
    assert tries == 3


async def test_a_stop_waits_for_no_busy_store(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    asked = asyncio.Event()

    async def busy(*rest: object) -> int:
        asked.set()
        raise Overloaded

    monkeypatch.setattr(desk.store.upkeep, "remove", busy)
    await desk.submit(ALICE)
    await desk.tasks.remove("default", ALICE_OUT, wait=0)
    await asked.wait()
    await desk.restart()
