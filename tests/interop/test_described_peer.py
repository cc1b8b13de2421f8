"""A peer of the described contract among agents of ours (requirements B.1-B.3)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from chatixia import Unreachable
from tests.interop.described_mesh import DescribedMesh, described_mesh
from tests.interop.described_peer import CANDIDATE, DescribedPeer
from tests.lab.procs import Procs


@pytest.fixture
async def mesh(procs: Procs, tmp_path: Path) -> AsyncIterator[DescribedMesh]:
    async with described_mesh(procs, tmp_path) as running:
        yield running


def forecast(peer: str, message: dict[str, Any]) -> dict[str, Any]:
    """The described answer to a task request."""
    assert message["source_agent"] == peer
    payload = message["payload"]
    text = f"{payload['skill']}: {payload['message']}"
    if payload["skill"] != "forecast":
        payload = {"error": f"unknown skill: {payload['skill']}"}
    else:
        payload = {"result": text, "error": ""}
    return {"type": "task_response", "request_id": message["request_id"], "payload": payload}


async def test_both_call_each_other_and_it_is_shown_as_unverified(mesh: DescribedMesh):
    mesh.agent("ours", "rusty")
    rusty = await mesh.entered("rusty", "ours")
    rusty.on("task_request", forecast)
    answer = await rusty.request("ours", "task_request", {"message": "hi", "skill": "shout"})
    assert (answer["type"], answer["payload"]) == ("task_response", {"result": "HI", "error": ""})
    # Every other key of the payload is an argument; so is what its documents call args.
    for payload in ({"a": 1, "b": 2}, {"args": {"a": 1, "b": 2}, "timeout_ms": 30000}):
        answer = await rusty.request("ours", "task_request", {"skill": "add", **payload})
        assert answer["payload"]["result"] == 3
    seen = await rusty.request("ours", "task_request", {"skill": "seen"})
    assert seen["payload"]["result"] == ["rusty", "direct, unverified", "rusty"]
    asked = {"skill": "ask", "peer": "rusty", "message": "Oslo"}
    answer = await rusty.request("ours", "task_request", asked)
    assert answer["payload"] == {"result": "forecast: Oslo", "error": ""}
    [record] = [one for one in mesh.net.cli("agents")["agents"] if one["agent_id"] == "rusty"]
    assert (record["trust"], record["health"]) == ("unverified", "active")
    status = mesh.net.cli("status")
    [link] = [one for one in status["links"] if "rusty" in (one["from_peer"], one["to_peer"])]
    assert link["tier"] == "direct, unverified"


async def test_what_goes_wrong_is_said_in_the_described_form(mesh: DescribedMesh):
    mesh.agent("ours", "rusty")
    rusty = await mesh.entered("rusty", "ours")
    rusty.on("task_request", forecast)
    wrong = {
        "nothing": {"skill": "nothing"},
        "arguments": {"skill": "add", "a": "x"},
        "deadline": {"skill": "slow", "seconds": 60, "timeout_ms": 300},
        "too large": {"skill": "long", "size": 70_000},
    }
    errors = {}
    for name, payload in wrong.items():
        answer = await rusty.request("ours", "task_request", payload)
        assert answer["type"] == "task_response" and answer["payload"]["result"] == ""
        errors[name] = answer["payload"]["error"]
    assert "nothing" in errors["nothing"] and "a" in errors["arguments"]
    assert errors["deadline"] and "65536" in errors["too large"].replace(",", "")
    async with mesh.net.client() as client:
        with pytest.raises(Unreachable, match="no key"):
            await client.agent("rusty", queue="never").forecast(message="x")


async def test_ping_prompt_query_and_what_means_nothing(mesh: DescribedMesh):
    mesh.agent("ours", "rusty")
    rusty = await mesh.entered("rusty", "ours")
    assert (await rusty.request("ours", "ping", {}, "p1"))["type"] == "pong"
    query = await rusty.request("ours", "skill_query", {"skill": "add"})
    assert query["type"] == "skill_response"
    assert (
        query["payload"]["available"]
        and query["payload"]["description"] == "Add two whole numbers."
    )
    prompt = await rusty.request("ours", "agent_prompt", {"message": "hi", "direct": True})
    assert prompt["type"] == "agent_response"
    rusty.send("ours", {"type": "agent_status", "payload": {"status": "thinking"}})
    for junk in ("no json", "[]", json.dumps({"type": "unheard-of"}), json.dumps({"no": "type"})):
        rusty.send("ours", junk)
    rusty.send("ours", {"type": "task_response", "request_id": "never-asked", "payload": {}})
    assert (await rusty.request("ours", "ping", {}, "p2"))["type"] == "pong"


@pytest.mark.parametrize("engine", ["wrtc", "aiortc"])
async def test_with_either_engine_and_either_end_first(mesh: DescribedMesh, engine: str):
    rusty = mesh.peer("rusty")
    await rusty.enter()
    mesh.agent("late", "rusty", engine=engine)  # a newcomer offers to whoever is there
    await rusty.until(lambda: rusty.connected == ["late"])
    assert rusty.frames[-1]["type"] in ("offer", "ice_candidate")
    answer = await rusty.request("late", "task_request", {"message": "hi", "skill": "shout"})
    assert answer["payload"]["result"] == "HI"
    other = mesh.peer("early")
    mesh.agent("first", "early", engine=engine)
    other.sdp_mid = "0"
    await other.enter()
    await other.until(lambda: other.connected == ["first"])
    assert not [one for one in other.frames if one["type"] == "offer"]


async def test_it_comes_back_as_often_as_it_likes(mesh: DescribedMesh):
    mesh.agent("ours", "rusty")
    rusty = await mesh.entered("rusty", "ours")
    for n in range(4):
        await rusty.drop()
        await rusty.enter()
        await rusty.until(lambda: rusty.connected == ["ours"])
        answer = await rusty.request("ours", "task_request", {"skill": "add", "a": n})
        assert answer["payload"]["result"] == n + 1
    await rusty.hang_up()  # its connections alone: who is there takes them up again
    await rusty.until(lambda: rusty.connected == ["ours"])
    assert rusty.events.count(("peer_disconnected", "ours")) >= 5


async def test_a_link_outlives_the_registry(mesh: DescribedMesh):
    mesh.agent("ours", "rusty")
    rusty = await mesh.entered("rusty", "ours")
    mesh.net.kill_registry()
    answer = await rusty.request("ours", "task_request", {"message": "hi", "skill": "shout"})
    assert answer["payload"]["result"] == "HI"


async def test_offers_that_cross_end_in_one_link(mesh: DescribedMesh):
    rusty = mesh.peer("rusty")
    rusty.offers = False
    await rusty.enter()
    mesh.agent("ours", "rusty")
    await rusty.until(lambda: rusty.connected == ["ours"])
    await rusty.offer("ours")  # while the agent has a link
    await rusty.hang_up()
    await rusty.until(lambda: rusty.connected == ["ours"])
    assert (await rusty.request("ours", "ping", {}))["type"] == "pong"


async def test_nobody_that_did_not_name_it_is_reached(mesh: DescribedMesh):
    mesh.agent("ours", "rusty")
    mesh.agent("closed")
    rusty = await mesh.entered("rusty", "ours")
    assert rusty.listed == ["ours"]
    await rusty.offer("closed")
    await rusty.until(lambda: any(one["type"] == "error" for one in rusty.frames))
    assert not [one for one in rusty.frames if one.get("peer_id") == "closed"]
    assert rusty.connected == ["ours"]
    other = mesh.peer("other")
    await other.enter()
    assert other.listed == []


async def test_a_lying_description_makes_no_link(mesh: DescribedMesh):
    mesh.agent("ours", "rusty")
    rusty = mesh.peer("rusty")
    rusty.offers = False
    await rusty.enter()
    connection = rusty._connect("ours")
    connection.createDataChannel("mesh")
    await connection.setLocalDescription(await connection.createOffer())
    good = CANDIDATE.sub("", connection.localDescription.sdp)
    prints = re.findall(r"a=fingerprint:sha-256 [^\r]*\r\n", good)
    bad = [
        good.replace("m=application", "m=audio"),
        good + prints[0].replace(prints[0][23:25], "00"),
        "v=0",
        good.replace("sha-256", "sha-1"),
    ]
    for sdp in bad:
        await rusty.signal("offer", "ours", {"sdp": sdp})
    await rusty.signal(
        "ice_candidate", "ours", {"candidate": "candidate:1 1 udp 1 169.254.169.254 80 typ host"}
    )
    await rusty.signal("offer", "ours", {"sdp": good})
    await rusty.until(lambda: any(one["type"] == "answer" for one in rusty.frames))
    assert len([one for one in rusty.frames if one["type"] == "answer"]) == 1


async def refusal(url: str, token: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{url.replace('http', 'ws', 1)}/ws?token={token}")
    return caught.value.response.status_code, json.loads(caught.value.response.body or b"{}")


async def test_without_compat_it_gets_one_clear_refusal(procs: Procs, tmp_path: Path):
    async with described_mesh(procs, tmp_path, "false") as mesh:
        rusty: DescribedPeer = mesh.peer("rusty")
        token = await asyncio.to_thread(rusty.token)
        assert token["peer_id"] == "rusty" and token["role"]
        status, problem = await refusal(mesh.url, token["token"])
        assert (status, problem["code"]) == (403, "denied")
        assert "compat: true" in problem["detail"]
        mesh.agent("ours", "rusty")
        mesh.net.workers["ours"].wait_for(r"compat: true")


async def test_a_bad_token_is_401(mesh: DescribedMesh):
    assert (await refusal(mesh.url, "x.y.z"))[0] == 401
