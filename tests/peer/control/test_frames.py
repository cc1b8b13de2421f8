"""Whose a frame is: what begins a relay message begins no JSON, and links hear of every opening."""

from __future__ import annotations

from chatixia.peer.control.frames import LINK_FRAMES, MESH_FRAMES, RELAY_BYTES
from chatixia.wire.relay import RelayReason, close_message, credit_message, data_message
from chatixia.wire.signaling import PeerJoined, PeerLeft, RelayOpen, RelayReady


def test_every_relay_message_is_told_from_json_by_its_first_byte():
    messages = [
        data_message("bob", 1, b"x"),
        credit_message("bob", 1, 7),
        close_message("bob", 1, RelayReason.BYE),
    ]
    assert {message[:1] for message in messages} == set(RELAY_BYTES)
    assert not set(RELAY_BYTES) & {b"{", b"[", b" ", b"\n", b"\t", b"\r"}


def test_links_hear_of_openings_and_both_hear_of_peers():
    assert {RelayOpen, RelayReady, PeerJoined, PeerLeft} <= set(LINK_FRAMES)
    assert set(LINK_FRAMES) & set(MESH_FRAMES) == {PeerJoined, PeerLeft}
