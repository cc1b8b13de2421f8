"""The gate: assertions for tokens, single use; failures rated per agent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.core.membership import check_chain
from chatixia.core.record import sign_record
from chatixia.identity import SignKey, verify
from chatixia.registry.trust.gate import ends
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate
from tests.registry.doors import agent, dial, enrolled, http_call, login, person, register_frame


async def assertion(
    registry: RegistryHarness, key: SignKey, sub: str, **changes: Any
) -> dict[str, Any]:
    proof = (await http_call(registry, "POST", "/api/nonce", {})).json
    now = int(proof["now"])
    claims = {
        "sub": sub,
        "aud": registry.profile.mesh,
        "iat": now,
        "exp": now + 60,
        "nonce": proof["nonce"],
        **changes,
    }
    header = {"alg": "Ed25519", "typ": "chatixia+jwt"}
    return {"assertion": key.jws(json.dumps(header).encode(), json.dumps(claims).encode())}


async def test_an_assertion_buys_one_token(registry: RegistryHarness):
    key, chain = registry.profile.owner_key()
    body = await assertion(registry, key, "admin")
    body["chain"] = msgspec.to_builtins(chain)
    first = await http_call(registry, "POST", "/api/token", body)
    assert first.status == 200 and first.json["role"] == "owner"
    again = await http_call(registry, "POST", "/api/token", body)
    assert again.status == 401
    stolen = body | await assertion(registry, SignKey.generate(), "admin")
    assert (await http_call(registry, "POST", "/api/token", stolen)).status == 401
    other = body | await assertion(registry, key, "somebody")
    assert (await http_call(registry, "POST", "/api/token", other)).status == 401
    elsewhere = body | await assertion(registry, key, "admin", aud="0" * 64)
    assert (await http_call(registry, "POST", "/api/token", elsewhere)).status == 401
    assert (await http_call(registry, "POST", "/api/token", {})).status == 401


async def test_no_token_is_made_of_a_token(registry: RegistryHarness):
    """Not of an owner's, an agent's, nor of one that an API key got."""
    key, chain = registry.profile.owner_key()
    body = await assertion(registry, key, "admin") | {"chain": msgspec.to_builtins(chain)}
    owner = (await http_call(registry, "POST", "/api/token", body)).json["token"]
    mine = (await agent(registry, "a")).welcome["token"]
    made = await registry.running.service.trust.keys.create(person(), KeyCreate("script"))
    bought = await http_call(registry, "POST", "/api/token", {}, x_api_key=made.key)
    assert bought.status == 200
    for token in (owner, mine, bought.json["token"]):
        bearer = f"Bearer {token}"
        assert (await http_call(registry, "GET", "/api/status", authorization=bearer)).status == 200
        for more in ({}, {"x_api_key": made.key}):
            again = await http_call(
                registry, "POST", "/api/token", {}, authorization=bearer, **more
            )
            assert (again.status, again.code) == (401, "unauthorized")


async def test_a_token_ends_with_the_first_record_of_its_chain(registry: RegistryHarness):
    """A client's own record counts, though the registry keeps none of it."""
    who = await enrolled(registry, kind="client")
    end = int(registry.profile.clock.now()) + 60
    machine = registry.profile.machine_keys()[0]
    who.chain = [sign_record(replace(who.record, not_after=end), machine.sign), *who.chain[1:]]
    body = await assertion(registry, who.sign, who.id) | {"chain": msgspec.to_builtins(who.chain)}
    bought = (await http_call(registry, "POST", "/api/token", body)).json
    assert 0 < bought["expires_in"] <= 60
    peer = await login(registry, who)
    tokens = registry.running.service.tokens
    brought = (await peer.next("config"))["token"]
    for token in (bought["token"], peer.welcome["token"], brought):
        assert tokens.verify(token).exp == end


async def test_a_registry_or_invitation_gets_no_token(registry: RegistryHarness):
    identity = registry.profile.registry_identity()
    body = await assertion(registry, identity.sign, "registry")
    body["chain"] = msgspec.to_builtins(identity.chain)
    assert (await http_call(registry, "POST", "/api/token", body)).status == 401


async def test_one_agents_failures_do_not_bar_its_neighbours(registry: RegistryHarness):
    who = await enrolled(registry, "wrong")
    for _ in range(25):
        peer = await dial(registry)
        await peer.send(**register_frame(who, peer.challenge, sig="AAAA"))
        code = (await peer.next("error"))["code"]
    assert code == "busy"
    assert (await login(registry, who)).welcome["peer_id"] == "wrong"  # nor its name's own key
    good = await agent(registry, "good")
    assert good.welcome["peer_id"] == "good"


async def test_failures_at_a_shared_address_slow_only_failures(registry: RegistryHarness):
    """As when a neighbour goes on with a revoked API key."""
    for _ in range(25):
        bad = await http_call(registry, "GET", "/api/tasks", x_api_key="ck_" + "a" * 32)
    assert bad.status == 429
    assert (await http_call(registry, "POST", "/api/token", {})).status == 429
    key, chain = registry.profile.owner_key()
    good = await assertion(registry, key, "admin") | {"chain": msgspec.to_builtins(chain)}
    assert (await http_call(registry, "POST", "/api/token", good)).status == 200


async def test_a_chain_ends_with_its_first_end(registry: RegistryHarness):
    who = await enrolled(registry, kind="client")
    member = check_chain(who.chain, mesh=registry.profile.mesh, now=0, verify=verify)
    assert ends(member) == member.not_after > 0
    peer = await login(registry, who)
    socket = registry.running.service.roster.get(who.id)
    assert socket and socket.not_after == ends(member)
    socket.not_after = 1.0
    assert (await peer.verb("status"))["code"] == "membership_expired"
    assert await peer.closed() == 1008


async def test_a_machine_signs_no_client_of_another(registry: RegistryHarness, tmp_path: Path):
    """Although its invitation allows it every name, and with its own keys rightly used."""
    invited = await asyncio.to_thread(invite, registry.profile, "pi")
    pi = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    victim = await enrolled(registry, kind="client")
    await login(registry, victim)
    thief = await enrolled(registry, kind="client", profile=pi)
    named = replace(thief.record, id=victim.id)
    thief.chain = [sign_record(named, pi.machine_keys()[0].sign), *thief.chain[1:]]
    thief.id = victim.id
    peer = await dial(registry)
    await peer.send(**register_frame(thief, peer.challenge))
    assert (await peer.next("error"))["code"] == "bad_chain"
    body = await assertion(registry, thief.sign, victim.id)
    body["chain"] = msgspec.to_builtins(thief.chain)
    refused = await http_call(registry, "POST", "/api/token", body)
    assert (refused.status, refused.code) == (403, "bad_chain")


async def test_the_registry_proves_itself_before_anything(registry: RegistryHarness):
    answer = await http_call(registry, "POST", "/api/nonce", {"nonce": "A" * 22})
    assert answer.json["mesh"] == registry.profile.mesh and answer.json["proof"]
    assert (await http_call(registry, "POST", "/api/nonce", {"nonce": "AA"})).status == 400
    await asyncio.sleep(0)
