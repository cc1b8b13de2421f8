"""The described contract's signaling: frozen bytes, and its frames made of our signals."""

from __future__ import annotations

import json

import pytest

from chatixia.errors import BadRequest
from chatixia.wire import described
from chatixia.wire.signaling import DescribedSignal
from tests.wire.golden import cases, hold, structs


@pytest.mark.parametrize(("name", "text"), cases(described))
def test_golden(name: str, text: str):
    hold(described, name, text)


def test_every_type_has_a_golden_form():
    assert {name for name, _ in cases(described)} >= set(structs(described))


def test_a_frame_without_a_target_has_no_target_id_and_no_payload_is_null():
    assert json.loads(described.frame("register", "a", payload=None)) == {
        "type": "register",
        "peer_id": "a",
        "payload": None,
    }
    assert bytes(described.frames.decode(b'{"type":"register"}').payload) == b"null"


def test_a_signal_has_the_payload_of_its_kind():
    offer = DescribedSignal("b", "offer", "v=0", peer_id="a")
    assert json.loads(described.signal_frame(offer)) == {
        "type": "offer",
        "peer_id": "a",
        "target_id": "b",
        "payload": {"sdp": "v=0"},
    }
    candidate = DescribedSignal("b", "ice_candidate", candidate="candidate:1", peer_id="a")
    assert json.loads(described.signal_frame(candidate))["payload"] == {
        "candidate": "candidate:1",
        "sdpMid": None,
        "sdpMLineIndex": None,
    }


def test_a_frame_is_the_signal_of_which_it_was_made():
    signals = (
        DescribedSignal("b", "answer", "v=0", peer_id="a"),
        DescribedSignal("b", "ice_candidate", "", "candidate:1", "0", 0, "a"),
    )
    for signal in signals:
        frame = described.frames.decode(described.signal_frame(signal))
        assert described.signal_of(frame) == signal


def test_a_payload_that_is_none_is_refused():
    with pytest.raises(BadRequest):
        described.signal_of(described.DescribedFrame("offer", "a", "b"))
