"""The described pairing over HTTP, as that contract asks it (requirements B.1)."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from chatixia.assembly.remote.rest import RegistryClient
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.audit import AuditQuery
from chatixia.wire.registry import Nothing
from tests.registry.described import dial_with, key_of
from tests.registry.doors import OPENED, Answer, http_call


@pytest.fixture
async def open_registry():
    async with RegistryHarness(compat=True) as running:
        yield running
        while OPENED:
            await OPENED.pop()()


async def owner_token(registry: RegistryHarness) -> str:
    def ask() -> str:
        with RegistryClient.owner(registry.profile) as rest:
            rest.call("session", Nothing())
            return rest._token

    return await asyncio.to_thread(ask)


class Door:
    """The routes, as an API key and as the owner."""

    def __init__(self, registry: RegistryHarness, key: str, owner: str) -> None:
        self.registry, self._key, self._owner = registry, key, owner

    async def code(self) -> str:
        made = await http_call(
            self.registry, "POST", "/api/pairing/generate-code", x_api_key=self._key
        )
        assert made.status == 200 and made.json["expires_in"] == 300
        return str(made.json["code"])

    async def pair(self, code: Any, name: str = "Rusty") -> Answer:
        body = {"code": code, "agent_name": name}
        return await http_call(self.registry, "POST", "/api/pairing/pair", body)

    async def owner(self, method: str, path: str) -> Answer:
        bearer = f"Bearer {self._owner}"
        return await http_call(self.registry, method, f"/api/pairing/{path}", authorization=bearer)


async def door(registry: RegistryHarness) -> Door:
    key = await key_of(registry, "inviter")
    return Door(registry, key.key, await owner_token(registry))


async def test_from_code_to_token_and_its_end(open_registry: RegistryHarness):
    one = await door(open_registry)
    asked = (await one.pair(await one.code())).json
    assert asked["status"] == "pending_approval"
    assert re.fullmatch(r"agent-[0-9a-f]{6}", asked["peer_id"]) and len(asked["id"]) == 8
    [waits] = (await one.owner("GET", "pending")).json
    assert (waits["id"], waits["agent_name"]) == (asked["id"], "Rusty")
    approved = (await one.owner("POST", f"{asked['id']}/approve")).json
    token = approved["device_token"]
    assert re.fullmatch(r"dt_[0-9a-f]{32}", token) and approved["status"] == "approved"
    assert (await one.owner("GET", "pending")).json == []
    listed = await one.owner("GET", "all")
    assert token.encode() not in listed.body and [e["status"] for e in listed.json] == ["approved"]
    made = await http_call(open_registry, "POST", "/api/token", x_device_token=token)
    assert made.json["peer_id"] == asked["peer_id"]
    peer = await dial_with(open_registry, made.json["token"], asked["peer_id"])
    assert await peer.register() == []
    no = await http_call(open_registry, "POST", "/api/pairing/generate-code", x_device_token=token)
    assert no.status == 403
    assert (await one.owner("POST", f"{asked['id']}/revoke")).json == {"status": "ok"}
    await peer.ws.wait_closed()
    again = await http_call(open_registry, "POST", "/api/token", x_device_token=token)
    assert again.status == 401
    assert [e["status"] for e in (await one.owner("GET", "all")).json] == ["revoked"]
    assert (await one.owner("POST", f"{asked['id']}/revoke")).status == 404


async def test_what_is_refused_in_which_order(open_registry: RegistryHarness):
    one = await door(open_registry)
    code = await one.code()
    assert (await one.pair("12")).status == 400 and (await one.pair(code, "  ")).status == 400
    wrong = await one.pair("000000" if code != "000000" else "000001")
    assert (wrong.status, wrong.json["detail"]) == (401, "invalid or expired pairing code")
    assert (await one.pair(code)).status == 200
    assert (await one.pair(code)).status == 401  # used
    assert (await one.pair("x")).status == 400
    assert (await one.pair("999999")).status == 429  # after five that came to nothing
    assert (await one.owner("POST", "nobody/approve")).status == 404
    for path in ("pending", "all"):
        for headers in ({}, {"x_api_key": one._key}):
            got = await http_call(open_registry, "GET", f"/api/pairing/{path}", **headers)
            assert got.status in (401, 403)
    stranger = await http_call(open_registry, "POST", "/api/pairing/generate-code")
    assert stranger.status == 401


async def test_a_rejected_one_gets_nothing(open_registry: RegistryHarness):
    one = await door(open_registry)
    asked = (await one.pair(await one.code())).json
    assert (await one.owner("POST", f"{asked['id']}/reject")).json == {"status": "ok"}
    assert (await one.owner("POST", f"{asked['id']}/approve")).status == 404
    assert [e["status"] for e in (await one.owner("GET", "all")).json] == ["rejected"]
    for verb, wanted in (("approve", "pending"), ("reject", "pending"), ("revoke", "approved")):
        for id_ in ("nobody", asked["id"]):
            no = await one.owner("POST", f"{id_}/{verb}")
            assert (no.status, no.json["detail"]) == (404, f"not found or not {wanted}")


async def test_the_audit_log_names_whom_each_step_concerns(open_registry: RegistryHarness):
    one = await door(open_registry)
    asked = (await one.pair(await one.code())).json
    assert (await one.pair("000000")).status == 401
    await one.owner("POST", f"{asked['id']}/reject")
    page = await open_registry.running.store.audit.page(AuditQuery(oldest=True))
    lines = [(line.act, line.target, line.detail) for line in page.lines]
    for line in (
        ("devices.pair", asked["peer_id"], ""),
        ("devices.pair", "", "wrong code"),
        ("devices.reject", asked["peer_id"], ""),
    ):
        assert line in lines, lines


async def test_without_compat_it_is_refused(registry: RegistryHarness):
    one = await door(registry)
    code = await http_call(registry, "POST", "/api/pairing/generate-code", x_api_key=one._key)
    for answer in (code, await one.pair("123456"), await one.owner("POST", "nobody/approve")):
        assert answer.status == 404 and "compat: true" in answer.json["detail"]
    assert (await one.owner("GET", "all")).json == []
