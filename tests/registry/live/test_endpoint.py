"""The socket door: challenge, register, welcome, lists, relay, refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from chatixia.assembly.membership.revoke import revoke
from chatixia.core.revocation import check_revocation
from chatixia.identity import verify
from chatixia.registry.live.endpoint import MessageReader
from chatixia.registry.live.turns import FRAMES_PER_TURN, ReadTurns
from chatixia.testing.registry import RegistryHarness
from chatixia.wire import signed
from chatixia.wire.trust import Signed
from tests.registry.doors import agent, dial, enrolled, login, register_frame


async def test_an_agent_logs_in_and_the_registry_proves_itself(registry: RegistryHarness):
    me = await agent(registry, "weather", "forecast", slots=2)
    assert me.welcome["peer_id"] == "weather"
    config = await me.next("config")
    assert config["addresses"] == [registry.url] and config["token"]
    assert (await me.next("peer_list"))["peers"] == []
    proof = signed.registry(mesh=registry.profile.mesh, nonce=b"", certificate=b"")
    assert not verify(
        registry.profile.registry_key, signed.REGISTRY, proof, signed.unb64(me.welcome["sig"])
    )
    await me.close()


async def test_peers_hear_of_each_other_and_signaling_is_stamped(registry: RegistryHarness):
    a = await agent(registry, "a", "one")
    b = await agent(registry, "b", "two")
    assert [p["id"] for p in (await b.next("peer_list"))["peers"]] == ["a"]
    joined = (await a.next("peer_joined"))["peer"]
    assert joined["id"] == "b" and joined["skills"] == ["two"]
    await a.send(type="offer", target_id="b", sdp="v=0", peer_id="forged", attempt=3, nonce="AAAA")
    offer = await b.next("offer")
    assert offer["peer_id"] == "a" and offer["attempt"] == 3
    await b.send(type="goodbye")
    left = await a.next("peer_left")
    assert left["peer_id"] == "b" and left["clean"]
    assert await b.closed() == 1000
    await a.close()


async def test_an_unknown_target_is_told_to_the_sender(registry: RegistryHarness):
    a = await agent(registry, "a")
    await a.send(type="connect", target_id="nobody")
    error = await a.next("error")
    assert error["code"] == "unknown_agent" and error["target_id"] == "nobody"
    assert error["ref"] == "connect"
    await a.close()


async def test_a_second_login_replaces_the_first(registry: RegistryHarness):
    a = await agent(registry, "a")
    assert a.who
    again = await login(registry, a.who)
    assert (await a.next("error"))["code"] == "replaced"
    assert await a.closed() == 4001
    assert (await again.verb("status"))["body"]["agents"] == 1
    await again.close()


async def test_a_wrong_signature_nonce_or_name_is_refused(registry: RegistryHarness):
    who = await enrolled(registry, "a")
    stale = (await dial(registry)).challenge
    wrongs = [
        {"sig": signed.b64(bytes(64))},
        {"peer_id": "b"},
        {"incarnation": "0" * 16},
        {"chain": []},
        {"version": 99},
    ]
    for wrong in wrongs:
        peer = await dial(registry)
        await peer.send(**register_frame(who, peer.challenge, **wrong))
        assert (await peer.next("error"))["code"] in (
            "bad_signature",
            "bad_chain",
            "unauthorized",
            "upgrade_needed",
        )
        assert await peer.closed() == 1008
    peer = await dial(registry)
    await peer.send(**register_frame(who, stale))
    assert (await peer.next("error"))["code"] in ("bad_signature", "unauthorized")


async def test_bad_frames_are_answered_and_the_socket_lives(registry: RegistryHarness):
    a = await agent(registry, "a")
    for text in ("{", "[1]", "[", '{"type":"nonsense"}', '{"type":"offer"}', "\x00", '{"type":1}'):
        await a.ws.send(text)
        assert (await a.next("error"))["code"] in ("bad_request", "unknown_type")
    await a.ws.send(b"\x01\x02")
    assert (await a.next("error", ref="relay"))["code"] == "bad_request"
    await a.send(type="ping", id="x")
    assert (await a.next("pong"))["id"] == "x"
    await a.close()


async def test_a_socket_of_bad_frames_only_is_closed(registry: RegistryHarness):
    a = await agent(registry, "a")
    for _ in range(40):
        await a.ws.send("{")
    assert await a.closed() == 1008


async def test_a_stolen_token_opens_no_socket(registry: RegistryHarness):
    victim = await agent(registry, "a")
    token = victim.welcome["token"]
    peer = await dial(registry, additional_headers={"Authorization": f"Bearer {token}"})
    await peer.send(type="register", peer_id="a", token=token, api_key=token)
    assert (await peer.next("error"))["code"] == "unauthorized"
    assert await peer.closed() == 1008
    assert "body" in await victim.verb("status")


async def test_a_frame_before_register_is_refused(registry: RegistryHarness):
    peer = await dial(registry)
    await peer.send(type="verb", id="1", verb="status", body={})
    assert (await peer.next("error"))["ref"] == "verb"
    for _ in range(4):
        await peer.ws.send("{")
    assert await peer.closed() == 1008


async def test_verbs_are_answered_by_rights(registry: RegistryHarness):
    a = await agent(registry, "a")
    assert (await a.verb("status"))["body"]["mesh"] == registry.profile.mesh
    assert (await a.verb("nonsense"))["code"] == "unknown_type"
    assert (await a.verb("keys.list"))["code"] == "denied"
    assert (await a.verb("agents.get", agent_id=7))["code"] == "invalid"
    await a.close()


async def test_whoever_is_out_is_shown_the_owners_word(registry: RegistryHarness):
    who = await enrolled(registry, "a")
    await (await login(registry, who)).close()
    await asyncio.to_thread(revoke, registry.profile, "a")
    peer = await dial(registry)
    await peer.send(**register_frame(who, peer.challenge))
    assert (await peer.next("error"))["code"] == "revoked"
    shown = msgspec.convert((await peer.next("revoked"))["statement"], Signed)
    found = check_revocation(
        shown, mesh=registry.profile.mesh, owner=registry.profile.owner, verify=verify
    )
    assert (found.id, found.version) == ("a", 1)
    assert await peer.closed() == 1008
    assert registry.running.service.members.statement("b") is None


async def test_a_login_whose_writer_died_is_closed_and_not_listed(registry: RegistryHarness):
    a, b = await agent(registry, "a"), await agent(registry, "b", "two")
    socket = registry.running.service.roster.get("b")
    assert socket is not None
    socket.send_bytes(b'"\xff"')
    assert (await a.next("peer_left"))["peer_id"] == "b"
    assert await b.closed() == 1011


async def test_a_login_that_nothing_reaches_is_not_listed(registry: RegistryHarness):
    """Not even while its other half is open: the close could not be written either."""
    a, b = await agent(registry, "a"), await agent(registry, "b", "two")
    roster = registry.running.service.roster
    socket = roster.get("b")
    assert socket is not None

    async def broken(message: Any) -> None:
        raise RuntimeError

    socket._send = broken
    await b.send(type="ping", id="x")
    assert (await a.next("peer_left"))["peer_id"] == "b"
    assert roster.get("b") is None


async def test_a_text_frame_that_is_not_utf8_closes_its_socket(registry: RegistryHarness):
    a, b = await agent(registry, "a"), await agent(registry, "b")
    await b.ws.send(b'{"type":"ping","id":"\xff"}', text=True)
    assert await b.closed() == 1007
    assert (await a.next("peer_left"))["peer_id"] == "b"


class Gone:
    """A socket, or what handles its frames; ``came``: what was read."""

    def __init__(self) -> None:
        self.closed = False
        self.came: list[str | bytes] = []

    def read(self, message: str | bytes) -> int:
        self.came.append(message)
        return 1


async def test_a_message_read_at_once_does_not_overtake_one_that_waits_for_its_turn():
    end, turns = Gone(), ReadTurns()
    reader = MessageReader(end, end, turns, "holder")  # type: ignore[arg-type]
    turns.spent("holder", 3 * FRAMES_PER_TURN)
    first = asyncio.ensure_future(reader.read(b"1"))
    await asyncio.sleep(0)
    assert not end.came
    while not reader.take(b"2"):
        await asyncio.sleep(0)
    assert end.came == [b"1", b"2"] and first.done()
    end.closed = True
    assert reader.take(b"3") and len(end.came) == 2  # who was put out says nothing more
