"""A registry that cannot keep what it is given says so: where it runs, and to whoever asks."""

from __future__ import annotations

import logging
import os
import re

import pytest

from chatixia.errors import DiskFull, Unavailable
from chatixia.registry.condition import Condition
from chatixia.store.control.clock import DiskFloor
from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import HANG, Answer, agent, dial, enrolled, http_call, register_frame
from tests.until import until

SPACE = re.compile(r"[0-9]+ MiB are free")
"""Others use the disk too: it may be another number a moment later."""


class Store:
    """What a store says of itself."""

    def __init__(self) -> None:
        self.peer_lost, self.low = "", ""

    def fault(self) -> str:
        return self.peer_lost

    def disk_low(self) -> str:
        return self.low


def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture):
    store = Store()
    condition = Condition(store)  # type: ignore[arg-type]
    condition.look()
    store.low = "The disk is nearly full: 9 MiB."
    condition.look()
    store.low = "The disk is nearly full: 8 MiB."
    condition.look()
    assert isinstance(condition.trouble(), DiskFull)
    store.peer_lost = "It was deleted."
    condition.look()
    condition.look()
    assert isinstance(condition.trouble(), Unavailable)
    store.peer_lost = store.low = ""
    condition.look()
    assert [(r.levelno, r.getMessage()[:24]) for r in caplog.records] == [
        (logging.WARNING, "The disk is nearly full:"),
        (logging.ERROR, "It was deleted."),
        (logging.WARNING, "The registry is well aga"),
    ]


async def ready(registry: RegistryHarness, but: str) -> Answer:
    """The answer of ``readyz`` once it is something else."""

    async def other() -> Answer | None:
        answer = await http_call(registry, "GET", "/readyz")
        return answer if answer.json.get("status") != but else None

    return await until(other, HANG, pause=0.05)


async def test_a_disk_that_fills_is_said_and_only_new_work_is_refused(registry: RegistryHarness):
    asker, worker = await agent(registry, "asker"), await agent(registry, "worker", "x", slots=2)
    assert "trouble" not in (await asker.verb("status"))["body"]
    made = {"skill": "x", "payload": {"plain": 1}}
    await asker.verb("tasks.submit", **made)
    push = await worker.next("task")
    registry.running.store.resources.disk.floor = DiskFloor(1 << 60, 0.0)
    answer = await ready(registry, "ready")
    assert answer.status == 200 and answer.json["status"] == "disk_full"
    assert "MiB" in answer.json["detail"]
    body = (await asker.verb("status"))["body"]
    assert body["trouble"] == "disk_full"
    assert SPACE.sub("", body["detail"]) == SPACE.sub("", answer.json["detail"])
    refused = await asker.verb("tasks.submit", **made)
    assert refused["code"] == "disk_full" and not refused.get("retryable")
    held = {"task_id": push["task"]["id"], "fence": push["fence"], "result": {"plain": 2}}
    assert (await worker.verb("tasks.complete", **held))["body"]["state"] == "completed"
    registry.running.store.resources.disk.floor = DiskFloor(0, 0.0)
    assert (await ready(registry, "disk_full")).json == {"status": "ready"}
    assert (await asker.verb("tasks.submit", **made))["type"] == "result"


async def test_a_database_that_is_gone_is_never_ready(
    registry: RegistryHarness, caplog: pytest.LogCaptureFixture
):
    asker, late = await agent(registry, "asker"), await enrolled(registry, "late")
    db = registry.profile.folder / "registry" / "registry.db"
    os.rename(db, db.with_name("aside"))
    answer = await ready(registry, "ready")
    assert (answer.status, answer.code) == (503, "unavailable")
    assert f"{db} was deleted" in answer.json["detail"]
    assert (await http_call(registry, "GET", "/healthz")).status == 200
    for verb in ("status", "tasks.list"):
        refused = await asker.verb(verb)
        assert refused["code"] == "unavailable" and "was deleted" in refused["message"]
    refused = await asker.verb("tasks.submit", skill="x", payload={"plain": 1})
    assert refused["code"] == "unavailable" and refused.get("outcome", "definite") == "definite"
    peer = await dial(registry)
    await peer.send(**register_frame(late, peer.challenge))
    assert (await peer.next("error"))["code"] == "unavailable"
    # in `up`'s own output
    await until(
        lambda: any("was deleted" in record.getMessage() for record in caplog.records), HANG
    )
    os.rename(db.with_name("aside"), db)

    async def is_ready() -> bool:
        return (await http_call(registry, "GET", "/readyz")).status == 200

    await until(is_ready, HANG, pause=0.05)
    assert (await asker.verb("status"))["type"] == "result"
