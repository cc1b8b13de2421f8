"""Signed openings of relay streams: an honest pair, and each thing that may be changed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chatixia.core import openings as o
from chatixia.core.certificate import certificate_of
from chatixia.errors import (
    BadChain,
    BadRequest,
    BadSignature,
    Denied,
    MeshError,
    Untrusted,
    UpgradeNeeded,
)
from chatixia.wire import signed
from chatixia.wire.peer import CAPABILITIES
from chatixia.wire.signaling import RelayOpen, RelayReady
from chatixia.wire.signed import b64
from tests.core.circle import DAY, NOW, Party, agent, delegated, secret

ALICE, BOB, MALLORY = agent("alice"), agent("bob"), agent("mallory")
CERTIFICATES = {
    name: certificate_of(secret(f"key {name}"), b"s" * 64) for name in ("alice", "bob", "mallory")
}


class Streams:
    """Bob opens, though he is the higher id; Alice replies."""

    def __init__(self, opener: Party | None = None, replier: Party | None = None) -> None:
        self.alice, self.bob = (replier or ALICE).me(), (opener or BOB).me()
        self.open = o.sign_opening(
            RelayOpen(
                target_id=self.alice.id,
                certificate=b64(CERTIFICATES["bob"]),
                incarnation=self.bob.incarnation,
                peer_incarnation=self.alice.incarnation,
                attempt=3,
                nonce=b64(b"b" * 16),
                capabilities=list(CAPABILITIES),
            ),
            self.bob,
        )
        self.ready = o.sign_reply(
            RelayReady(
                target_id=self.bob.id,
                certificate=b64(CERTIFICATES["alice"]),
                incarnation=self.alice.incarnation,
                peer_incarnation=self.bob.incarnation,
                attempt=3,
                nonce=b64(b"a" * 16),
                capabilities=["session/1"],
            ),
            self.open,
            self.alice,
        )

    def opened(self, message: RelayOpen | None = None) -> o.VerifiedOpening:
        return o.check_opening(message or self.open, self.alice, self.alice.book, now=NOW)

    def replied(self, message: RelayReady | None = None) -> o.VerifiedOpening:
        return o.check_reply(message or self.ready, self.open, self.bob, self.bob.book, now=NOW)


def test_either_id_opens_and_both_ends_agree_on_what_hello_binds():
    streams = Streams()
    opened, replied = streams.opened(), streams.replied()
    assert (opened.member.id, opened.attempt) == ("bob", 3)
    assert opened.certificate == CERTIFICATES["bob"]
    mine = o.binding_of(
        streams.bob,
        replied,
        offerer=True,
        nonce=b"b" * 16,
        hash=o.opening_hash(streams.open, streams.bob.mesh),
        fingerprint=signed.key_hash(CERTIFICATES["bob"]),
        capabilities=tuple(CAPABILITIES),
    )
    theirs = o.binding_of(
        streams.alice,
        opened,
        offerer=False,
        nonce=b"a" * 16,
        hash=o.opening_hash(streams.ready, streams.alice.mesh),
        fingerprint=signed.key_hash(CERTIFICATES["alice"]),
        capabilities=("session/1",),
    )
    assert (mine.path, theirs.path) == ("relay", "relay")
    assert (mine.offer_hash, mine.answer_hash) == (theirs.offer_hash, theirs.answer_hash)
    assert mine.fingerprint == theirs.peer_fingerprint
    assert mine.peer_fingerprint == theirs.fingerprint
    assert (mine.offerer, theirs.offerer) == (True, False)


CHANGES: dict[str, Any] = {
    "certificate": b64(CERTIFICATES["mallory"]),
    "peer_id": "mallory",
    "incarnation": "f" * 16,
    "attempt": 4,
    "nonce": b64(b"z" * 16),
    "versions": (1, 2),
    "capabilities": ["none/1"],
    "sig": b64(b"s" * 64),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_relay_open_changed_on_the_way_is_refused(field: str):
    streams = Streams()
    with pytest.raises((BadSignature, Denied)):
        streams.opened(msgspec.structs.replace(streams.open, **{field: CHANGES[field]}))


@pytest.mark.parametrize("field", [*CHANGES, "open"])
def test_a_relay_ready_changed_on_the_way_is_refused(field: str):
    streams = Streams()
    new = CHANGES.get(field, b64(b"o" * 32))
    with pytest.raises((BadSignature, Denied)):
        streams.replied(msgspec.structs.replace(streams.ready, **{field: new}))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"attempt": 2**32}, Denied),
        ({"attempt": 0}, Denied),
        ({"peer_incarnation": "0" * 16}, Denied),
        ({"versions": (7,)}, UpgradeNeeded),
        ({"chain": []}, BadChain),
    ],
)
def test_what_is_refused_before_its_signature(change: dict[str, Any], error: type[MeshError]):
    streams = Streams()
    with pytest.raises(error):
        streams.opened(msgspec.structs.replace(streams.open, **change))


def test_two_certificates_in_one_are_refused_though_they_are_signed():
    streams = Streams()
    streams.open.certificate = b64(CERTIFICATES["bob"] + CERTIFICATES["mallory"])
    with pytest.raises(BadRequest):
        streams.opened(o.sign_opening(streams.open, streams.bob))


def test_an_offer_is_no_relay_open_and_an_opening_no_reply():
    """Each kind signs under its own words, so none stands for another."""
    streams = Streams()
    fields = {name: getattr(streams.ready, name) for name in RelayOpen.__struct_fields__}
    with pytest.raises(BadSignature):
        o.check_opening(RelayOpen(**fields), streams.bob, streams.bob.book, now=NOW)


LAB = agent("lab-1-w", delegated(), not_after=NOW + DAY)


@pytest.mark.parametrize("mine", ["opens", "replies"])
def test_who_takes_only_whom_an_owner_let_in_has_no_link_with_another(mine: str):
    """Whichever end opens; and a member that the owner let in is taken by both."""
    streams = Streams(opener=LAB) if mine == "replies" else Streams(replier=LAB)
    check = streams.opened if mine == "replies" else streams.replied
    assert check().member.trust == "registry"
    me = streams.alice if mine == "replies" else streams.bob
    me.owner_only = True
    with pytest.raises(Untrusted, match="lab-1-w") as refused:
        check()
    assert refused.value.agent == me.id
    one = Streams()
    one.alice.owner_only = one.bob.owner_only = True
    assert one.opened().member.trust == one.replied().member.trust == "owner"
