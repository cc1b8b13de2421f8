"""A socket's frames: batches, bounds in flight, rates, slots."""

from __future__ import annotations

import asyncio
import json

from chatixia.registry.live.frames import IN_FLIGHT, SIGNALS
from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import agent


async def test_a_batch_is_taken_and_its_bad_part_alone_refused(registry: RegistryHarness):
    a = await agent(registry, "a", capabilities=["batch/1"])
    parts = [{"type": "ping", "id": "1"}, {"type": "nonsense"}, {"type": "ping", "id": "2"}]
    await a.ws.send(json.dumps(parts))
    assert (await a.next("pong"))["id"] == "1"
    assert (await a.next("error"))["code"] == "unknown_type"
    assert (await a.next("pong"))["id"] == "2"
    await a.ws.send(json.dumps([{"type": "ping"}] * 300))
    assert (await a.next("error"))["code"] == "bad_request"


async def test_verbs_of_one_socket_are_bounded(registry: RegistryHarness):
    a = await agent(registry, "a")
    service = registry.running.service
    free = asyncio.Event()

    async def slow(call: object, request: object) -> dict[str, str]:
        await free.wait()
        return {}

    service.verbs._handlers["status"] = slow  # type: ignore[index]
    for n in range(IN_FLIGHT + 1):
        await a.send(type="verb", id=str(n), verb="status", body={})
    error = await a.next("error")
    assert error["code"] == "busy" and error["ref"] == str(IN_FLIGHT) and error["retryable"]
    await a.send(type="ping", id="x")
    assert (await a.next("pong"))["id"] == "x"
    free.set()
    for n in range(IN_FLIGHT):
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

    service.verbs._handlers["status"] = slow  # type: ignore[index]
    await a.send(type="verb", id="1", verb="status", body={})
    a.ws.transport.abort()
    await asyncio.wait_for(ended.wait(), 10)
    await b.send(type="ping", id="x")
    await b.next("pong")


async def test_signaling_is_rated(registry: RegistryHarness):
    a = await agent(registry, "a")
    frame = json.dumps({"type": "ice_candidate", "target_id": "nobody"})
    codes = set()
    for _ in range(int(SIGNALS[0]) + 900):
        await a.ws.send(frame)
        if a.kept and a.kept[-1].get("code") == "busy":
            break
        codes.add((await a.next("error"))["code"])
        if "busy" in codes:
            break
    assert codes == {"unknown_agent", "busy"}


async def test_slots_follow_the_heartbeat(registry: RegistryHarness):
    a = await agent(registry, "a", "x", slots=1)
    roster = registry.running.service.roster
    assert roster.slots("a") == 1
    await a.send(type="heartbeat", slots=5)
    await a.send(type="ping", id="x")
    await a.next("pong")
    assert roster.slots("a") == 5
    await a.send(type="register", peer_id="a")
    assert (await a.next("error"))["ref"] == "register"
