"""Who opens a path, and what of: offers and answers, ``relay_open`` and ``relay_ready``.

All four are signed and checked by the same steps (trust.md section 2): an opening (offer,
``relay_open``) by itself, and a reply (answer, ``relay_ready``) bound to the very opening that it
replies to. A direct path is described by its SDP, a relay stream by its certificate.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, TypeVar

import msgspec

from chatixia.errors import (
    BadChain,
    BadRequest,
    BadSignature,
    Denied,
    NameTaken,
    Untrusted,
    UpgradeNeeded,
)
from chatixia.ids import is_incarnation, is_peer_id
from chatixia.wire import signed
from chatixia.wire.base import VERSIONS
from chatixia.wire.signaling import Answer, Offer, RelayOpen, RelayReady

from . import sdp
from .certificate import check_certificate
from .handshake import NONCE_BYTES, HelloBinding, decoded
from .membership import Member, check_chain
from .pins import judge
from .ports import LocalIdentity, PinBook

MAX_ATTEMPT: Final = 2**32 - 1
"""A relay message names the attempt in 32 bits."""

S = TypeVar("S", Offer, Answer, RelayOpen, RelayReady)


class VerifiedOpening(msgspec.Struct, frozen=True):
    """A checked opening or reply. ``nonce`` 16 bytes; ``hash`` as of :func:`opening_hash`;
    ``version`` the highest both speak; ``fingerprint`` SHA-256 of the certificate that it
    describes, and of a relay stream ``certificate`` itself, in DER."""

    path: Literal["direct", "relay"]
    member: Member
    incarnation: str
    attempt: int
    nonce: bytes
    hash: bytes
    capabilities: tuple[str, ...]
    version: int
    fingerprint: bytes
    certificate: bytes


def sign_opening(message: S, me: LocalIdentity) -> S:
    """My ``message`` with chain, sender and signature; all else is already in it."""
    message.peer_id, message.chain = me.id, me.chain
    message.sig = signed.b64(me.sign(signed.context(message), _signed_bytes(message, me.mesh)))
    return message


def sign_reply(message: S, opening: Offer | RelayOpen, me: LocalIdentity) -> S:
    """My reply to the checked ``opening``, bound to it, with chain, sender and signature."""
    for name, value in _bound(opening, me.mesh).items():
        setattr(message, name, value)
    return sign_opening(message, me)


def opening_hash(message: signed.Opening, mesh: str) -> bytes:
    """SHA-256 of the exact SDP, or of all that the signature of a relay's message covers."""
    if isinstance(message, Offer | Answer):
        return signed.digest(message.sdp)
    return hashlib.sha256(_signed_bytes(message, mesh)).digest()


def check_opening(
    message: Offer | RelayOpen, me: LocalIdentity, book: PinBook, *, now: float
) -> VerifiedOpening:
    """Who opens a path, and what it describes. ``now``: mesh seconds.

    Raises Denied (not for me, not of this incarnation, an offer not of the lower id),
    UpgradeNeeded, BadSignature, BadRequest (SDP, certificate), BadChain, NameTaken, and what
    :func:`check_chain` and :func:`judge` raise. Pins are judged, not written: write them
    (:func:`chatixia.core.pins.accept`) after hello.
    """
    _check_ends(message, me)
    if isinstance(message, Offer) and message.peer_id.encode() >= me.id.encode():
        raise Denied(f"{message.peer_id} offers, and only the lower id may.")
    return _verified(message, me, book, now)


def check_reply(
    message: Answer | RelayReady,
    sent: Offer | RelayOpen,
    me: LocalIdentity,
    book: PinBook,
    *,
    now: float,
) -> VerifiedOpening:
    """Who replies to my ``sent``, and with what; it must be bound to that very message.

    Raises as :func:`check_opening` does.
    """
    _check_ends(message, me)
    if message.peer_id != sent.target_id or message.incarnation != sent.peer_incarnation:
        raise Denied(f"{message.peer_id} was not asked.")
    bound = {"attempt": sent.attempt, **_bound(sent, me.mesh)}
    if any(getattr(message, name) != value for name, value in bound.items()):
        kind, other = signed.kind(message), signed.kind(sent)
        raise BadSignature(f"The {kind} of {message.peer_id} is to another {other}.")
    return _verified(message, me, book, now)


def binding_of(
    me: LocalIdentity,
    peer: VerifiedOpening,
    *,
    offerer: bool,
    nonce: bytes,
    hash: bytes,
    fingerprint: bytes,
    capabilities: tuple[str, ...],
) -> HelloBinding:
    """What both hellos on the path must agree on. ``offerer``: mine is the opening; ``nonce``,
    ``hash`` and ``fingerprint`` (SHA-256 of my certificate) are of my message."""
    return HelloBinding(
        path=peer.path,
        mesh=me.mesh,
        me=me.id,
        peer=peer.member.id,
        offerer=offerer,
        nonce=nonce,
        peer_nonce=peer.nonce,
        incarnation=me.incarnation,
        peer_incarnation=peer.incarnation,
        capabilities=capabilities,
        peer_capabilities=peer.capabilities,
        version=peer.version,
        fingerprint=fingerprint,
        peer_fingerprint=peer.fingerprint,
        offer_hash=hash if offerer else peer.hash,
        answer_hash=peer.hash if offerer else hash,
    )


def _signed_bytes(message: signed.Opening, mesh: str) -> bytes:
    try:
        return signed.opening(message, mesh)
    except BadRequest:
        raise BadSignature("A signed field is malformed.") from None


def _bound(opening: Offer | RelayOpen, mesh: str) -> dict[str, str]:
    """What a reply names of the opening that it replies to."""
    hash = signed.b64(opening_hash(opening, mesh))
    if isinstance(opening, Offer):
        return {"offer_nonce": opening.nonce, "offer_hash": hash}
    return {"open": hash}


def _check_ends(message: signed.Opening, me: LocalIdentity) -> None:
    """Sender and addressee, before any signature is looked at."""
    if message.target_id != me.id or message.peer_id == me.id:
        raise Denied("This is not for me.")
    if not is_peer_id(message.peer_id):
        raise Denied("The sender's id is malformed.")
    if message.peer_incarnation != me.incarnation:
        raise Denied(f"{message.peer_id} means an earlier process of mine.")
    if not is_incarnation(message.incarnation) or not 1 <= message.attempt <= MAX_ATTEMPT:
        raise Denied(f"{message.peer_id} names no incarnation or attempt.")
    if len(decoded(message.nonce)) != NONCE_BYTES:
        raise Denied(f"{message.peer_id} sent no nonce of {NONCE_BYTES} bytes.")
    if not set(message.versions) & set(VERSIONS):
        raise UpgradeNeeded(f"{message.peer_id} speaks no version that I do.")


def _sender(message: signed.Opening, me: LocalIdentity, book: PinBook, now: float) -> Member:
    """The member whose chain a message shows, as whom the registry stamped it."""
    member = check_chain(message.chain, mesh=me.mesh, now=now, verify=me.verify, ns=me.ns)
    if member.id != message.peer_id:
        raise BadSignature(f"{message.peer_id} shows the record of {member.id}.")
    if member.kind not in ("agent", "client"):
        raise BadChain(f"A {member.kind} makes no links.")
    judge(member, book)
    check_trust(member, me)
    if member.sign == me.public:
        raise NameTaken(f"{member.id} shows my own key.")
    return member


def check_trust(member: Member, me: LocalIdentity) -> None:
    """Refuse whom the registry let in, where I have to do with nobody such. Raises Untrusted."""
    if me.owner_only and member.trust != "owner":
        raise Untrusted(
            f"{me.id} has links only with members whom an owner let in itself (`trust: owner`);"
            f" the registry let {member.id} in.",
            agent=me.id,
        )


def _verified(
    message: signed.Opening, me: LocalIdentity, book: PinBook, now: float
) -> VerifiedOpening:
    member, data = _sender(message, me, book, now), _signed_bytes(message, me.mesh)
    if not me.verify(member.sign, signed.context(message), data, decoded(message.sig)):
        raise BadSignature(f"The {signed.kind(message)} is not signed by {member.id}.")
    return _read(message, member, me.mesh)


def _read(message: signed.Opening, member: Member, mesh: str) -> VerifiedOpening:
    certificate = b""
    if isinstance(message, Offer | Answer):
        fingerprint = sdp.scan(message.sdp).fingerprint
    else:
        certificate = decoded(message.certificate)
        check_certificate(certificate)
        fingerprint = hashlib.sha256(certificate).digest()
    return VerifiedOpening(
        path="relay" if certificate else "direct",
        member=member,
        incarnation=message.incarnation,
        attempt=message.attempt,
        nonce=decoded(message.nonce),
        hash=opening_hash(message, mesh),
        capabilities=tuple(message.capabilities),
        version=max(set(message.versions) & set(VERSIONS)),
        fingerprint=fingerprint,
        certificate=certificate,
    )
