"""Each attack of trust.md section 7 on a link's birth, at the level of the decision.

Two agents, two real chains, and between them a registry that may swap, replay, reflect and mix
whatever passes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import handshake as h
from chatixia.core import openings as o
from chatixia.core.pins import MemoryBook, accept
from chatixia.core.ports import LocalIdentity
from chatixia.errors import (
    BadChain,
    BadRequest,
    BadSignature,
    Denied,
    MembershipExpired,
    MeshError,
    NameTaken,
    Revoked,
    Unprocessable,
    UpgradeNeeded,
    WrongMesh,
)
from chatixia.wire import signed
from chatixia.wire.peer import CAPABILITIES
from chatixia.wire.signaling import Offer
from chatixia.wire.signed import b64
from chatixia.wire.trust import Revocation, Signed
from tests.core.circle import NOW, Party, agent, invitation, machine, owner, secret
from tests.core.handshakes import (
    ALICE,
    BOB,
    MALLORY,
    PRINTS,
    REGISTRY,
    Pair,
    hear_hello,
    hear_login,
    hear_registry,
    login,
    proof,
    sdp_of,
)


def test_an_honest_pair_meets():
    pair = Pair()
    offered, answered = pair.hear_offer(), pair.hear_answer()
    assert (offered.member.id, offered.attempt, offered.version) == ("alice", 1, 1)
    assert offered.fingerprint == PRINTS["alice"]
    assert offered.capabilities == CAPABILITIES
    assert answered.member.sign == BOB.sign.public
    mine, theirs = pair.bindings()
    said = hear_hello(h.make_hello(mine, pair.alice, a=5, revocations=2), theirs, ALICE)
    assert (said.a, said.revocations) == (5, 2)
    assert hear_hello(h.make_hello(theirs, pair.bob), mine, BOB).source == "bob"


def test_hearing_writes_no_pin():
    pair = Pair()
    pair.hear_offer()
    assert isinstance(pair.bob.book, MemoryBook)
    assert not pair.bob.book.pins


CHANGES: dict[str, Any] = {
    "sdp": sdp_of("mallory"),
    "peer_id": "aaron",
    "incarnation": "f" * 16,
    "attempt": 2,
    "nonce": b64(b"z" * 16),
    "versions": (1, 2),
    "capabilities": ["session/1", "none/1"],
    "sig": b64(b"s" * 64),
}


@pytest.mark.parametrize("field", CHANGES)
def test_an_offer_changed_on_the_way_is_refused(field: str):
    pair = Pair()
    changed = msgspec.structs.replace(pair.offer, **{field: CHANGES[field]})
    with pytest.raises((BadSignature, Denied)):
        pair.hear_offer(changed)


@pytest.mark.parametrize("field", [*CHANGES, "offer_nonce", "offer_hash"])
def test_an_answer_changed_on_the_way_is_refused(field: str):
    pair = Pair()
    new = CHANGES.get(field, b64(b"o" * 32))
    with pytest.raises((BadSignature, Denied)):
        pair.hear_answer(msgspec.structs.replace(pair.answer, **{field: new}))


def test_a_downgraded_offer_is_refused():
    """Taking capabilities or versions away is a change like any other."""
    pair = Pair()
    for change in ({"capabilities": []}, {"capabilities": list(CAPABILITIES)[:1]}):
        with pytest.raises(BadSignature):
            pair.hear_offer(msgspec.structs.replace(pair.offer, **change))
    for versions in ((), (0,), (2,)):
        with pytest.raises(UpgradeNeeded):
            pair.hear_offer(msgspec.structs.replace(pair.offer, versions=versions))


def test_an_unsigned_offer_is_refused():
    pair = Pair()
    for change in ({"sig": ""}, {"chain": []}, {"chain": [], "sig": ""}):
        with pytest.raises((BadSignature, BadChain)):
            pair.hear_offer(msgspec.structs.replace(pair.offer, **change))


def test_a_foreign_key_cannot_speak_under_a_members_chain():
    pair = Pair()
    offer = copy.copy(pair.offer)
    thief = ALICE.me()
    thief.sign = MALLORY.sign.sign
    with pytest.raises(BadSignature):
        pair.hear_offer(o.sign_opening(offer, thief))


def test_a_member_cannot_speak_under_its_own_chain_as_another():
    """Mallory is a member; the registry stamps its offer as Alice's."""
    pair = Pair()
    offer = o.sign_opening(copy.copy(pair.offer), MALLORY.me())
    offer.peer_id = "alice"
    with pytest.raises(BadSignature, match="alice shows the record of mallory"):
        pair.hear_offer(offer)


def test_a_reflected_offer_is_refused():
    pair = Pair()
    with pytest.raises(Denied):
        o.check_opening(pair.offer, pair.alice, pair.alice.book, now=NOW)
    back = msgspec.structs.replace(pair.offer, target_id="alice")
    with pytest.raises(Denied):
        o.check_opening(back, pair.alice, pair.alice.book, now=NOW)
    turned = msgspec.structs.replace(pair.offer, target_id="alice", peer_id="bob")
    with pytest.raises(Denied):
        o.check_opening(turned, pair.alice, pair.alice.book, now=NOW)


def test_an_offer_for_another_is_refused():
    pair = Pair()
    carol = agent("carol").me()
    with pytest.raises(Denied):
        o.check_opening(pair.offer, carol, carol.book, now=NOW)
    moved = msgspec.structs.replace(
        pair.offer, target_id="carol", peer_incarnation=carol.incarnation
    )
    with pytest.raises(BadSignature):
        o.check_opening(moved, carol, carol.book, now=NOW)


def test_an_offer_replayed_to_a_new_process_is_refused():
    pair = Pair()
    pair.bob.incarnation = "9" * 16
    with pytest.raises(Denied, match="earlier process"):
        pair.hear_offer()
    claimed = msgspec.structs.replace(pair.offer, peer_incarnation="9" * 16)
    with pytest.raises(BadSignature):
        pair.hear_offer(claimed)


def test_the_higher_id_never_offers():
    pair = Pair()
    offer = Offer(
        target_id="alice",
        sdp=sdp_of("bob"),
        incarnation=pair.bob.incarnation,
        peer_incarnation=pair.alice.incarnation,
        attempt=1,
        nonce=b64(b"b" * 16),
    )
    with pytest.raises(Denied, match="lower"):
        o.check_opening(o.sign_opening(offer, pair.bob), pair.alice, pair.alice.book, now=NOW)


def test_an_answer_to_another_offer_is_refused():
    pair, other = Pair(), Pair()
    other.offer.attempt, other.offer.nonce = 2, b64(b"c" * 16)
    o.sign_opening(other.offer, other.alice)
    with pytest.raises(BadSignature, match="another offer"):
        other.hear_answer(pair.answer)


def test_an_answer_of_somebody_else_is_refused():
    pair = Pair()
    answer = o.sign_reply(copy.copy(pair.answer), pair.offer, agent("carol").me())
    answer.incarnation = pair.bob.incarnation
    with pytest.raises(Denied, match="not asked"):
        pair.hear_answer(answer)


@pytest.mark.parametrize("nonce", ["", b64(b"n" * 15), b64(b"n" * 17), "!"])
def test_a_nonce_has_128_bits(nonce: str):
    pair = Pair()
    pair.offer.nonce = nonce
    with pytest.raises((Denied, BadSignature)):
        pair.hear_offer(pair.offer)


BAD_SDP = {
    "two fingerprints": sdp_of("alice", "actpass", "a=fingerprint:sha-256 " + "AB:" * 31 + "AB"),
    "the same twice": sdp_of(
        "alice",
        "actpass",
        "a=fingerprint:sha-256 " + ":".join(f"{byte:02X}" for byte in PRINTS["alice"]),
    ),
    "an audio section": sdp_of("alice", "actpass", "m=audio 9 UDP/TLS/RTP/SAVPF 111"),
    "none": "",
}


@pytest.mark.parametrize("text", BAD_SDP.values(), ids=BAD_SDP)
def test_a_rightly_signed_description_that_engines_read_differently_is_refused(text: str):
    pair = Pair()
    pair.offer.sdp = text
    with pytest.raises(BadRequest):
        pair.hear_offer(o.sign_opening(pair.offer, pair.alice))


def test_a_registry_cannot_invent_a_member():
    """All it has is its own key; no chain of its making leads to the owner."""
    registry = Party("registry", "registry", owner())
    made = machine("ghost", registry)
    for ghost in (agent("aaron", made), agent("aaron", machine("ghost", owner("registry's")))):
        pair = Pair()
        pair.offer.peer_id = "aaron"
        pair.offer.chain = ghost.chain
        pair.offer.sig = b64(ghost.sign.sign(signed.SIGNAL, b""))
        with pytest.raises((BadChain, WrongMesh)):
            pair.hear_offer()


def test_a_machine_or_registry_makes_no_link():
    pair = Pair()
    above = machine("aaron")
    offer = copy.copy(pair.offer)
    offer.chain, offer.peer_id = above.chain, "aaron"
    with pytest.raises(BadChain, match="makes no links"):
        pair.hear_offer(offer)


def test_a_machine_makes_no_link_as_a_client_of_another():
    """Its invitation allows it every name; an id with `~` is another machine's all the same."""
    pair = Pair()
    assert pair.hear_offer(pair.from_client(machine("alice"))).member.machine == "alice"
    with pytest.raises(BadChain, match="may not sign"):
        pair.hear_offer(pair.from_client(machine("mallory", invitation("mallory"))))


def test_a_pinned_names_thief_makes_no_link():
    pair = Pair()
    accept(ALICE.member(), pair.bob.book)
    assert pair.hear_offer()
    thief = agent("alice", machine("desk"), serial=9, seed="thief")
    with pytest.raises(NameTaken):
        pair.hear_offer(o.sign_opening(copy.copy(pair.offer), thief.me()))


def test_a_revoked_and_an_expired_member_make_no_link():
    pair = Pair()
    gone = Revocation(owner().mesh, "default", "laptop", 1, NOW, 1)
    pair.bob.book.revoke(Signed("", ""), gone)
    with pytest.raises(Revoked):
        pair.hear_offer()
    brief = agent("alice", not_after=NOW + 5)
    pair = Pair()
    offer = o.sign_opening(copy.copy(pair.offer), brief.me())
    assert pair.hear_offer(offer, NOW + 5)
    with pytest.raises(MembershipExpired):
        pair.hear_offer(offer, NOW + 6)


def test_another_namespace_makes_no_link():
    pair = Pair()
    pair.bob.ns = "other"
    with pytest.raises(BadChain, match="namespace"):
        pair.hear_offer()


def test_my_own_key_under_another_name_is_refused():
    pair = Pair()
    twin = agent("alice", seed="agent:bob")
    with pytest.raises(NameTaken):
        pair.hear_offer(o.sign_opening(copy.copy(pair.offer), twin.me()))


# hello


# login, and the registry itself


def test_a_login():
    assert hear_login(login(ALICE)).id == "alice"
    assert hear_login(login(Party("client", "laptop~abc234", machine()))).kind == "client"
    assert hear_login(login(machine())).kind == "machine"
    with pytest.raises(BadChain):
        hear_login(login(REGISTRY))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"peer_id": "bob"}, BadChain),
        ({"incarnation": "f" * 16}, BadSignature),
        ({"incarnation": "short"}, Unprocessable),
        ({"nonce": b64(b"x" * 16)}, BadSignature),
        ({"sig": ""}, BadSignature),
        ({"chain": []}, BadChain),
        ({"chain": BOB.chain}, BadChain),
        ({"chain": agent("alice", machine("laptop", owner("foreign"))).chain}, WrongMesh),
        ({"version": 9}, UpgradeNeeded),
        ({"ns": "other"}, BadChain),
    ],
    ids=str,
)
def test_a_login_with_anything_wrong(change: dict[str, Any], kind: type[MeshError]):
    with pytest.raises(kind):
        hear_login(login(ALICE, **change))


def test_a_login_cannot_be_replayed_to_another_challenge():
    with pytest.raises(BadSignature):
        hear_login(login(ALICE), b"s" * 16)


def test_the_registry_proves_itself():
    assert hear_registry(REGISTRY.chain, proof()).kind == "registry"
    assert hear_registry(REGISTRY.chain, proof(cert=b""), certificate=b"")


SPARE = Party("registry", "registry", owner(), seed="second")
FOREIGN = Party("registry", "registry", owner("foreign"))
NOT_THE_REGISTRY: dict[str, tuple[Callable[[], Any], type[MeshError]]] = {
    "a man in the middle shows his own certificate": (
        lambda: hear_registry(REGISTRY.chain, proof(), certificate=secret("his")),
        BadSignature,
    ),
    "a proof for no certificate": (
        lambda: hear_registry(REGISTRY.chain, proof(cert=b"")),
        BadSignature,
    ),
    "a proof of before": (
        lambda: hear_registry(REGISTRY.chain, proof(nonce=b"o" * 16)),
        BadSignature,
    ),
    "no proof": (lambda: hear_registry(REGISTRY.chain, ""), BadSignature),
    "another mesh": (lambda: hear_registry(FOREIGN.chain, proof(FOREIGN)), WrongMesh),
    "a chain to nowhere": (lambda: hear_registry([REGISTRY.leaf], proof()), WrongMesh),
    "no chain": (lambda: hear_registry([], proof()), WrongMesh),
    "another key than pinned": (
        lambda: hear_registry(SPARE.chain, proof(SPARE), key_hash=None),
        WrongMesh,
    ),
    "another key than invited to": (
        lambda: hear_registry(SPARE.chain, proof(SPARE), pinned=None),
        WrongMesh,
    ),
    "an agent": (lambda: hear_registry(ALICE.chain, proof(ALICE)), WrongMesh),
    "a machine": (lambda: hear_registry(machine().chain, proof(machine())), WrongMesh),
}


@pytest.mark.parametrize(("ask", "kind"), NOT_THE_REGISTRY.values(), ids=NOT_THE_REGISTRY)
def test_not_the_registry(ask: Callable[[], Any], kind: type[MeshError]):
    with pytest.raises(kind):
        ask()


@given(
    st.builds(
        Offer,
        target_id=st.sampled_from(["bob", "x"]),
        sdp=st.text(max_size=60),
        peer_id=st.sampled_from(["alice", "", "~", "A"]),
        incarnation=st.sampled_from(["1" * 16, ""]),
        peer_incarnation=st.just(BOB.me().incarnation),
        attempt=st.integers(0, 3),
        nonce=st.sampled_from([b64(b"n" * 16), "", "!!"]),
        sig=st.text(max_size=20),
        chain=st.just(ALICE.chain),
    )
)
def test_junk_is_refused_with_a_code(offer: Offer):
    with pytest.raises(MeshError):
        Pair().hear_offer(offer)


def test_a_self_needs_nothing_secret():
    """What peers are checked with is public: a Self shows its key's use, never the key."""
    me: LocalIdentity = ALICE.me()
    assert ALICE.sign.seed() not in repr(me).encode()
    assert ALICE.sign.seed().hex() not in repr(me)
