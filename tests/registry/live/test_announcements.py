"""One message in, one push to each agent, and what each said of it."""

from __future__ import annotations

import asyncio

from chatixia.registry.live import announcements
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Announce
from tests.registry.doors import agent


async def confirm(peer, code=""):
    push = await peer.next("announcement")
    body = {"id": push["id"], "code": code}
    assert (await peer.verb("announce.received", **body))["type"] == "result"
    return push


async def test_each_gets_it_once_and_its_receipt_says_what_it_said(registry: RegistryHarness):
    a, b, c = [await agent(registry, name, capabilities=["announce/1"]) for name in "abc"]
    await agent(registry, "d")  # takes none
    e = await agent(registry, "e", capabilities=["announce/1"])
    asked = asyncio.ensure_future(a.verb("announce", text="hi", besides=["e"]))
    pushes = await asyncio.gather(confirm(b), confirm(c, "busy"))
    assert {(push["source"], push["text"]) for push in pushes} == {("a", "hi")}
    receipts = (await asked)["body"]["receipts"]
    assert receipts == [
        {"agent": "b"},
        {"agent": "c", "code": "busy"},
        {"agent": "d", "code": "denied"},
    ]
    assert (await e.verb("session"))["type"] == "result"
    assert not [each for each in e.kept if each.get("type") == "announcement"]


async def test_who_does_not_confirm_is_unreachable(registry: RegistryHarness, monkeypatch):
    monkeypatch.setattr(announcements, "CONFIRM_SECONDS", 0.05)
    a, b = [await agent(registry, name, capabilities=["announce/1"]) for name in "ab"]
    got = (await a.verb("announce", text="hi"))["body"]["receipts"]
    assert got == [{"agent": "b", "code": "unreachable"}]
    await confirm(b)  # too late, and nobody minds


async def test_a_machine_announces_at_a_bounded_pace(registry: RegistryHarness):
    a = await agent(registry, "a", capabilities=["announce/1"])
    got = [await a.verb("announce", text="hi") for _ in range(announcements.BURST + 1)]
    assert [each["type"] for each in got[:-1]] == ["result"] * announcements.BURST
    assert got[-1]["code"] == "busy" and 0 < got[-1]["retry_after"] <= announcements.EVERY_SECONDS
    assert not registry.running.service.announcements._under_way


async def test_a_reader_that_is_behind_is_left_out_and_not_closed(registry: RegistryHarness):
    a, b = [await agent(registry, name, capabilities=["announce/1"]) for name in "ab"]
    socket = registry.running.service.roster.get("b")
    socket.spare = lambda size: False
    got = (await a.verb("announce", text="hi"))["body"]["receipts"]
    assert got == [{"agent": "b", "code": "busy"}] and not socket.closed
    assert (await b.verb("session"))["type"] == "result"


def test_the_request_is_bounded():
    assert Announce("hi").besides == []
