"""`chatixia-sidecar` at a registry, and with a peer, that know nothing of chatixia (requirements
B.2, B.3): each row of the signaling is a test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.described_client import DescribedClient, by_key, script
from tests.interop.described_peer import DescribedPeer
from tests.interop.described_registry import DescribedRegistry

KEYS = {"rusty": "ak_dev_001", "other": "ak_dev_002", "zoe": "ak_dev_003"}


class Scene:
    """The registry, a described client of ours, and peers that are none of ours."""

    def __init__(self, folder: Path, url: str, registry: DescribedRegistry) -> None:
        self.folder, self.url, self.registry = folder, url, registry
        self.clients: list[DescribedClient] = []
        self.peers: list[DescribedPeer] = []

    async def client(self, name: str = "rusty", **more: str) -> DescribedClient:
        env = by_key(self.folder / "home", self.url, KEYS[name], script(self.folder)) | more
        client = DescribedClient(self.folder / "s" / f"{name}.sock", env)
        self.clients.append(client)
        await client.start()
        await self.registry.until(lambda: name in self.registry.peers)
        return client

    def peer(self, name: str = "other") -> DescribedPeer:
        peer = DescribedPeer(self.url, {"x_api_key": KEYS[name]})
        self.peers.append(peer)
        return peer


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    (tmp_path / "s").mkdir(mode=0o700)
    registry = DescribedRegistry(**KEYS)
    async with registry.serving() as url:
        made = Scene(tmp_path, url, registry)
        try:
            yield made
        finally:
            for peer in made.peers:
                await peer.leave()
            for client in made.clients:
                await client.stop()


def of(kind: str, frames: list[dict[str, Any]], peer: str = "rusty") -> list[dict[str, Any]]:
    return [frame for frame in frames if (frame["type"], frame["peer_id"]) == (kind, peer)]


async def both_ways(client: DescribedClient, peer: DescribedPeer) -> None:
    """One request from each end, and an answer to it."""

    def answered(_: str, message: dict[str, Any]) -> dict[str, Any]:
        rid, result = message["request_id"], {"result": message["payload"], "error": ""}
        return {"type": "task_response", "request_id": rid, "payload": result}

    name = peer.peer_id
    client.on("task_request", answered)
    peer.on("task_request", answered)
    answer = await peer.request("rusty", "task_request", {"message": "hi", "skill": "x"})
    assert answer["payload"]["result"] == {"message": "hi", "skill": "x"}
    asked = {"type": "task_request", "payload": {"message": "ho"}}
    assert (await client.request(name, asked))["payload"]["result"] == {"message": "ho"}


async def test_a_newcomer_offers_to_who_is_listed(scene: Scene):
    """Token by a header, `register` with null, an offer of one text, candidates one by one."""
    peer = scene.peer()
    await peer.enter()
    client = await scene.client()
    await client.until(lambda: client.peers == {"other"})
    await peer.until(lambda: peer.connected == ["rusty"])
    frames = scene.registry.frames
    assert scene.registry.headers[-1]["x-api-key"] == KEYS["rusty"]
    [register] = of("register", frames)
    assert register == {"type": "register", "peer_id": "rusty", "payload": None}
    [offer] = of("offer", frames)
    assert offer["target_id"] == "other" and set(offer["payload"]) == {"sdp"}
    candidates = of("ice_candidate", frames)
    assert candidates
    for candidate in candidates:
        assert set(candidate["payload"]) == {"candidate", "sdpMid", "sdpMLineIndex"}
        assert candidate["payload"]["candidate"].startswith("candidate:")
    await both_ways(client, peer)


@pytest.mark.parametrize("mid", [None, "0"])
async def test_it_answers_who_comes_later(scene: Scene, mid: str | None):
    """Its candidates go ahead of its offer, with a null `sdpMid` and without."""
    client = await scene.client()
    peer = scene.peer()
    peer.sdp_mid = mid
    await peer.enter()
    await client.until(lambda: client.peers == {"other"})
    await peer.until(lambda: peer.connected == ["rusty"])
    assert not of("offer", scene.registry.frames) and of("answer", scene.registry.frames)
    await both_ways(client, peer)


async def test_messages_of_any_kind_go_as_they_are(scene: Scene):
    client = await scene.client()
    peer = scene.peer()
    await peer.enter()
    await client.until(lambda: client.peers == {"other"})
    await peer.until(lambda: peer.connected == ["rusty"])
    sent = [
        {"type": "task_stream_chunk", "request_id": "r1", "payload": {"text": "å", "done": False}},
        {"type": "agent_status", "source_agent": "whoever", "payload": {"status": "thinking"}},
        {"type": "of our own", "request_id": "r2", "payload": [1, None], "more": {"a": 1}},
    ]
    heard: list[dict[str, Any]] = []
    for message in sent:
        client.on(message["type"], lambda _, one: heard.append(one))
        client.command("send", target_peer="other", message=message)
        peer.send("rusty", json.dumps(message, indent=1))
    await client.until(lambda: len(heard) == len(sent))
    await peer.until(lambda: len(peer.messages) == len(sent))
    assert heard == sent and [message for _, message in peer.messages] == sent


async def test_a_lost_login_is_taken_up_at_once_then_after_1_and_2_seconds(scene: Scene):
    """Each time with a token of its own, while the link that is open goes on."""
    peer = scene.peer()
    await peer.enter()
    client = await scene.client()
    await client.until(lambda: client.peers == {"other"})
    await peer.until(lambda: peer.connected == ["rusty"])
    registry = scene.registry
    registry.logins.clear()
    registry.refuse = 2
    await registry.drop("rusty")
    await registry.until(lambda: len(registry.logins) == 1)
    await both_ways(client, peer)
    await registry.until(lambda: "rusty" in registry.peers)
    times = [when for when, _ in registry.logins]
    steps = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert len(steps) == 2
    assert 1.0 <= steps[0] < 2.0 <= steps[1] < 4.0
    tokens = [token for _, token in registry.logins]
    assert len(set(tokens)) == 3
    assert client.peers == {"other"} and len(of("offer", registry.frames)) == 1
    await both_ways(client, peer)


async def test_two_that_come_at_once_end_with_one_link(scene: Scene):
    peer = scene.peer("zoe")
    peer.offers = False
    await peer.enter()
    client = await scene.client()
    await peer.offer("rusty")  # while its own offer may be on the way
    await client.until(lambda: client.peers == {"zoe"})
    await peer.until(lambda: peer.connected == ["rusty"])
    await both_ways(client, peer)


async def test_a_peer_that_went_and_came_is_told_as_often(scene: Scene):
    client = await scene.client()
    peer = scene.peer()
    for _ in range(2):
        await peer.enter()
        await client.until(lambda: client.peers == {"other"})
        await peer.until(lambda: peer.connected == ["rusty"])
        await both_ways(client, peer)
        await peer.drop()
        await client.until(lambda: not client.peers)


async def test_two_of_ours_need_nothing_else(scene: Scene):
    first, second = await scene.client(), await scene.client("zoe")
    await first.until(lambda: first.peers == {"zoe"})
    await second.until(lambda: second.peers == {"rusty"})
    second.on(
        "ping", lambda _, one: {"type": "pong", "request_id": one["request_id"], "payload": {}}
    )
    assert (await first.request("zoe", {"type": "ping"}))["type"] == "pong"
