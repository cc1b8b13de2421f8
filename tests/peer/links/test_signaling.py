"""Offers, answers and requests that do not hold, with real engines: who may not in, and bounds."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from chatixia.core.openings import sign_opening
from chatixia.errors import Denied, NameTaken, PeerRestarted
from chatixia.wire import signed
from chatixia.wire.peer import CAPABILITIES
from chatixia.wire.signaling import (
    Answer,
    Connect,
    IceCandidate,
    Offer,
    PeerInfo,
    PeerJoined,
    SignalError,
)
from tests.core.circle import agent, machine, owner, resigned, swap
from tests.peer.relay import Node, Relay, nodes
from tests.until import until


def sdp(*more: str, fingerprint: bytes = b"f" * 32) -> str:
    lines = [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuv",
        "a=fingerprint:sha-256 " + ":".join(f"{byte:02X}" for byte in fingerprint),
        "a=setup:actpass",
        "a=mid:0",
        "a=sctp-port:5000",
        *more,
    ]
    return "".join(f"{line}\r\n" for line in lines)


def offer(me: Any, to: Node, **fields: Any) -> Offer:
    """An offer rightly signed by ``me``, whatever it says."""
    said: dict[str, Any] = {
        "sdp": sdp(),
        "incarnation": me.incarnation,
        "peer_incarnation": to.me.incarnation,
        "attempt": 1,
        "nonce": signed.b64(b"n" * 16),
        "capabilities": list(CAPABILITIES),
    }
    made = sign_opening(Offer(to.id, **{**said, **fields}), me)
    made.peer_id = me.id
    return made


async def refused(relay: Relay, node: Node, count: int = 1) -> SignalError:
    """The sentence that ``node`` tells the other side."""
    await until(lambda: len(relay.of(SignalError, node.id)) >= count)
    return relay.of(SignalError, node.id)[count - 1]


def cases() -> dict[str, tuple[Any, dict[str, Any], str]]:
    """name -> (who signs, what is changed, the code of the refusal)."""
    alice = agent("alice")
    foreign = agent("alice", machine("laptop", owner("another owner")))
    forged = alice.me()
    body = signed.unb64(forged.chain[1].b)
    forged.chain = swap(forged.chain, 1, resigned(body, agent("mallory").sign))
    cut = alice.me()
    cut.chain = cut.chain[:1]
    borrowed = alice.me()
    borrowed.chain = agent("mallory").chain
    twice = sdp("a=fingerprint:sha-256 " + ":".join(["AA"] * 32))
    audio = sdp("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:1")
    unknown = alice.me()
    unknown.sign = agent("mallory").sign.sign
    return {
        "a foreign mesh": (foreign.me(), {}, "wrong_mesh"),
        "a forged record in the chain": (forged, {}, "bad_chain"),
        "a chain without its head": (cut, {}, "bad_chain"),
        "another's record": (borrowed, {}, "bad_signature"),
        "a key that no record names": (unknown, {}, "bad_signature"),
        "two fingerprints": (alice.me(), {"sdp": twice}, "bad_request"),
        "an audio section": (alice.me(), {"sdp": audio}, "bad_request"),
        "no version in common": (alice.me(), {"versions": (0,)}, "upgrade_needed"),
        "an earlier process of mine": (
            alice.me(),
            {"peer_incarnation": "0" * 16},
            "peer_restarted",
        ),
        "a short nonce": (alice.me(), {"nonce": "AAAA"}, "denied"),
        "no attempt": (alice.me(), {"attempt": 0}, "denied"),
    }


@pytest.mark.parametrize("name", list(cases()))
async def test_an_offer_that_does_not_hold_makes_no_connection_and_is_told(name, caplog):
    me, fields, code = cases()[name]
    async with nodes("bob") as (relay, bob):
        bob.take(offer(me, bob, **fields))
        said = await refused(relay, bob)
        assert (said.code, said.target_id, said.ref) == (code, "alice", "offer")
        assert said.message and said.message in caplog.text
        assert not bob.driver.peers["alice"].attempts and not bob.listener.refusals


BENT = {
    "another fingerprint": lambda said: setattr(
        said, "sdp", re.sub(r"sha-256 ..", "sha-256 " + "0A", said.sdp)
    ),
    "another version": lambda said: setattr(said, "versions", (1, 2)),
    "fewer capabilities": lambda said: setattr(said, "capabilities", []),
    "another attempt": lambda said: setattr(said, "attempt", said.attempt + 1),
    "another nonce": lambda said: setattr(said, "nonce", signed.b64(b"x" * 16)),
    "another line": lambda said: setattr(said, "sdp", said.sdp + "a=x-more:1\r\n"),
}


@pytest.mark.parametrize("kind", [Offer, Answer])
@pytest.mark.parametrize("change", list(BENT))
async def test_a_registry_that_changes_what_is_signed_is_caught_on_both_sides(kind, change):
    relay = Relay()
    relay.bend.change(BENT[change], kind)
    async with nodes("alice", "bob", relay=relay) as (_, alice, bob):
        alice.driver.want("bob")
        if kind is Answer and change == "another attempt":
            return  # an answer to an attempt that never was is nobody's: the try ends by deadline
        victim = bob if kind is Offer else alice
        said = await refused(relay, victim)
        assert said.code == "bad_signature" and said.message
        if kind is Answer or change != "another attempt":
            assert isinstance(await alice.refusal(), Denied)
        assert not alice.listener.attached and not bob.listener.attached


async def test_a_replayed_offer_cuts_no_living_link():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        [first] = relay.of(Offer)
        before = bob.driver.report()[0].link
        for _ in range(3):
            bob.take(first)
        said = await refused(relay, bob)
        assert said.code == "denied" and "again" in said.message
        alice.listener.paths["bob"].send(b"alive")
        await bob.listener.until(lambda: bob.listener.frames)
        assert bob.driver.report()[0].link == before and not bob.listener.detached


async def test_a_reflected_offer_is_nobodys():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        [first] = relay.of(Offer)
        first.target_id, first.peer_id = "alice", "bob"
        first.peer_incarnation = alice.me.incarnation
        alice.take(first)
        said = await refused(relay, alice)
        assert said.code == "denied" and "lower id" in said.message
        own = relay.of(Offer)[0]
        own.target_id, own.peer_id = "alice", "alice"
        alice.take(own)
        await asyncio.sleep(0)
        assert alice.driver.report()


async def test_another_machines_higher_record_for_a_pinned_name_is_refused():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        relay.nodes.pop("alice")
        thief = agent("alice", machine("desktop"), seed="thief", serial=9)
        other = Node(relay, thief.me(incarnation="cd" * 8))
        try:
            await other.start()
            other.driver.want("bob")
            error = await other.refusal("bob")
            assert isinstance(error, NameTaken) and "laptop" in error.message
            assert (await refused(relay, bob)).code == "name_taken"
        finally:
            await other.driver.stop()


async def test_a_flood_of_offers_costs_ten_checks_and_twenty_sentences():
    async with nodes("bob") as (relay, bob):
        me = agent("mallory").me()
        me.id = "alice"
        for n in range(300):
            bob.driver.signal(offer(me, bob, attempt=n + 1))
        said = relay.of(SignalError, "bob")
        assert [error.code for error in said[:10]] == ["bad_signature"] * 10
        assert {error.code for error in said[10:]} == {"busy"}
        assert len(said) <= 21


async def test_good_offers_in_a_flood_hold_two_connections_at_most():
    async with nodes("bob") as (_, bob):
        me = agent("alice").me()
        for n in range(50):
            bob.driver.signal(offer(me, bob, attempt=n + 1))
            assert len(bob.driver.peers["alice"].attempts) <= 2
        await asyncio.sleep(0.2)
        assert len(bob.driver.engine._open) <= 2


async def test_requests_in_a_flood_are_bounded_too():
    async with nodes("bob") as (relay, bob):
        for _ in range(100):
            bob.driver.signal(Connect("bob", "zed", "e" * 16))
        assert len(relay.of(Offer, "bob")) <= 10
        assert any(error.code == "busy" for error in relay.of(SignalError, "bob"))


async def test_too_many_candidates_and_strange_ones_open_no_socket_to_strangers():
    async with nodes("bob") as (relay, bob):
        me = agent("alice").me()
        bob.driver.signal(offer(me, bob))
        strange = "candidate:1 1 udp 1 example.com 9 typ host"
        for n in range(40):
            bob.driver.signal(
                IceCandidate(
                    "bob",
                    strange if n == 0 else f"candidate:{n} 1 udp 1 192.0.2.9 {n + 1} typ host",
                    "0",
                    0,
                    "alice",
                    me.incarnation,
                    bob.me.incarnation,
                    1,
                )
            )
        said = await refused(relay, bob)
        assert said.code == "busy" and "candidates" in said.message
        assert bob.driver.peers["alice"].link.trying.candidates > 32


async def test_a_strange_candidate_ends_its_try():
    async with nodes("bob") as (relay, bob):
        me = agent("alice").me()
        bob.driver.signal(offer(me, bob))
        bob.driver.signal(
            IceCandidate(
                "bob",
                "candidate:1 1 udp 1 example.com 9 typ host",
                "0",
                0,
                "alice",
                me.incarnation,
                bob.me.incarnation,
                1,
            )
        )
        assert (await refused(relay, bob)).code == "bad_request"
        assert not bob.driver.peers["alice"].attempts


async def test_a_peer_over_its_credit_is_barred():
    async with nodes("alice", "bob") as (relay, alice, bob):
        await alice.open(bob)
        bob.listener.paths["alice"].close("The peer exceeded its credit.")
        assert (await refused(relay, bob)).ref == "link"
        await alice.listener.until(lambda: alice.listener.detached)
        bob.driver.want("alice")
        error = await bob.refusal("alice")
        assert isinstance(error, Denied) and "barred" in error.message


async def test_an_offer_to_an_earlier_process_goes_on_to_the_present_one():
    async with nodes("alice", "bob") as (relay, alice, bob):
        alice.take(PeerJoined(PeerInfo("bob", "0" * 16)))
        await asyncio.sleep(0.01)
        await alice.open(bob)
        assert (await refused(relay, bob)).code == PeerRestarted.code
