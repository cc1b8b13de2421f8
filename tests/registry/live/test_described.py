"""Described peers among agents: who hears of whom, and what is carried."""

from __future__ import annotations

import json

import pytest

from chatixia.registry.live.described import FAULT_RATE
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.described import MAX_DESCRIBED
from tests.registry.described import dial_with, enter, token_for
from tests.registry.doors import OPENED, agent


@pytest.fixture
async def open_registry():
    async with RegistryHarness(compat=True) as running:
        yield running
        while OPENED:
            await OPENED.pop()()


async def test_only_an_agent_that_names_a_peer_is_listed_to_it(open_registry: RegistryHarness):
    a = await agent(open_registry, "a", compat=["rusty"])
    await agent(open_registry, "b")
    assert (await a.next("described_peers"))["peers"] == []
    rusty = await enter(open_registry, "rusty")
    assert await rusty.register() == ["a"]
    told = await a.next("described_peers")
    assert (told["peers"], told["fresh"]) == (["rusty"], "rusty")
    await rusty.ws.close()
    assert (await a.next("described_peers"))["peers"] == []


async def test_signals_pass_between_the_two_in_each_ones_form(open_registry: RegistryHarness):
    a = await agent(open_registry, "a", compat=["rusty"])
    rusty = await enter(open_registry, "rusty")
    await rusty.register()
    await rusty.send("offer", "a", {"sdp": "v=0"})
    offer = await a.next("described")
    assert (offer["peer_id"], offer["kind"], offer["sdp"]) == ("rusty", "offer", "v=0")
    await a.send(type="described", target_id="rusty", kind="answer", sdp="v=1", peer_id="forged")
    assert await rusty.next() == {
        "type": "answer",
        "peer_id": "a",
        "target_id": "rusty",
        "payload": {"sdp": "v=1"},
    }
    candidate = {"candidate": "candidate:1", "sdpMid": None, "sdpMLineIndex": None}
    await rusty.send("ice_candidate", "a", candidate)
    assert (await a.next("described"))["candidate"] == "candidate:1"
    await a.send(type="described", target_id="rusty", kind="ice_candidate", candidate="candidate:2")
    assert (await rusty.next())["payload"] == {**candidate, "candidate": "candidate:2"}


async def test_nobody_is_reached_who_did_not_name_the_peer(open_registry: RegistryHarness):
    a = await agent(open_registry, "a", compat=["rusty"])
    b = await agent(open_registry, "b")
    rusty, other = await enter(open_registry, "rusty"), await enter(open_registry, "other")
    await rusty.register()
    await other.register()
    for sender, target in ((rusty, "b"), (rusty, "other"), (other, "a"), (rusty, "nobody")):
        await sender.send("offer", target, {"sdp": "v=0"})
        error = await sender.next()
        assert error["type"] == "error" and error["payload"]["code"] == "unknown_agent"
    await b.send(type="described", target_id="rusty", kind="offer", sdp="v=0")
    assert (await b.next("error"))["code"] == "unknown_agent"
    await a.send(type="offer", target_id="rusty", sdp="v=0")  # a member's frame is not carried
    assert (await a.next("error"))["code"] == "unknown_agent"


async def test_what_means_nothing_is_dropped_and_much_of_it_ends_the_socket(
    open_registry: RegistryHarness,
):
    a = await agent(open_registry, "a", compat=["rusty"])
    rusty = await enter(open_registry, "rusty")
    await rusty.send("offer", "a", {"sdp": "v=0"})  # before register nobody is there
    assert (await rusty.next())["type"] == "error"
    await rusty.register()
    await rusty.send("offer", "a", {"sdp": "v=0"}, peer_id="a")  # in another's name
    for text in ("no json", "[]", "{}", b"\x00", json.dumps({"type": "x" * MAX_DESCRIBED})):
        await rusty.ws.send(text)
    await rusty.send("heartbeat", payload={"x": 1})
    await rusty.send("newer", payload={"x": 1})
    await rusty.send("offer", "a", {"nothing": 1})
    await rusty.send("offer", "a", {"sdp": "v=2"})
    assert (await a.next("described"))["sdp"] == "v=2"  # and nothing before it
    for _ in range(int(FAULT_RATE[0])):
        await rusty.ws.send("no json")
    await rusty.ws.wait_closed()
    assert rusty.ws.close_code == 1008


async def test_a_second_login_takes_the_place_of_the_first(open_registry: RegistryHarness):
    a = await agent(open_registry, "a", compat=["rusty"])
    token = await token_for(open_registry, "rusty")
    first = await dial_with(open_registry, token, "rusty")
    await first.register()
    second = await dial_with(open_registry, token, "rusty")
    await second.register()
    await first.ws.wait_closed()
    assert first.ws.close_code == 4001
    await a.send(type="described", target_id="rusty", kind="offer", sdp="v=0")
    assert (await second.next())["type"] == "offer"


async def test_an_agent_is_told_that_the_registry_lets_none_in(registry: RegistryHarness):
    a = await agent(registry, "a", compat=["rusty"])
    assert (await a.next("described_peers"))["off"]
