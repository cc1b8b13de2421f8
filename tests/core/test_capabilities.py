"""An older and a newer peer use what both name: nothing else is sent, and what needs it says so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chatixia.core import frames
from chatixia.core.capabilities import AgreedCapabilities, agree
from chatixia.core.frames import FRAGMENT
from chatixia.core.hello import HelloExchange
from chatixia.core.session import LINK_WINDOW
from chatixia.errors import TooLarge, UpgradeNeeded
from chatixia.wire import messages as m
from chatixia.wire.peer import CAPABILITIES, FRAME_TARGET
from tests.core.handshakes import BOB
from tests.core.handshakes import Pair as Ends
from tests.core.test_call import Pair

NEWER = (*CAPABILITIES, "session/2", "teleport/1")
OLDEST = ("session/1",)


def pair(*names: str) -> Pair:
    """Two ends that agreed on ``names``."""
    made = Pair()
    for end in (made.a, made.b):
        end.can = AgreedCapabilities(frozenset(names))
        end.can.bound(end.session)
    return made


def test_both_ends_come_to_the_same_whoever_is_newer():
    assert agree("bob", NEWER, CAPABILITIES) == agree("bob", CAPABILITIES, NEWER)
    assert agree("bob", NEWER, CAPABILITIES) == frozenset(CAPABILITIES)
    assert agree("bob", OLDEST, NEWER) == {"session/1"}


@pytest.mark.parametrize("theirs", [(), ("session/2",), ("fragments/1", "credit/1")])
def test_without_a_session_in_common_there_is_no_link(theirs: tuple[str, ...]):
    with pytest.raises(UpgradeNeeded, match="bob"):
        agree("bob", CAPABILITIES, theirs)
    ends = Ends()
    binding = msgspec.structs.replace(ends.bindings()[0], peer_capabilities=theirs)
    with pytest.raises(UpgradeNeeded):
        HelloExchange(binding, BOB.member(), ends.alice)


def test_the_path_says_what_was_signed_at_both_ends():
    ends = Ends()
    mine, _ = ends.bindings()
    assert HelloExchange(mine, BOB.member(), ends.alice).capabilities == {"session/1"}


def test_a_plain_call_needs_nothing_but_the_session():
    made = pair(*OLDEST)
    pending, served = made.asked()
    made.b.answer(served, b"42")
    made.carry(made.b, made.a)
    assert bytes(pending.value or b"") == b"42"


def test_no_fragments_go_to_who_does_not_know_them():
    made = pair("session/1", "credit/1", "stream/1")
    with pytest.raises(TooLarge, match="16 KiB"):
        made.a.ask(_out(b'"%b"' % (b"x" * FRAME_TARGET)), "r", made.now)
    assert not made.a.pending and made.a.session.idle
    pending, served = made.asked("r2")
    made.b.answer(served, b'"%b"' % (b"x" * FRAME_TARGET))
    data = made.b.session.build()
    assert data and data[0] != FRAGMENT
    made.carry(made.b, made.a)
    assert pending.error and pending.error.code == "too_large"


def test_without_credit_none_is_counted_and_none_is_told():
    made = pair("session/1", "fragments/1")
    body, heard = b'"%b"' % (b"x" * 12_000), []
    for number in range(2 * LINK_WINDOW // len(body)):
        made.a.ask(_out(body), f"r{number}", made.now)
        while (data := made.a.session.build()) is not None:
            made.a.session.sent()
            made.bytes(made.b, data, heard)
        made.a.session.receive(made.b.session.ack_frame(), made.now, [])
    assert len(heard) == 2 * LINK_WINDOW // len(body)
    assert not [one for one in made.heard() if isinstance(one, m.CreditTell)]


@pytest.mark.parametrize("names", [("session/1", "credit/1"), ("session/1", "stream/1")])
def test_a_stream_needs_a_peer_that_streams_and_pays(names: tuple[str, ...]):
    made = pair(*names)
    with pytest.raises(UpgradeNeeded, match="streams"):
        made.a.ask(_out(stream=True), "r", made.now)
    assert not made.a.pending and made.a.session.idle


def test_a_prompt_that_cannot_be_streamed_is_answered_in_one_piece():
    made = pair(*OLDEST)
    out = _out(b'{"text":"hi","stream":true}', kind="prompt", stream=True)
    pending = made.a.ask(out, "r", made.now)
    assert pending.flow and pending.flow.whole
    made.bytes(
        made.a, frames.write_frame(1, 0, [b'{"type":"agent_response","request_id":"r"}']), []
    )
    assert pending.flow.ended and bytes(pending.value or b"") == b'""'


def test_a_call_that_waited_for_the_link_is_held_against_what_it_agreed_on():
    made = Pair()
    large = made.a.ask(_out(b'"%b"' % (b"x" * FRAME_TARGET)), "r1", made.now)
    stream = made.a.ask(_out(stream=True), "r2", made.now)
    prompt = made.a.ask(_out(b'{"text":"x"}', kind="prompt", stream=True), "r3", made.now)
    plain = made.a.ask(_out(), "r4", made.now)
    can = AgreedCapabilities(frozenset(OLDEST))
    assert isinstance(can.objection(large), TooLarge)
    assert isinstance(can.objection(stream), UpgradeNeeded)
    assert can.objection(prompt) is None and prompt.flow and prompt.flow.whole
    assert can.objection(plain) is None
    large.frame = 1
    assert can.objection(large) is None


def test_a_new_session_keeps_to_what_was_agreed():
    made = pair(*OLDEST)
    made.a.restart([])
    assert made.a.session.largest == FRAME_TARGET


def _out(body: bytes = b"{}", **more: Any) -> Any:
    from chatixia.core.ports import Outgoing

    return Outgoing("b", "s", body, **more)  # type: ignore[arg-type]
