"""The hellos of one path, as messages of a stream: an engine's channel is not needed for them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chatixia.core import handshake as h
from chatixia.core import hello as exchange
from chatixia.core import openings as o
from chatixia.errors import (
    BadRequest,
    BadSignature,
    Denied,
    MembershipExpired,
    Revoked,
)
from chatixia.wire import signed
from chatixia.wire.peer import MAX_HELLO
from chatixia.wire.signaling import Offer
from chatixia.wire.signed import b64
from chatixia.wire.trust import Revocation
from tests.core.circle import NOW, agent, owner
from tests.core.handshakes import (
    ALICE,
    BOB,
    MALLORY,
    PRINTS,
    Pair,
    hear_hello,
    sdp_of,
)


def exchanges(path: str = "direct") -> tuple[exchange.HelloExchange, exchange.HelloExchange]:
    """Alice's and Bob's end of one path of that kind."""
    pair = Pair()
    alice, bob = (msgspec.structs.replace(each, path=path) for each in pair.bindings())
    return (
        exchange.HelloExchange(alice, BOB.member(), pair.alice),
        exchange.HelloExchange(bob, ALICE.member(), pair.bob),
    )


@pytest.mark.parametrize("path", ["direct", "relay"])
def test_any_kind_of_path_is_proved_both_ways_by_the_hashes_of_its_certificates(path):
    alice, bob = exchanges(path)
    to_bob, to_alice = alice.greet(PRINTS["bob"], 7), bob.greet(PRINTS["alice"], 0)
    assert bob.receive(to_bob) and alice.receive(to_alice)
    assert bob.hello and (bob.hello.a, bob.hello.path) == (7, path)
    assert alice.hello and alice.hello.source == "bob"


@pytest.mark.parametrize("certificate", [PRINTS["mallory"], b""])
def test_another_certificate_is_not_greeted(certificate):
    alice, _ = exchanges()
    with pytest.raises(BadSignature, match="certificate"):
        alice.greet(certificate, 0)


def test_a_path_without_certificates_proves_nothing():
    """A binding of empty hashes, as of a stream in clear, holds for no path."""
    pair = Pair()
    binding = msgspec.structs.replace(pair.bindings()[0], peer_fingerprint=b"")
    with pytest.raises(BadSignature, match="certificate"):
        exchange.HelloExchange(binding, BOB.member(), pair.alice).greet(b"", 0)


def test_the_hello_of_another_kind_of_path_is_refused():
    alice, bob = exchanges("relay")[0], exchanges("direct")[1]
    bob.greet(PRINTS["alice"], 0)
    with pytest.raises(BadSignature, match="differs in path"):
        bob.receive(alice.greet(PRINTS["bob"], 0))


def test_a_hello_before_mine_went_is_refused():
    alice, bob = exchanges()
    with pytest.raises(BadSignature, match="certificate"):
        bob.receive(alice.greet(PRINTS["bob"], 0))


@pytest.mark.parametrize("data", [b"{", b"null", b'{"s":1,"a":0,"m":[]}', "text", b"[" * 9000])
def test_anything_else_first_is_refused(data):
    _, bob = exchanges()
    bob.greet(PRINTS["alice"], 0)
    with pytest.raises(BadRequest, match="no hello"):
        bob.receive(data)


def test_a_first_message_that_is_too_long_is_not_decoded():
    _, bob = exchanges()
    with pytest.raises(BadRequest, match="too long"):
        bob.receive(b'{"hello":"' + b"x" * MAX_HELLO + b'"}')


def test_what_follows_hello_waits_in_order_and_within_a_bound():
    alice, bob = exchanges()
    bob.greet(PRINTS["alice"], 0)
    bob.receive(alice.greet(PRINTS["bob"], 0))
    assert not bob.receive(b"one") and not bob.receive("two")
    assert bob.waiting == 2
    assert bob.take_early() == [b"one", "two"] and bob.take_early() == []
    with pytest.raises(Denied, match="wait"):
        bob.receive(b"x" * exchange.EARLY_BYTES)


def test_a_member_that_was_revoked_meanwhile_is_refused_and_a_good_one_is_pinned():
    alice, bob = exchanges()
    to_bob = alice.greet(PRINTS["bob"], 0)
    bob.greet(PRINTS["alice"], 0)
    me = bob._me
    assert me.book.pin("default", "alice") is None
    me.book.revoke(None, Revocation(me.mesh, "default", "alice", 1, NOW, 1))
    with pytest.raises(Revoked):
        bob.receive(to_bob)
    again, bob = exchanges()
    bob.greet(PRINTS["alice"], 0)
    bob.receive(again.greet(PRINTS["bob"], 0))
    assert bob._me.book.pin("default", "alice")


# -- what a hello is bound to


def test_misbinding_is_caught_at_hello():
    """Mallory, a member, re-signs Alice's description as its own: the engines connect Alice and
    Bob, and Bob would believe that Mallory speaks. Only hello, signed by who is there, tells."""
    alice, bob, mallory = agent("alice").me(), agent("bob").me(), agent("aaa-mallory")
    stolen = Offer(
        target_id="bob",
        sdp=sdp_of("alice"),
        incarnation="7" * 16,
        peer_incarnation=bob.incarnation,
        attempt=1,
        nonce=b64(b"m" * 16),
    )
    heard = o.check_opening(o.sign_opening(stolen, mallory.me()), bob, bob.book, now=NOW)
    assert heard.fingerprint == PRINTS["alice"], "the offer itself looks right"
    at_bob = h.HelloBinding(
        path="direct",
        mesh=bob.mesh,
        me="bob",
        peer="aaa-mallory",
        offerer=False,
        nonce=b"b" * 16,
        peer_nonce=b"m" * 16,
        incarnation=bob.incarnation,
        peer_incarnation="7" * 16,
        fingerprint=PRINTS["bob"],
        peer_fingerprint=PRINTS["alice"],
        offer_hash=heard.hash,
        answer_hash=b"w" * 32,
    )
    # Alice is at the other end, whatever she says there; she says that she is Alice.
    at_alice = h.HelloBinding(
        path="direct",
        mesh=bob.mesh,
        me="alice",
        peer="bob",
        offerer=True,
        nonce=b"m" * 16,
        peer_nonce=b"b" * 16,
        incarnation=alice.incarnation,
        peer_incarnation=bob.incarnation,
        fingerprint=PRINTS["alice"],
        peer_fingerprint=PRINTS["bob"],
        offer_hash=heard.hash,
        answer_hash=b"w" * 32,
    )
    with pytest.raises(BadSignature):
        hear_hello(h.make_hello(at_alice, alice), at_bob, mallory, PRINTS["alice"])
    # And Mallory, who is not at the other end, cannot use what Alice said either.
    lie = h.make_hello(at_alice, alice)
    lie.hello.source, lie.hello.incarnation = "aaa-mallory", "7" * 16
    with pytest.raises(BadSignature, match="not signed"):
        hear_hello(lie, at_bob, mallory, PRINTS["alice"])


def test_a_wrong_fingerprint_is_refused():
    pair = Pair()
    mine, theirs = pair.bindings()
    frame = h.make_hello(mine, pair.alice)
    with pytest.raises(BadSignature, match="certificate"):
        hear_hello(frame, theirs, ALICE, certificate=PRINTS["mallory"])
    with pytest.raises(BadSignature, match="certificate"):
        hear_hello(frame, theirs, ALICE, certificate=b"")
    other = msgspec.structs.replace(mine, fingerprint=PRINTS["mallory"])
    with pytest.raises(BadSignature, match="fingerprint"):
        hear_hello(h.make_hello(other, pair.alice), theirs, ALICE)


BOUND: dict[str, Any] = {
    "path": "relay",
    "mesh": "0" * 64,
    "offerer": False,
    "me": "aaron",
    "peer": "carol",
    "nonce": b"z" * 16,
    "peer_nonce": b"z" * 16,
    "incarnation": "f" * 16,
    "peer_incarnation": "f" * 16,
    "fingerprint": b"z" * 32,
    "peer_fingerprint": b"z" * 32,
    "offer_hash": b"z" * 32,
    "answer_hash": b"z" * 32,
    "version": 2,
    "capabilities": ("x/1",),
    "peer_capabilities": (),
}


def test_the_table_names_every_field_of_a_binding():
    assert set(BOUND) == set(h.HelloBinding.__struct_fields__)


@pytest.mark.parametrize("field", BOUND)
def test_a_hello_of_any_other_connection_is_refused(field: str):
    """Rightly signed, for a connection that differs in one thing: a replay, in all its kinds."""
    pair = Pair()
    mine, theirs = pair.bindings()
    assert hear_hello(h.make_hello(mine, pair.alice), theirs, ALICE)
    other = msgspec.structs.replace(mine, **{field: BOUND[field]})
    with pytest.raises(BadSignature):
        hear_hello(h.make_hello(other, pair.alice), theirs, ALICE)


def test_a_reflected_hello_is_refused():
    pair = Pair()
    mine, _ = pair.bindings()
    frame = h.make_hello(mine, pair.alice)
    with pytest.raises(BadSignature):
        hear_hello(frame, mine, BOB)
    frame.hello.side, frame.hello.source, frame.hello.target = "answerer", "bob", "alice"
    with pytest.raises(BadSignature):
        hear_hello(frame, mine, BOB)


def test_a_hello_signed_by_another_or_under_another_context_is_refused():
    pair = Pair()
    mine, theirs = pair.bindings()
    thief = ALICE.me()
    thief.sign = MALLORY.sign.sign
    with pytest.raises(BadSignature, match="not signed"):
        hear_hello(h.make_hello(mine, thief), theirs, ALICE)
    frame = h.make_hello(mine, pair.alice)
    frame.sig = b64(pair.alice.sign(signed.SIGNAL, signed.hello(frame.hello)))
    with pytest.raises(BadSignature, match="not signed"):
        hear_hello(frame, theirs, ALICE)
    for junk in ("", "!", b64(b"s" * 64)):
        frame.sig = junk
        with pytest.raises(BadSignature):
            hear_hello(frame, theirs, ALICE)


def test_another_members_hello_is_refused():
    pair = Pair()
    mine, theirs = pair.bindings()
    with pytest.raises(BadSignature):
        hear_hello(h.make_hello(mine, pair.alice), theirs, MALLORY)


def test_revoked_or_over_between_offer_and_hello():
    pair = Pair()
    mine, theirs = pair.bindings()
    frame = h.make_hello(mine, pair.alice)
    gone = {("default", "alice"): Revocation(owner().mesh, "default", "alice", 1, NOW, 1)}
    with pytest.raises(Revoked):
        hear_hello(frame, theirs, ALICE, revocations=gone)
    brief = agent("alice", not_after=NOW + 5)
    with pytest.raises(MembershipExpired):
        hear_hello(frame, theirs, brief, now=NOW + 6)
