"""A socket's frames: batches, bounds in flight, rates, slots."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from chatixia.registry.live import frames
from chatixia.registry.live.frames import MAX_ANSWER, MAX_VERBS
from chatixia.registry.live.socket import POLICY
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.tasks import MAX_PAYLOAD
from tests.registry.browsers import browser_of, owners_browser
from tests.registry.doors import HANG, agent
from tests.until import until


async def test_a_batch_is_taken_and_its_bad_part_alone_refused(registry: RegistryHarness):
    a = await agent(registry, "a", capabilities=["batch/1"])
    parts = [{"type": "ping", "id": "1"}, {"type": "nonsense"}, {"type": "ping", "id": "2"}]
    await a.ws.send(json.dumps(parts))
    first = await a.next("pong")
    assert first["id"] == "1" and abs(first["timestamp"] / 1000 - a.challenge["now"]) < 60
    assert (await a.next("error"))["code"] == "unknown_type"
    assert (await a.next("pong"))["id"] == "2"
    await a.ws.send(json.dumps([{"type": "ping"}] * 300))
    assert (await a.next("error"))["code"] == "bad_request"


async def test_a_verb_too_deep_to_be_read_is_answered_and_so_are_those_beside_it(
    registry: RegistryHarness,
):
    a = await agent(registry, "a", capabilities=["batch/1"])
    deep = "[" * 100_000 + "]" * 100_000
    verb = '{"type":"verb","id":"%s","verb":"status","body":{"x":%s}}'
    await a.ws.send(verb % ("v1", deep))
    error = await a.next("error")
    assert (error["ref"], error["code"]) == ("v1", "bad_request")
    await a.ws.send("[" + ",".join([verb % ("v2", deep), verb % ("v3", "1")]) + "]")
    assert {(await a.next("error"))["ref"] for _ in range(2)} == {"v2", "v3"}
    await a.send(type="verb", id="v4", verb="status", body={})
    await a.next("result", id="v4")


async def test_who_is_leaving_tells_the_end_of_its_work_and_gets_no_more(
    registry: RegistryHarness,
):
    a, b = await agent(registry, "a"), await agent(registry, "b", "echo", slots=2)
    payload = {"plain": {}}
    first = (await a.verb("tasks.submit", skill="echo", payload=payload))["body"]["task_id"]
    push = await b.next("task")
    held = {"task_id": first, "fence": push["fence"]}
    await b.verb("tasks.started", **held)
    await b.send(type="heartbeat", leaving=True)
    await a.next("peer_left", peer_id="b", clean=True)
    await b.send(type="heartbeat", slots=2, skills=[{"name": "echo"}])  # it does not come back
    second = (await a.verb("tasks.submit", skill="echo", payload=payload))["body"]["task_id"]
    listed = (await a.verb("agents.list"))["body"]["agents"]
    assert [one["agent_id"] for one in listed] == ["a"]
    await b.verb("tasks.complete", **held, result={"plain": 1})
    states = [
        (await a.verb("tasks.get", task_id=task))["body"]["state"] for task in (first, second)
    ]
    assert states == ["completed", "pending"]
    await b.send(type="goodbye")
    assert await b.closed() == 1000


async def test_verbs_of_one_socket_are_bounded(registry: RegistryHarness):
    a = await agent(registry, "a")
    service = registry.running.service
    free = asyncio.Event()

    async def slow(call: object, request: object) -> dict[str, str]:
        await free.wait()
        return {}

    service.verbs.handlers["status"] = slow
    for n in range(MAX_VERBS + 1):
        await a.send(type="verb", id=str(n), verb="status", body={})
    error = await a.next("error")
    assert error["code"] == "busy" and error["ref"] == str(MAX_VERBS) and error["retryable"]
    await a.send(type="ping", id="x")
    assert (await a.next("pong"))["id"] == "x"
    free.set()
    for n in range(MAX_VERBS):
        await a.next("result", id=str(n))


async def test_a_closed_sockets_verbs_end(registry: RegistryHarness):
    a, b = await agent(registry, "a"), await agent(registry, "b")
    service, ended = registry.running.service, asyncio.Event()

    async def slow(call: object, request: object) -> dict[str, str]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    service.verbs.handlers["status"] = slow
    await a.send(type="verb", id="1", verb="status", body={})
    a.ws.transport.abort()
    await asyncio.wait_for(ended.wait(), 10)
    await b.send(type="ping", id="x")
    await b.next("pong")


async def test_signaling_is_rated(registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(frames, "SIGNAL_RATE", (20.0, 1e6))
    a = await agent(registry, "a")
    codes = []
    for _ in range(22):
        await a.send(type="ice_candidate", target_id="nobody")
        codes.append((await a.next("error"))["code"])
    assert codes == ["unknown_agent"] * 20 + ["busy"] * 2


async def test_slots_follow_the_heartbeat(registry: RegistryHarness):
    a = await agent(registry, "a", "x", slots=1)
    roster = registry.running.service.roster
    socket = roster.get("a")
    assert socket and socket.slots == 1
    await a.send(type="heartbeat", slots=5)
    await a.send(type="ping", id="x")
    await a.next("pong")
    assert socket.slots == 5
    await a.send(type="register", peer_id="a")
    assert (await a.next("error"))["ref"] == "register"


async def test_a_task_of_the_largest_bodies_fits_a_frame(registry: RegistryHarness):
    """Pushed, claimed and read: payload and result may have 1 MiB each."""
    asker, worker = await agent(registry, "asker"), await agent(registry, "worker", "x", slots=1)
    body = "x" * (MAX_PAYLOAD - 2)
    made = (await asker.verb("tasks.submit", skill="x", payload=body))["body"]["task_id"]
    fence = (await worker.next("task"))["fence"]
    result = {"plain": body}
    done = await worker.verb("tasks.complete", task_id=made, fence=fence, result=result)
    assert done["body"]["state"] == "completed"
    seen = (await asker.verb("tasks.get", task_id=made))["body"]
    assert len(seen["payload"]["plain"]) + len(seen["result"]["plain"]) == 2 * len(body)
    for size in (MAX_PAYLOAD - 3, MAX_PAYLOAD - 2):
        await asker.verb("tasks.submit", skill="y", payload="x" * size)
    await worker.send(type="heartbeat", slots=0, skills=[{"name": "y"}])
    grants = (await worker.verb("tasks.claim", claim_id="c", limit=5))["body"]["grants"]
    assert len(grants) == 2


async def test_an_answer_beyond_a_frame_is_an_error(registry: RegistryHarness):
    a = await agent(registry, "a")

    async def large(call: object, request: object) -> str:
        return "x" * MAX_ANSWER

    registry.running.service.verbs.handlers["status"] = large
    assert (await a.verb("status"))["code"] == "too_large"
    await a.send(type="ping", id="x")
    assert (await a.next("pong"))["id"] == "x"


async def test_the_same_skills_again_are_no_news(registry: RegistryHarness):
    a, b = await agent(registry, "a", "x", slots=1), await agent(registry, "b")
    await a.send(type="heartbeat", slots=2, skills=[{"name": "x"}])
    await a.send(type="heartbeat", slots=3, skills=[{"name": "x"}, {"name": "y"}])
    told = await b.next("peer_joined")
    assert told["peer"]["skills"] == ["x", "y"]
    socket = registry.running.service.roster.get("a")
    assert socket and socket.slots == 3


async def test_a_change_that_was_begun_is_finished_though_its_asker_leaves(
    registry: RegistryHarness,
):
    admin, eve = await owners_browser(registry), await browser_of(registry, "eve", "viewer")
    asking, hers = await admin.dial(), await eve.dial()
    service, gate = registry.running.service, threading.Event()
    access = service.audit._store.audit._access
    writing = asyncio.create_task(access.write(lambda tx: gate.wait(HANG)))
    try:
        await asking.send(type="verb", id="v1", verb="people.remove", body={"id": "hub~eve"})
        await until(lambda: access._writer.waiting)
        await asking.close()
        await until(lambda: service.web._endpoint._logins == 1)
    finally:
        gate.set()
        await writing
    assert await hers.closed() == POLICY, "whom the store has no more has no open socket"


async def test_what_only_reads_ends_with_its_asker(registry: RegistryHarness):
    asking = await (await owners_browser(registry)).dial()
    waiters = registry.running.service.audit.waiters
    body = {"n": 1000, "oldest": True, "wait_ms": 20_000}
    await asking.send(type="verb", id="v1", verb="audit.list", body=body)
    await until(lambda: len(waiters))
    await asking.close()
    await until(lambda: not len(waiters), HANG)
