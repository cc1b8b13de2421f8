"""The store without a disk: the same rules, on the loop alone."""

from __future__ import annotations

import threading

import pytest

from chatixia.errors import Conflict, MeshError, Unavailable
from chatixia.store.control.in_memory import MemoryStore
from chatixia.store.control.submission import SubmitOrder
from chatixia.wire import tasks as t

from .kit import ALICE, BOB, PAYLOAD, Clock, task_id


def order(n: int, key: str = "", payload: bytes = PAYLOAD) -> SubmitOrder:
    said = t.Submit(id=task_id(n), skill="echo", target_agent_id="bob", key=key)
    return SubmitOrder(ALICE, said, payload, 30.0)


async def test_a_task_from_submit_to_its_end_without_a_thread():
    before = threading.active_count()
    store = MemoryStore(Clock())
    assert (await store.tasks.submit(order(1, "k"))).state == "pending"
    assert (await store.tasks.submit(order(2, "k"))).duplicate
    with pytest.raises(Conflict):
        await store.tasks.submit(order(3, "k", b'{"data":"other"}'))
    grants = await store.leases.claim(BOB, t.Claim("c1", 1, ["echo"]), ["echo"])
    (grant,) = grants.grants
    done = await store.leases.complete(BOB, grant.task.id, grant.fence, b"2")
    assert done.state == "completed"
    row, task = await store.tasks.get("default", grant.task.id)
    assert task.state == "completed" and row.source == "alice"
    assert threading.active_count() == before
    assert store.disk_free() > 0 and store.waiting() == 0 and store.commits() >= 4
    await store.close()
    with pytest.raises(MeshError):
        await store.tasks.submit(order(4))


async def test_what_is_queued_when_it_closes_is_written():
    import asyncio

    store = MemoryStore(Clock())
    waits = [asyncio.create_task(store.tasks.submit(order(n))) for n in range(3)]
    await asyncio.sleep(0)
    await store.close()
    assert [(await one).state for one in waits] == ["pending"] * 3


async def test_a_query_that_cannot_be_read_is_unavailable():
    store = MemoryStore(Clock())
    with pytest.raises(Unavailable):
        await store.access.run(lambda db: db.execute("SELECT nothing").fetchall())
    await store.close()
