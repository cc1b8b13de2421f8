"""A client of the reference implementation's contract drives our sidecar by environment alone."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import TestMesh
from tests.interop.described_client import DescribedClient, by_key, environment, script
from tests.interop.described_mesh import DescribedMesh, described_mesh
from tests.interop.described_peer import http
from tests.lab.procs import Process, Procs


def answering(peer: str, message: dict[str, Any]) -> dict[str, Any]:
    """The described answer to a task request."""
    payload = message["payload"]
    return {
        "type": "task_response",
        "request_id": message["request_id"],
        "source_agent": "bob",
        "target_agent": peer,
        "payload": {"result": f"{payload['skill']}: {payload['message']}", "error": ""},
    }


def task(skill: str = "shout", **payload: Any) -> dict[str, Any]:
    return {"type": "task_request", "source_agent": "x", "payload": {"skill": skill, **payload}}


class Sidecars:
    """A mesh with agents, and described clients that have a key and no membership."""

    def __init__(self, mesh: DescribedMesh, procs: Procs, folder: Path) -> None:
        self.mesh, self.procs, self.folder = mesh, procs, folder
        self.program = script(folder)
        self.clients: list[DescribedClient] = []
        (folder / "s").mkdir(mode=0o700)

    def env(self, key: str) -> dict[str, str]:
        return by_key(self.folder / "elsewhere", self.mesh.url, key, self.program)

    def place(self, name: str) -> Path:
        return self.folder / "s" / f"{name}.sock"

    async def client(self, name: str, key: str = "", place: str = "") -> DescribedClient:
        """One that has entered."""
        env = self.env(key or self.mesh.key(name))
        client = DescribedClient(self.place(place or name), env)
        self.clients.append(client)
        await client.start()
        return client

    async def linked(self, name: str, *agents: str, key: str = "") -> DescribedClient:
        client = await self.client(name, key)
        await client.until(lambda: set(agents) <= client.peers)
        return client

    def bare(self, name: str, **env: str) -> Process:
        """The program alone, to see how it ends."""
        whole = self.env("ck_1") | {"IPC_SOCKET": str(self.place(name))} | env
        return self.procs.start(program=(str(self.program),), **whole)


@pytest.fixture
async def sidecars(procs: Procs, tmp_path: Path) -> AsyncIterator[Sidecars]:
    async with described_mesh(procs, tmp_path) as mesh:
        made = Sidecars(mesh, procs, tmp_path)
        try:
            yield made
        finally:
            for client in made.clients:
                await client.stop()


async def test_it_is_driven_by_environment_alone(sidecars: Sidecars):
    mesh = sidecars.mesh
    mesh.agent("ours", "rusty")
    rusty = await sidecars.linked("rusty", "ours")
    answer = await rusty.request("ours", task(message="hi"))
    assert (answer["type"], answer["payload"]) == ("task_response", {"result": "HI", "error": ""})
    rusty.on("task_request", answering)
    answer = await rusty.request("ours", task("ask", peer="rusty", message="Oslo"))
    assert answer["payload"] == {"result": "forecast: Oslo", "error": ""}
    rusty.command("list_peers")
    await rusty.until(lambda: rusty.listed == ["ours"])
    assert (await rusty.request("ours", {"type": "ping"}))["type"] == "pong"
    seen = await rusty.request("ours", task("seen"))
    assert seen["payload"]["result"] == ["rusty", "direct, unverified", "rusty"]
    [record] = [one for one in mesh.net.cli("agents")["agents"] if one["agent_id"] == "rusty"]
    assert record["trust"] == "unverified"


async def test_what_goes_wrong_is_told_to_who_asked(sidecars: Sidecars):
    sidecars.mesh.agent("ours", "rusty")
    sidecars.mesh.agent("closed")
    rusty = await sidecars.linked("rusty", "ours")
    assert rusty.peers == {"ours"}
    for target, message in (
        ("nobody", task()),
        ("closed", task()),
        ("ours", task(message="x" * 70_000)),
        ("ours", task("nothing")),
        ("ours", task("long", size=70_000)),
    ):
        answer = await rusty.request(target, message)
        assert answer["type"] == "task_response" and answer["payload"]["error"], target
    rusty.command("unheard-of")
    rusty.command("connect", target_peer_id="closed")
    rusty.command("send", target_peer="ours", message={"no": "type"})
    rusty.command("list_peers")
    await rusty.until(lambda: rusty.listed == ["ours"])
    slow = asyncio.ensure_future(rusty.request("ours", task("slow", seconds=60)))
    await rusty.request("ours", {"type": "ping"})  # it is at work by now
    sidecars.mesh.net.workers["ours"].kill()
    answer = await slow
    assert "lost" in answer["payload"]["error"]
    await rusty.until(lambda: not rusty.peers)


async def test_two_of_them_have_no_link_and_one_key_has_one_socket(sidecars: Sidecars):
    key = sidecars.mesh.key("rusty")
    rusty, other = await sidecars.client("rusty", key), await sidecars.client("other")
    for client in (rusty, other):
        client.command("list_peers")
    assert not rusty.peers and not other.peers
    later = await sidecars.client("rusty", key, place="later")
    assert await rusty.ended() == 1
    assert "Another sidecar logged in with this API key" in rusty.log
    assert await later.stop() == 0


async def test_links_outlive_the_registry_and_it_is_found_again(sidecars: Sidecars):
    mesh = sidecars.mesh
    mesh.agent("ours", "rusty")
    rusty = await sidecars.linked("rusty", "ours")
    mesh.net.kill_registry()
    answer = await rusty.request("ours", task(message="hi"))
    assert answer["payload"]["result"] == "HI"
    mesh.net.up()
    mesh.agent("new", "rusty")
    await rusty.until(lambda: rusty.peers == {"ours", "new"})
    assert (await rusty.request("new", task(message="ho")))["payload"]["result"] == "HO"


async def test_a_device_token_serves_until_it_is_revoked(sidecars: Sidecars):
    mesh = sidecars.mesh
    base = f"{mesh.url}/api/pairing"
    made = http("POST", f"{base}/generate-code", {}, x_api_key=mesh.key("maker"))
    pair = {"code": made["code"], "agent_name": "Rusty"}
    asked = http("POST", f"{base}/pair", pair)
    approved = mesh.net.cli("approve", asked["peer_id"])
    mesh.agent("ours", asked["peer_id"])
    rusty = await sidecars.linked("rusty", "ours", key=approved["device_token"])
    seen = await rusty.request("ours", task("seen"))
    assert seen["payload"]["result"][0] == asked["peer_id"]
    [row] = [one for one in mesh.net.cli("keys", "list")["keys"] if one["name"] == asked["peer_id"]]
    mesh.net.cli("keys", "revoke", row["id"])
    assert await rusty.ended() == 4
    assert re.search(r"error .*refuses API_KEY.*chatixia keys create", rusty.log)


async def test_without_compat_it_is_one_clear_refusal(procs: Procs, tmp_path: Path):
    async with described_mesh(procs, tmp_path, "false") as mesh:
        sidecars = Sidecars(mesh, procs, tmp_path)
        process = sidecars.bare("rusty", API_KEY=mesh.key("rusty"))
        assert process.wait() == 4
        assert len(process.lines) == 1 and "compat: true" in process.output


async def test_what_is_missing_or_refused_is_one_sentence_with_its_cure(sidecars: Sidecars):
    empty = {"SIGNALING_URL": "", "TOKEN_URL": ""}
    for env, code, says in (
        ({"API_KEY": ""}, 2, r"API_KEY is not set.*chatixia keys create"),
        ({"IPC_SOCKET": ""}, 2, r"IPC_SOCKET is not set"),
        (empty, 2, r"SIGNALING_URL is not set.*/ws"),
        ({"ICE_TRANSPORT_POLICY": "none"}, 2, r"takes all or relay"),
        ({"TURN_URL": "turn:192.0.2.1:3478"}, 2, r"TURN_USERNAME"),
        ({"API_KEY": "ck_" + "a" * 32}, 4, r"refuses API_KEY.*chatixia keys create"),
    ):
        process = sidecars.bare("rusty", **env)
        assert process.wait() == code, env
        assert len(process.lines) == 1 and re.search(says, process.output), process.output
    assert not list((sidecars.folder / "s").iterdir())


async def test_it_ends_with_ctrl_c_or_with_its_agent_and_leaves_nothing(sidecars: Sidecars):
    mesh = sidecars.mesh
    mesh.agent("ours", "rusty")
    key = mesh.key("rusty")
    for how in (signal.SIGINT, signal.SIGTERM):
        process = sidecars.bare("rusty", API_KEY=key)
        process.wait_for("rusty online, unverified")
        assert process.stop(how) == 0
        assert not list((sidecars.folder / "s").iterdir())
    rusty = await sidecars.linked("rusty", "ours", key=key)
    rusty.hang_up()
    assert await rusty.ended() == 0
    assert not sidecars.place("rusty").exists()


async def test_two_described_clients_work_through_it(procs: Procs, tmp_path: Path):
    binary = script(tmp_path)
    net = TestMesh(procs)
    net.up()
    url = f"http://127.0.0.1:{net.port}"
    (tmp_path / "s").mkdir(mode=0o700)
    alice, bob = (
        DescribedClient(tmp_path / "s" / f"{name}.sock", environment(procs.home, name, url, binary))
        for name in ("alice", "bob")
    )
    await alice.start()
    await bob.start()
    bob.on("task_request", answering)
    messages: list[dict[str, Any]] = []
    bob.on("agent_prompt", lambda peer, message: messages.append(message))
    alice.command("connect", target_peer_id="bob")
    await alice.until(lambda: "bob" in alice.peers)
    await bob.until(lambda: "alice" in bob.peers)
    alice.command("list_peers")
    await alice.until(lambda: alice.listed == ["bob"])
    request = {
        "type": "task_request",
        "source_agent": "alice",
        "target_agent": "bob",
        "payload": {"message": "Oslo", "skill": "forecast"},
    }
    answer = await alice.request("bob", request)
    assert (answer["type"], answer["payload"]) == (
        "task_response",
        {"result": "forecast: Oslo", "error": ""},
    )
    prompt = {"type": "agent_prompt", "payload": {"message": "Hello", "broadcast": True}}
    alice.command("broadcast", message=prompt)
    await bob.until(lambda: messages)
    assert messages[0]["payload"]["message"] == "Hello"
    lost = await alice.request("nobody", {**request, "request_id": "0123456789ab"})
    assert lost["payload"]["error"]
    assert [await alice.stop(), await bob.stop()] == [0, 0]
