"""API keys: shown once, hashed, revocable; REST and queue only."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.membership.enrol import Credentials, enrol
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import revoke
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.errors import NameTaken, NotFound, Unprocessable
from chatixia.store.control.rows import KeyRow
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate, KeyCreated, KeyRef, Keys, KeysQuery, Nothing, Serial
from tests.registry.doors import agent, dial, http_call, person, register_frame


async def made(registry: RegistryHarness, name: str, not_after: int = 0) -> KeyCreated:
    def ask() -> KeyCreated:
        with RegistryClient.owner(registry.profile) as rest:
            found: KeyCreated = rest.call("keys.create", KeyCreate(name, not_after))
            return found

    return await asyncio.to_thread(ask)


async def test_a_key_opens_until_it_is_revoked(registry: RegistryHarness):
    key = await made(registry, "script")
    said = await http_call(registry, "GET", "/api/session", x_api_key=key.key)
    assert said.json["person"] == "script"
    token = (await http_call(registry, "POST", "/api/token", {}, x_api_key=key.key)).json
    assert token["peer_id"] == "script" and token["role"] == "key"
    bearer = f"Bearer {token['token']}"
    assert (await http_call(registry, "GET", "/api/session", authorization=bearer)).status == 200

    def end() -> Keys:
        with RegistryClient.owner(registry.profile) as rest:
            rest.call("keys.revoke", KeyRef(key.id))
            found: Keys = rest.call("keys.list", Nothing())
            return found

    listed = (await asyncio.to_thread(end)).keys
    assert [(k.name, k.revoked) for k in listed] == [("script", True)]
    assert (await http_call(registry, "GET", "/api/session", x_api_key=key.key)).status == 401
    assert (await http_call(registry, "GET", "/api/session", authorization=bearer)).status == 401


async def test_a_token_does_not_pass_to_a_new_key_of_the_same_name(registry: RegistryHarness):
    keys = registry.running.service.trust.keys
    store = registry.running.store
    first = await keys.create(person(), KeyCreate("script"))
    token = (await http_call(registry, "POST", "/api/token", {}, x_api_key=first.key)).json
    await keys.revoke(person(), KeyRef(first.id))
    at = store.now() + 2.0
    await store.keys.put(KeyRow("k2", "default", "script", b"x" * 32, at, 0.0))
    bearer = f"Bearer {token['token']}"
    assert (await http_call(registry, "GET", "/api/session", authorization=bearer)).status == 401


async def test_keys_come_in_pages_and_an_old_one_still_holds(registry: RegistryHarness):
    keys = registry.running.service.trust.keys
    first = await keys.create(person(), KeyCreate("first"))
    token = (await http_call(registry, "POST", "/api/token", {}, x_api_key=first.key)).json
    for n in range(4):
        await keys.create(person(), KeyCreate(f"later{n}"))
    seen, cursor = [], ""
    while True:
        page = await keys.page(person(), KeysQuery(cursor, 2))
        seen.append([key.name for key in page.keys])
        cursor = page.next
        if not cursor:
            break
    assert seen == [["later3", "later2"], ["later1", "later0"], ["first"]]
    assert (await keys.page(person(), KeysQuery("nonsense"))).keys == []
    bearer = f"Bearer {token['token']}"
    assert (await http_call(registry, "GET", "/api/session", authorization=bearer)).status == 200


async def test_the_secret_is_nowhere_on_disk(registry: RegistryHarness):
    key = await made(registry, "script")
    files = [p for p in Path(registry.home).rglob("*") if p.is_file()]
    assert files and not any(key.key.encode() in p.read_bytes() for p in files)


async def test_wrong_names_and_keys(registry: RegistryHarness):
    await agent(registry, "member")
    for name, kind, rule in (
        ("Bad Name", Unprocessable, "lower-case letters"),
        ("member", NameTaken, "member"),
        ("hub", Unprocessable, "reserved"),
    ):
        with pytest.raises(kind, match=rule):
            await made(registry, name)
    with pytest.raises(NotFound):
        await asyncio.to_thread(_revoke_unknown, registry)
    for wrong in ("ck_" + "a" * 32, "x", "ck_", "ck_" + "a" * 5000):
        assert (await http_call(registry, "GET", "/api/session", x_api_key=wrong)).status == 401


def _revoke_unknown(registry: RegistryHarness) -> None:
    with RegistryClient.owner(registry.profile) as rest:
        rest.call("keys.revoke", KeyRef("none"))


async def test_an_expired_key_is_refused(registry: RegistryHarness):
    key = await made(registry, "script", not_after=1_000)
    assert (await http_call(registry, "GET", "/api/session", x_api_key=key.key)).status == 401


async def test_a_keyless_socket_is_unverified_replaces_nobody_and_claims_nothing(
    registry: RegistryHarness,
):
    key = await made(registry, "script")
    first = await dial(registry)
    await first.send(type="register", peer_id="script", api_key=key.key, slots=4)
    assert (await first.next("welcome"))["peer_id"] == "script"
    assert (await first.verb("tasks.claim", claim_id="c"))["code"] == "denied"
    await first.send(type="offer", target_id="script", sdp="v=0")
    assert (await first.next("error"))["code"] == "denied"
    second = await dial(registry)
    await second.send(type="register", peer_id="script", api_key=key.key)
    assert (await second.next("error"))["code"] == "name_taken"
    third = await dial(registry)
    await third.send(type="register", peer_id="other", api_key=key.key)
    assert (await third.next("error"))["code"] == "unauthorized"
    assert "body" in await first.verb("status")
    await registry.running.service.trust.keys.revoke(person(), KeyRef(key.id))
    assert (await first.next("error", ref="register"))["code"] == "unauthorized"
    assert await first.closed() == 1008


async def test_no_member_takes_the_name_of_an_api_key(registry: RegistryHarness, tmp_path: Path):
    """Neither an agent, asked or not, nor a machine, invited by name or by a pattern."""
    await made(registry, "script")

    def unasked() -> Credentials:
        return enrol(registry.profile, "script", ask_registry=lambda profile, name: Serial(name))

    with pytest.raises(NameTaken, match="an API key. script-2 is free"):
        await asyncio.to_thread(enrol, registry.profile, "script")
    who = await asyncio.to_thread(unasked)
    peer = await dial(registry)
    await peer.send(**register_frame(who, peer.challenge))
    assert (await peer.next("error"))["code"] == "name_taken"
    who.close()
    with pytest.raises(NameTaken, match="an API key. script-2 is free"):
        await asyncio.to_thread(invite, registry.profile, "script")
    invited = await asyncio.to_thread(invite, registry.profile, "s*", reusable=True)
    with pytest.raises(NameTaken):
        await asyncio.to_thread(join, invited.string, machine="script", home=tmp_path / "pi")
    with pytest.raises(NotFound, match="keys revoke"):
        await asyncio.to_thread(revoke, registry.profile, "script")


async def test_no_key_is_made_for_the_name_of_a_member_that_was(registry: RegistryHarness):
    """Its peers have it pinned, and what it submitted stands under it."""
    peer = await agent(registry, "member")
    await peer.verb("leave")
    with pytest.raises(NameTaken):
        await made(registry, "member")


async def test_a_key_that_shares_its_name_with_a_member_speaks_for_nobody(
    registry: RegistryHarness,
):
    """From a time when that could be."""
    key = await made(registry, "script")
    token = (await http_call(registry, "POST", "/api/token", {}, x_api_key=key.key)).json["token"]
    service = registry.running.service
    await agent(registry, "a")
    service.members._members["script"] = service.members._members["a"]
    for sent in ({"x_api_key": key.key}, {"authorization": f"Bearer {token}"}):
        assert (await http_call(registry, "GET", "/api/session", **sent)).status == 401


async def test_wrong_keys_bar_themselves_and_no_holder_of_a_key(registry: RegistryHarness):
    key = await made(registry, "script")
    wrong = key.key[:-4] + "zzzz"
    tries = [
        (await http_call(registry, "GET", "/api/session", x_api_key=wrong)).status
        for _ in range(30)
    ]
    assert tries[0] == 401
    assert tries[-1] == 429
    assert (await http_call(registry, "GET", "/api/session", x_api_key=key.key)).status == 200
