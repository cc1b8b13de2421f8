"""The parts put together: status, health, work that reaches an agent, what the live side tells."""

from __future__ import annotations

import asyncio
from typing import Any

from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate
from chatixia.wire.verbs import TABLE
from chatixia.world import REAL, task_id
from tests.registry.doors import Peer, agent, http_call, person, token_of


def test_every_verb_of_the_table_is_served():
    """By a registry that was really put together."""

    async def names() -> set[str]:
        async with RegistryHarness() as registry:
            return set(registry.running.service.verbs.handlers)

    assert asyncio.run(names()) == {verb.name for verb in TABLE}


async def submit(peer: Peer, **more: Any) -> str:
    made = task_id(REAL)
    body = {"id": made, "skill": "x", "payload": {"plain": {"n": 1}}, "key": made, **more}
    answer = await peer.verb("tasks.submit", **body)
    assert answer["type"] == "result", answer
    return made


async def test_a_task_is_pushed_done_and_told(registry: RegistryHarness):
    worker = await agent(registry, "worker", "x", slots=2)
    asker = await agent(registry, "asker")
    made = await submit(asker)
    push = await worker.next("task")
    assert push["task"]["id"] == made and push["task"]["payload"] == {"plain": {"n": 1}}
    held = {"task_id": made, "fence": push["fence"]}
    assert (await worker.verb("tasks.started", **held))["type"] == "result"
    await worker.verb("tasks.complete", **held, result={"plain": 2})
    done = (await asker.next("task_done"))["task"]
    assert done["state"] == "completed" and done["result"] == {"plain": 2}
    counts = (await asker.verb("status"))["body"]
    assert counts["tasks"]["completed"] == 1 and counts["agents"] == 2
    bearer = f"Bearer {await token_of(asker)}"
    metrics = await http_call(registry, "GET", "/metrics", authorization=bearer)
    assert b'chatixia_tasks{state="completed"} 1.0' in metrics.body
    assert made.encode() not in metrics.body
    assert b"chatixia_commits " in metrics.body and b"chatixia_commits 0.0" not in metrics.body


async def test_work_waits_for_an_agent_with_the_skill(registry: RegistryHarness):
    asker = await agent(registry, "asker", slots=2)
    made = await submit(asker)
    late = await agent(registry, "late", slots=1)
    await late.send(type="heartbeat", skills=[{"name": "x"}])
    assert (await late.next("task"))["task"]["id"] == made


async def test_no_task_is_lost_over_a_restart(registry: RegistryHarness):
    asker = await agent(registry, "asker")
    made = await submit(asker)
    await registry.stop()
    await registry.start()
    worker = await agent(registry, "worker", "x", slots=1)
    assert (await worker.next("task"))["task"]["id"] == made


async def test_bytes_that_are_no_text_are_refused_at_every_route(registry: RegistryHarness):
    """Each raw field that reaches another's socket; before, that socket was deaf from then on."""
    key = (await registry.running.service.trust.keys.create(person(), KeyCreate("polling"))).key
    asker = await agent(registry, "asker")
    worker = await agent(registry, "worker", "x", slots=4)
    made, other = await submit(asker), await submit(asker, skill="", target_agent_id="polling")
    fence = (await worker.next("task"))["fence"]
    beat = {"agent_id": "polling", "skill_names": []}
    await http_call(registry, "POST", "/api/hub/heartbeat", beat, x_api_key=key)

    async def post(path: str, body: bytes, **who: str) -> int:
        said = {"content-type": "application/json", **who}
        answer = await http_call(registry, "POST", path, body, **said)
        assert answer.code == "bad_request"
        return answer.status

    bearer = f"Bearer {await token_of(worker)}"
    held = f'"fence":"{fence}"'.encode()
    for path, body in {
        f"/api/tasks/{made}/complete": b'{%b,"result":{"plain":"\xff"}}' % held,
        f"/api/tasks/{made}/progress": b'{%b,"n":1,"item":"\xff"}' % held,
        f"/api/tasks/{made}/fail": b'{%b,"error":{"code":"x","message":"\xff"}}' % held,
    }.items():
        assert await post(path, body, authorization=bearer) == 400
    for path, body in {
        "/api/hub/tasks": b'{"skill":"x","target_agent_id":"worker","payload":"\xff"}',
        f"/api/hub/tasks/{other}": b'{"state":"completed","result":"\xff"}',
        "/api/hub/heartbeat": b'{"agent_id":"polling","hostname":"\xff"}',
        "/api/registry/agents": b'{"agent_id":"polling","hostname":"\xff"}',
    }.items():
        assert await post(path, body, x_api_key=key) == 400
    failed = b'{"state":"failed","error":"\xff"}'
    assert await post(f"/api/hub/tasks/{other}", failed, x_api_key=key) == 400
    # All of them hear and work as before.
    again = await submit(asker)
    assert (await worker.next("task"))["task"]["id"] == again
    assert (await asker.verb("status"))["body"]["agents"] == 2
