"""What the going of an agent or a key means for its work, its sockets and the list."""

from __future__ import annotations

import pytest

from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate, KeyRef
from chatixia.wire.signaling import OWNER_ONLY
from tests.registry.doors import agent, http_call, person
from tests.registry.test_service import submit


async def test_the_described_agent_is_given_work_by_its_heartbeat(registry: RegistryHarness):
    key = (await registry.running.service.trust.keys.create(person(), KeyCreate("polling"))).key
    asker = await agent(registry, "asker")
    made = await submit(asker)
    beat = {"agent_id": "polling", "hostname": "h", "skill_names": ["x"]}
    answer = await http_call(registry, "POST", "/api/hub/heartbeat", beat, x_api_key=key)
    assert [t["id"] for t in answer.json["pending_tasks"]] == [made]
    path = f"/api/hub/tasks/{made}"
    done = {"state": "completed", "result": "fine"}
    assert (await http_call(registry, "POST", path, done, x_api_key=key)).json == {"status": "ok"}
    assert (await asker.next("task_done"))["task"]["state"] == "completed"


@pytest.mark.parametrize("how", ["removed", "revoked"])
async def test_what_a_polling_agent_held_is_free_when_it_goes(registry: RegistryHarness, how: str):
    keys = registry.running.service.trust.keys
    first, second = [await keys.create(person(), KeyCreate(name)) for name in ("one", "two")]
    asker = await agent(registry, "asker")
    made = await submit(asker)

    async def beat(name: str, key: str) -> list[str]:
        said = {"agent_id": name, "skill_names": ["x"]}
        answer = await http_call(registry, "POST", "/api/hub/heartbeat", said, x_api_key=key)
        return [task["id"] for task in answer.json["pending_tasks"]]

    assert await beat("one", first.key) == [made]
    assert await beat("two", second.key) == []
    await asker.verb("tasks.watch", task_id=made)
    if how == "removed":
        path = "/api/registry/agents/one"
        assert (await http_call(registry, "DELETE", path, x_api_key=first.key)).status == 200
    else:
        await keys.revoke(person(), KeyRef(first.id))
    assert (await asker.next("task_hint"))["state"] == "pending"


async def test_who_takes_nothing_of_the_queue_is_given_only_what_names_it(
    registry: RegistryHarness,
):
    """So its asker hears why, and what any agent may do waits for one that does it."""
    door = await agent(registry, "door", "x", slots=2, capabilities=[OWNER_ONLY])
    asker = await agent(registry, "asker")
    anybody = await submit(asker)
    named = await submit(asker, target_agent_id="door")
    assert (await door.next("task"))["task"]["id"] == named
    worker = await agent(registry, "worker", "x", slots=2)
    assert (await worker.next("task"))["task"]["id"] == anybody
