"""Watchers see what happens, as it happens, and what they missed."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.registry.live.events import REPLAY
from chatixia.store.control.rows import StoredEvent
from chatixia.testing.registry import RegistryHarness
from tests.registry.browsers import owners_browser
from tests.registry.doors import Peer, agent


async def page(registry: RegistryHarness) -> Peer:
    """A hub page's socket."""
    return await (await owners_browser(registry)).dial()


async def test_agents_and_links_are_told(registry: RegistryHarness):
    hub = await page(registry)
    await hub.verb("watch")
    a = await agent(registry, "a", "x")
    assert (await hub.next("event", kind="agent", id="a"))["change"] == "joined"
    await a.send(type="links", links=[{"peer": "b", "tier": "direct"}])
    assert (await hub.next("event", kind="link"))["id"] == "a/b"
    await a.send(type="heartbeat", skills=[{"name": "y"}])
    assert (await hub.next("event", kind="agent"))["change"] == "skills"
    a.ws.transport.abort()
    assert (await hub.next("event", kind="agent"))["change"] == "left"


async def test_stored_events_come_with_a_cursor_and_again_after_it(registry: RegistryHarness):
    hub = await page(registry)
    cursor = (await hub.verb("watch"))["body"]["cursor"]
    for n in range(3):
        await registry.running.service.events.note("invitation", f"i{n}", "redeemed")
    seen = [await hub.next("event", kind="invitation") for _ in range(3)]
    assert [e["id"] for e in seen] == ["i0", "i1", "i2"] and all(e["cursor"] for e in seen)
    late = await page(registry)
    await late.verb("watch", cursor=seen[0]["cursor"])
    again = [await late.next("event", kind="invitation") for _ in range(2)]
    assert [e["id"] for e in again] == ["i1", "i2"]
    assert (await late.verb("watch", cursor="999999.1"))["code"] == "cursor_expired"
    assert cursor


async def test_a_task_that_waits_is_told_at_once(registry: RegistryHarness):
    hub = await page(registry)
    await hub.verb("watch")
    a = await agent(registry, "a")
    task = (await a.verb("tasks.submit", skill="nobody-has-it"))["body"]["task_id"]
    assert (await hub.next("event", kind="task", id=task))["change"] == "submitted"


async def test_who_missed_too_much_is_told_so(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    events = registry.running.service.events
    hub = await page(registry)
    cursor = (await hub.verb("watch"))["body"]["cursor"]
    await hub.close()
    many = [events.note("invitation", f"i{n}", "redeemed") for n in range(REPLAY + 1)]
    await asyncio.gather(*many)
    late = await page(registry)
    assert (await late.verb("watch", cursor=cursor))["code"] == "cursor_expired"
    beyond = f"{cursor.partition('.')[0]}.{'9' * 25}"
    assert (await late.verb("watch", cursor=beyond))["body"]["cursor"] == beyond


async def test_nothing_falls_between_what_was_missed_and_what_is_told(registry: RegistryHarness):
    """An event that others are told while a newcomer's are read reaches the newcomer too."""
    service = registry.running.service
    first, late = await page(registry), await page(registry)
    cursor = (await first.verb("watch"))["body"]["cursor"]
    read = registry.running.store.events.after
    reads = 0

    async def slow(since: str, limit: int = 200) -> list[StoredEvent]:
        nonlocal reads
        rows = await read(since, limit)
        reads += 1
        if limit > REPLAY and reads == 1:
            await service.events.note("invitation", "between", "redeemed")
            await first.next("event", id="between")
        return rows

    registry.running.store.events.after = slow  # type: ignore[method-assign]
    await late.verb("watch", cursor=cursor)
    assert (await late.next("event", id="between"))["change"] == "redeemed"


async def test_who_watches_first_sees_all_from_its_cursor_on(registry: RegistryHarness):
    events = registry.running.service.events
    hub = await page(registry)
    cursor = (await hub.verb("watch"))["body"]["cursor"]
    await hub.close()
    await events.note("invitation", "unwatched", "redeemed")
    again = await page(registry)
    await again.verb("watch", cursor=cursor)
    await again.next("event", id="unwatched")
    await events.note("invitation", "watched", "redeemed")
    await again.next("event", id="watched")


async def test_agents_do_not_watch_and_http_only_gets_the_cursor(registry: RegistryHarness):
    a = await agent(registry, "a")
    assert (await a.verb("watch"))["code"] == "denied"
    answer = await (await owners_browser(registry)).call("GET", "/api/events")
    assert answer.status == 200 and answer.json["cursor"]
