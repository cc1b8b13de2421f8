"""Who opens a relay stream, and with which certificate: ``relay_open`` and ``relay_ready``.

Signed and checked as offers and answers are (``core.handshake``), with the certificate in the place
of the SDP. Either end may open; a reply is bound to the very message that it replies to.
"""

from __future__ import annotations

import hashlib

import msgspec

from chatixia.errors import BadSignature, Denied
from chatixia.wire import signed
from chatixia.wire.base import VERSIONS
from chatixia.wire.signaling import RelayOpen, RelayReady

from .certificate import check_certificate
from .handshake import HelloBinding, check_ends, check_sender, decoded
from .membership import Member
from .ports import LocalIdentity, PinBook


class VerifiedOpening(msgspec.Struct, frozen=True):
    """A checked ``relay_open`` or ``relay_ready``. ``nonce`` 16 bytes; ``hash``: SHA-256 of what
    its signature covers; ``certificate`` in DER; ``version`` the highest both speak."""

    member: Member
    incarnation: str
    attempt: int
    nonce: bytes
    hash: bytes
    capabilities: tuple[str, ...]
    version: int
    certificate: bytes


def sign_open(message: RelayOpen, me: LocalIdentity) -> RelayOpen:
    """My ``relay_open`` with chain, sender and signature; all else is already in it."""
    message.peer_id, message.chain = me.id, me.chain
    message.sig = signed.b64(me.sign(signed.RELAY, _open_bytes(message, me.mesh)))
    return message


def sign_ready(message: RelayReady, opening: RelayOpen, me: LocalIdentity) -> RelayReady:
    """My reply to the checked ``opening``, bound to it, with chain, sender and signature."""
    message.peer_id, message.chain = me.id, me.chain
    message.open = signed.b64(open_hash(opening, me.mesh))
    message.sig = signed.b64(me.sign(signed.RELAY, _ready_bytes(message, me.mesh)))
    return message


def open_hash(message: RelayOpen, mesh: str) -> bytes:
    """SHA-256 of what the signature covers."""
    return hashlib.sha256(_open_bytes(message, mesh)).digest()


def ready_hash(message: RelayReady, mesh: str) -> bytes:
    """SHA-256 of what the signature covers."""
    return hashlib.sha256(_ready_bytes(message, mesh)).digest()


def check_open(
    message: RelayOpen, me: LocalIdentity, book: PinBook, *, now: float
) -> VerifiedOpening:
    """Who opens a stream, and with which certificate. ``now``: mesh seconds.

    Raises Denied (not for me, not of this incarnation), UpgradeNeeded, BadSignature, BadRequest
    (certificate), and what chains and pins raise. Pins are judged, not written.
    """
    member = _check(message, me, book, now)
    data = _open_bytes(message, me.mesh)
    if not me.verify(member.sign, signed.RELAY, data, decoded(message.sig)):
        raise BadSignature(f"The relay_open is not signed by {member.id}.")
    return _verified(message, member, data)


def check_ready(
    message: RelayReady, sent: RelayOpen, me: LocalIdentity, book: PinBook, *, now: float
) -> VerifiedOpening:
    """Who replies to my ``sent``, and with which certificate; bound to that very message.

    Raises as :func:`check_open` does.
    """
    if message.peer_id != sent.target_id or message.incarnation != sent.peer_incarnation:
        raise Denied(f"{message.peer_id} was not asked.")
    bound = (message.attempt, message.open)
    if bound != (sent.attempt, signed.b64(open_hash(sent, me.mesh))):
        raise BadSignature(f"The relay_ready of {message.peer_id} is to another relay_open.")
    member = _check(message, me, book, now)
    data = _ready_bytes(message, me.mesh)
    if not me.verify(member.sign, signed.RELAY, data, decoded(message.sig)):
        raise BadSignature(f"The relay_ready is not signed by {member.id}.")
    return _verified(message, member, data)


def binding_of(
    me: LocalIdentity,
    peer: VerifiedOpening,
    *,
    opened: bool,
    nonce: bytes,
    hash: bytes,
    certificate: bytes,
    capabilities: tuple[str, ...],
) -> HelloBinding:
    """What both hellos on the stream must agree on. ``opened``: mine is the ``relay_open``;
    ``nonce``, ``hash`` and ``certificate`` (its SHA-256) are of my message."""
    return HelloBinding(
        path="relay",
        mesh=me.mesh,
        me=me.id,
        peer=peer.member.id,
        offerer=opened,
        nonce=nonce,
        peer_nonce=peer.nonce,
        incarnation=me.incarnation,
        peer_incarnation=peer.incarnation,
        capabilities=capabilities,
        peer_capabilities=peer.capabilities,
        version=peer.version,
        fingerprint=certificate,
        peer_fingerprint=hashlib.sha256(peer.certificate).digest(),
        offer_hash=hash if opened else peer.hash,
        answer_hash=peer.hash if opened else hash,
    )


def _check(message: RelayOpen | RelayReady, me: LocalIdentity, book: PinBook, now: float) -> Member:
    check_ends(message, me)
    return check_sender(message, me, book, now)


def _verified(message: RelayOpen | RelayReady, member: Member, data: bytes) -> VerifiedOpening:
    certificate = decoded(message.certificate)
    check_certificate(certificate)
    return VerifiedOpening(
        member=member,
        incarnation=message.incarnation,
        attempt=message.attempt,
        nonce=decoded(message.nonce),
        hash=hashlib.sha256(data).digest(),
        capabilities=tuple(message.capabilities),
        version=max(set(message.versions) & set(VERSIONS)),
        certificate=certificate,
    )


def _open_bytes(message: RelayOpen, mesh: str) -> bytes:
    return signed.relay_open(
        mesh=mesh,
        source=message.peer_id,
        target=message.target_id,
        incarnation=message.incarnation,
        peer_incarnation=message.peer_incarnation,
        attempt=message.attempt,
        nonce=decoded(message.nonce),
        versions=message.versions,
        capabilities=message.capabilities,
        certificate=decoded(message.certificate),
    )


def _ready_bytes(message: RelayReady, mesh: str) -> bytes:
    return signed.relay_ready(
        mesh=mesh,
        source=message.peer_id,
        target=message.target_id,
        incarnation=message.incarnation,
        peer_incarnation=message.peer_incarnation,
        attempt=message.attempt,
        nonce=decoded(message.nonce),
        versions=message.versions,
        capabilities=message.capabilities,
        certificate=decoded(message.certificate),
        open_hash=decoded(message.open),
    )
