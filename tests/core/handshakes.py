"""Two agents and a registry with real chains, and what passes between them at a link's birth."""

from __future__ import annotations

from typing import Any

import msgspec

from chatixia.core import handshake as h
from chatixia.core import openings as o
from chatixia.identity import verify
from chatixia.wire import signed
from chatixia.wire.peer import CAPABILITIES, HelloFrame
from chatixia.wire.signaling import Answer, Offer, Register
from chatixia.wire.signed import b64
from chatixia.wire.trust import Revocation, Signed
from tests.core.circle import NOW, Party, agent, client, machine, owner, secret

PRINTS = {name: secret(f"certificate {name}") for name in ("alice", "bob", "mallory")}


def sdp_of(name: str, setup: str = "actpass", *more: str) -> str:
    lines = [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuv",
        "a=fingerprint:sha-256 " + ":".join(f"{byte:02X}" for byte in PRINTS[name]),
        f"a=setup:{setup}",
        "a=mid:0",
        "a=sctp-port:5000",
        *more,
    ]
    return "".join(f"{line}\r\n" for line in lines)


ALICE, BOB, MALLORY = agent("alice"), agent("bob"), agent("mallory")


class Pair:
    """Alice (lower id, so the offerer) and Bob, and what goes between them."""

    def __init__(self) -> None:
        self.alice, self.bob = ALICE.me(), BOB.me()
        self.offer = o.sign_opening(
            Offer(
                target_id="bob",
                sdp=sdp_of("alice"),
                incarnation=self.alice.incarnation,
                peer_incarnation=self.bob.incarnation,
                attempt=1,
                nonce=b64(b"a" * 16),
                capabilities=list(CAPABILITIES),
            ),
            self.alice,
        )
        self.answer = o.sign_reply(
            Answer(
                target_id="alice",
                sdp=sdp_of("bob", "active"),
                incarnation=self.bob.incarnation,
                peer_incarnation=self.alice.incarnation,
                attempt=1,
                nonce=b64(b"b" * 16),
                capabilities=["session/1"],
            ),
            self.offer,
            self.bob,
        )

    def from_client(self, signer: Party) -> Offer:
        """The offer of the client `alice~abcdef` under a record of that machine."""
        name = "alice~abcdef"
        party, me = client(name, signer), client(name, machine("alice")).me()
        me.chain, me.sign = party.chain, party.sign.sign
        return o.sign_opening(self.offer, me)

    def hear_offer(self, offer: Offer | None = None, now: float = NOW) -> o.VerifiedOpening:
        return o.check_opening(offer or self.offer, self.bob, self.bob.book, now=now)

    def hear_answer(self, answer: Answer | None = None, now: float = NOW) -> o.VerifiedOpening:
        return o.check_reply(
            answer or self.answer, self.offer, self.alice, self.alice.book, now=now
        )

    def bindings(self) -> tuple[h.HelloBinding, h.HelloBinding]:
        """The connection as Alice and as Bob sees it."""
        offered, answered = self.hear_offer(), self.hear_answer()
        mine = h.HelloBinding(
            path="direct",
            mesh=self.alice.mesh,
            me="alice",
            peer="bob",
            offerer=True,
            nonce=b"a" * 16,
            peer_nonce=answered.nonce,
            incarnation=self.alice.incarnation,
            peer_incarnation=answered.incarnation,
            capabilities=CAPABILITIES,
            peer_capabilities=answered.capabilities,
            version=answered.version,
            fingerprint=PRINTS["alice"],
            peer_fingerprint=answered.fingerprint,
            offer_hash=signed.digest(self.offer.sdp),
            answer_hash=answered.hash,
        )
        theirs = h.HelloBinding(
            path="direct",
            mesh=self.bob.mesh,
            me="bob",
            peer="alice",
            offerer=False,
            nonce=b"b" * 16,
            peer_nonce=offered.nonce,
            incarnation=self.bob.incarnation,
            peer_incarnation=offered.incarnation,
            capabilities=("session/1",),
            peer_capabilities=offered.capabilities,
            version=offered.version,
            fingerprint=PRINTS["bob"],
            peer_fingerprint=offered.fingerprint,
            offer_hash=offered.hash,
            answer_hash=signed.digest(self.answer.sdp),
        )
        return mine, theirs


def hear_hello(
    frame: HelloFrame,
    binding: h.HelloBinding,
    party: Party,
    certificate: bytes | None = None,
    now: float = NOW,
    revocations: dict[tuple[str, str], Revocation] | None = None,
) -> Any:
    seen = binding.peer_fingerprint if certificate is None else certificate
    return h.check_hello(
        frame,
        binding,
        party.member(),
        certificate=seen,
        verify=verify,
        now=now,
        revocations=revocations or {},
    )


def login(party: Party, **changes: Any) -> Register:
    me = party.me()
    said = Register(peer_id=me.id, incarnation=me.incarnation, chain=me.chain, nonce=b64(b"m" * 16))
    said.sig = b64(me.sign(signed.LOGIN, h.login_bytes(said, me.mesh, b"r" * 16)))
    return msgspec.structs.replace(said, **changes)


def hear_login(said: Register, nonce: bytes = b"r" * 16) -> Any:
    return h.check_login(said, mesh=owner().mesh, nonce=nonce, now=NOW, verify=verify)


REGISTRY = Party("registry", "registry", owner())
CERTIFICATE = secret("tls")


def proof(party: Party = REGISTRY, nonce: bytes = b"n" * 16, cert: bytes = CERTIFICATE) -> str:
    said = signed.registry(mesh=owner().mesh, nonce=nonce, certificate=cert)
    return b64(party.sign.sign(signed.REGISTRY, said))


def hear_registry(chain: list[Signed], sig: str, **more: Any) -> Any:
    given: dict[str, Any] = {
        "nonce": b"n" * 16,
        "certificate": CERTIFICATE,
        "mesh": owner().mesh,
        "now": NOW,
        "verify": verify,
        "pinned": REGISTRY.sign.public,
        "key_hash": signed.key_hash(REGISTRY.sign.public)[:16],
    }
    return h.check_registry(chain, sig, **(given | more))
