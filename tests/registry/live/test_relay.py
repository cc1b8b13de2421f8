"""The relay stamps, refuses and forgets; a deaf target is told to the sender."""

from __future__ import annotations

import json

import pytest

from chatixia.core.ports import Principal
from chatixia.errors import Denied, UnknownAgent
from chatixia.ids import AgentId
from chatixia.registry.live.relay import refusal, relay, tag
from chatixia.registry.live.roster import Roster
from chatixia.registry.live.socket import Socket
from chatixia.wire.signaling import Connect, Offer


def member(roster: Roster, name: str, kind: str = "agent", ns: str = "default") -> Socket:
    socket = Socket(_nowhere, "?")
    socket.principal, socket.epoch = Principal(AgentId(name), kind, ns), "1.1"
    roster.admit(socket)
    return socket


async def _nowhere(message: object) -> None: ...


async def test_the_sender_is_who_it_is():
    roster = Roster()
    a, b = member(roster, "a"), member(roster, "b")
    relay(roster, a, Offer("b", "v=0", peer_id="c", nonce="AA"))
    said = json.loads(b._queue[-1])
    assert said["peer_id"] == "a" and said["nonce"] == "AA"
    assert "b" in a.contacts and "a" in b.contacts


async def test_who_cannot_be_reached_is_unknown():
    roster = Roster()
    a, key = member(roster, "a"), member(roster, "k", "key")
    member(roster, "other", ns="elsewhere")
    closing = member(roster, "closing")
    closing.close(1000, "")
    for target in ("nobody", "k", "a", "other", "closing"):
        with pytest.raises(UnknownAgent):
            relay(roster, a, Connect(target))
    with pytest.raises(Denied):
        relay(roster, key, Connect("a"))


def test_a_refusal_says_what_it_refuses():
    frame = refusal(UnknownAgent("gone"), "offer", "b")
    assert (frame.code, frame.ref, frame.target_id) == ("unknown_agent", "offer", "b")
    assert tag(Connect("b")) == "connect"
