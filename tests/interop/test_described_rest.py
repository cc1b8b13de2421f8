"""The REST routes of the described contract (requirements B.1), as its agent calls them: one row a
test. Where the reference implementation says `200` with an error in the body, ours says 404."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.interop.described_mesh import DescribedMesh, described_mesh
from tests.interop.described_peer import http
from tests.lab.procs import Procs

RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"
TASK = (
    "id skill target_agent_id source_agent_id assigned_agent_id payload state result error"
    " created_at updated_at ttl"
).split()


class Caller:
    """What one API key may do over REST."""

    def __init__(self, url: str, **credential: str) -> None:
        self.url, self.credential = url, credential

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(http, method, self.url + path, body, **self.credential)

    async def refused(self, method: str, path: str, body: Any = None) -> int:
        """The status of an answer that must be an error."""
        with pytest.raises(HTTPError) as caught:
            await self(method, path, body)
        caught.value.close()
        return caught.value.code


class Rest:
    """A registry, an agent that registers as the reference implementation's, and a client."""

    def __init__(self, mesh: DescribedMesh) -> None:
        self.mesh = mesh
        self.worker, self.client = (
            Caller(mesh.url, x_api_key=mesh.key(name)) for name in ("rusty", "script")
        )
        self.nobody = Caller(mesh.url)

    async def register(self) -> Any:
        capabilities = {
            "skills": ["print"],
            "mcp_servers": [],
            "goals_count": 0,
            "mode": "interactive",
        }
        info = {"agent_id": "rusty", "hostname": "box", "sidecar_peer_id": "rusty-sidecar"}
        return await self.worker(
            "POST", "/api/registry/agents", info | {"capabilities": capabilities}
        )

    async def beat(self) -> Any:
        beat = {"agent_id": "rusty", "hostname": "box", "sidecar_peer_id": "rusty-sidecar"}
        return await self.worker("POST", "/api/hub/heartbeat", beat | {"skill_names": ["print"]})

    async def submit(self, **more: Any) -> str:
        body = {"skill": "print", "payload": {"message": "hi"}, "source_agent_id": "script"}
        answer = await self.client("POST", "/api/hub/tasks", body | more)
        assert set(answer) == {"task_id"}
        return str(answer["task_id"])

    async def task(self, id: str) -> Any:
        return await self.client("GET", f"/api/hub/tasks/{id}")


@pytest.fixture
async def rest(procs: Procs, tmp_path: Path) -> AsyncIterator[Rest]:
    async with described_mesh(procs, tmp_path) as mesh:
        yield Rest(mesh)


async def test_token(rest: Rest):
    answer = await rest.worker("POST", "/api/token")
    assert {"token", "peer_id", "role"} <= set(answer) and answer["peer_id"] == "rusty"
    assert answer["expires_in"] == 300
    assert await rest.nobody.refused("POST", "/api/token") == 401
    assert await Caller(rest.mesh.url, x_api_key="ak").refused("POST", "/api/token") == 401


async def test_config(rest: Rest):
    answer = await rest.worker("GET", "/api/config")
    assert isinstance(answer["iceServers"], list)
    assert await rest.nobody.refused("GET", "/api/config") == 401


async def test_an_agent_registers_is_listed_and_goes(rest: Rest):
    assert await rest.register() == {"status": "ok"}
    [record] = await rest.client("GET", "/api/registry/agents")
    assert record == await rest.client("GET", "/api/registry/agents/rusty")
    assert (record["agent_id"], record["hostname"], record["port"]) == ("rusty", "box", 8000)
    assert record["capabilities"]["skills"] == ["print"] and record["health"] == "active"
    for name in ("registered_at", "last_heartbeat"):
        assert re.fullmatch(RFC3339, record[name])
    assert await rest.client.refused("GET", "/api/registry/agents/nobody") == 404
    gone = ("DELETE", "/api/registry/agents/rusty")
    assert await rest.client.refused(*gone) == 403  # it is not its own
    assert await rest.worker(*gone) == {"status": "ok"}
    assert await rest.worker.refused(*gone) == 404


async def test_what_an_agent_lacks_is_refused(rest: Rest):
    for body in ({"hostname": "box"}, {"agent_id": 7, "hostname": "box"}, []):
        assert await rest.worker.refused("POST", "/api/registry/agents", body) in (400, 422)
    assert await rest.worker.refused("POST", "/api/hub/heartbeat", {}) in (400, 422)
    assert await rest.nobody.refused("POST", "/api/hub/heartbeat", {"agent_id": "rusty"}) == 401


async def test_route_by_skill(rest: Rest):
    await rest.register()
    found = await rest.client("GET", "/api/registry/route?skill=print")
    assert found["agent_id"] == "rusty" and found["health"] == "active"
    assert await rest.client.refused("GET", "/api/registry/route?skill=fold") == 404
    assert await rest.client.refused("GET", "/api/registry/route") in (400, 422)


async def test_a_heartbeat_brings_tasks_which_are_assigned_then(rest: Rest):
    await rest.register()
    assert await rest.beat() == {"status": "ok", "pending_tasks": []}
    id = await rest.submit()
    assert (await rest.task(id))["state"] == "pending"
    answer = await rest.beat()
    [task] = answer["pending_tasks"]
    assert (task["id"], task["state"], task["assigned_agent_id"]) == (id, "assigned", "rusty")
    assert task["payload"] == {"message": "hi"}
    assert (await rest.task(id))["state"] == "assigned"


async def test_a_task_has_its_twelve_fields_and_its_defaults(rest: Rest):
    id = await rest.submit()
    task = await rest.task(id)
    assert set(TASK) <= set(task)
    assert (task["ttl"], task["result"], task["error"]) == (300, "", "")
    assert isinstance(task["created_at"], float) and isinstance(task["updated_at"], float)
    assert [one["id"] for one in await rest.client("GET", "/api/hub/tasks/all")] == [id]
    assert await rest.client.refused("GET", "/api/hub/tasks/none") == 404
    assert await rest.nobody.refused("GET", "/api/hub/tasks/all") == 401


@pytest.mark.parametrize(
    ("update", "result", "error"),
    [
        ({"state": "completed", "result": "done"}, "done", ""),
        ({"state": "failed", "error": "no paper"}, "", "no paper"),
    ],
)
async def test_an_agent_ends_a_task(rest: Rest, update: dict[str, str], result: str, error: str):
    await rest.register()
    id = await rest.submit(target_agent_id="rusty")
    await rest.beat()
    path = f"/api/hub/tasks/{id}"
    assert await rest.client.refused("POST", path, update) in (403, 404, 409)  # it has it not
    assert await rest.worker("POST", path, update) == {"status": "ok"}
    task = await rest.task(id)
    assert (task["state"], task["result"], task["error"]) == (update["state"], result, error)
    assert await rest.worker.refused("POST", "/api/hub/tasks/none", update) == 404


async def test_topology(rest: Rest):
    await rest.register()
    answer = await rest.client("GET", "/api/hub/network/topology")
    [node] = answer["nodes"]
    fields = "agent_id ip port hostname sidecar_peer_id mode skills_count health mesh_peers"
    assert set(fields.split()) <= set(node)
    assert (node["agent_id"], node["skills_count"]) == ("rusty", 1)
    assert answer["mesh_edges"] == []


async def test_pairing_from_code_to_token(rest: Rest):
    made = await rest.worker("POST", "/api/pairing/generate-code", {})
    assert re.fullmatch(r"\d{6}", made["code"]) and made["expires_in"] == 300
    assert await rest.nobody.refused("POST", "/api/pairing/generate-code", {}) == 401
    pair = {"code": made["code"], "agent_name": "Rusty"}
    asked = await rest.nobody("POST", "/api/pairing/pair", pair)
    assert asked["status"] == "pending_approval"
    assert re.fullmatch(r"agent-[0-9a-f]{6}", asked["peer_id"])
    assert re.fullmatch(r"[0-9a-f]{8}", asked["id"])
    assert await rest.nobody.refused("POST", "/api/pairing/pair", pair) == 401  # good once
    token = rest.mesh.net.cli("approve", asked["peer_id"])["device_token"]
    assert re.fullmatch(r"dt_[0-9a-f]{32}", token)
    device = Caller(rest.mesh.url, x_device_token=token)
    assert (await device("POST", "/api/token"))["peer_id"] == asked["peer_id"]
    assert await device.refused("POST", "/api/pairing/generate-code", {}) == 403
    rest.mesh.net.cli("keys", "revoke", asked["peer_id"])
    assert await device.refused("POST", "/api/token") == 401


async def test_pairing_says_what_is_wrong_in_the_described_order(rest: Rest):
    for body, status in (
        ({"code": "12345", "agent_name": "a"}, 400),
        ({"code": "123456", "agent_name": ""}, 400),
        ({"code": "123456", "agent_name": "a"}, 401),
    ):
        assert await rest.nobody.refused("POST", "/api/pairing/pair", body) == status
    for _ in range(8):
        status = await rest.nobody.refused(
            "POST", "/api/pairing/pair", {"code": "123456", "agent_name": "a"}
        )
    assert status == 429


async def test_nobody_lists_approves_or_ends_a_pairing_but_the_owner(rest: Rest):
    made = await rest.worker("POST", "/api/pairing/generate-code", {})
    asked = await rest.nobody(
        "POST", "/api/pairing/pair", {"code": made["code"], "agent_name": "Rusty"}
    )
    for caller, status in ((rest.nobody, 401), (rest.worker, 403)):
        for method, path in (
            ("GET", "pending"),
            ("GET", "all"),
            ("POST", f"{asked['id']}/approve"),
            ("POST", f"{asked['id']}/reject"),
            ("POST", f"{asked['id']}/revoke"),
        ):
            assert await caller.refused(method, f"/api/pairing/{path}") == status, path
