"""What proves a peer: offers, answers, hello, logins, the registry (trust.md sections 2 and 4).

Each check takes what came, who I am and what I know, and returns who it was or raises one coded
error. Nothing is believed because the registry said it: the sender it stamped must be the one
whose chain and signature came along. Rates, and the order of size, sender, rate, signature,
policy, are the caller's (``core.link``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from chatixia.errors import (
    BadChain,
    BadRequest,
    BadSignature,
    Denied,
    NameTaken,
    Unprocessable,
    UpgradeNeeded,
    WrongMesh,
)
from chatixia.ids import is_incarnation, is_peer_id
from chatixia.wire import signed
from chatixia.wire.base import VERSION, VERSIONS
from chatixia.wire.peer import Hello, HelloFrame
from chatixia.wire.signaling import Answer, Offer, Register, RelayOpen, RelayReady
from chatixia.wire.trust import Signed

from . import sdp
from .membership import Member, check_chain, check_member
from .pins import judge
from .ports import LocalIdentity, PinBook, RevocationBook, Verify

NONCE_BYTES: Final = 16
MAX_ATTEMPT: Final = 2**32 - 1
"""A relay message names the attempt in 32 bits."""
LOGIN_KINDS: Final = ("agent", "client", "machine", "owner")
"""Kinds of members that may log in at a registry."""


class VerifiedDescription(msgspec.Struct, frozen=True):
    """A checked offer or answer. ``nonce`` 16 bytes; ``hash`` SHA-256 of the exact SDP;
    ``description`` what the SDP says; ``version`` the highest both speak."""

    member: Member
    incarnation: str
    attempt: int
    nonce: bytes
    hash: bytes
    capabilities: tuple[str, ...]
    version: int
    description: sdp.SessionDescription


class HelloBinding(msgspec.Struct, frozen=True):
    """All that one path is, as I see it: what both hellos must agree on, mirrored.

    ``offerer``: I made the offer. ``fingerprint``: SHA-256 of my certificate as I described it;
    ``peer_fingerprint``: of the peer's as it described it; neither is empty on any kind of path.
    Hashes: SHA-256 of the exact descriptions that were signed (``offer_hash`` of the offer, whoever
    made it); of an engine's connection these are its SDPs.
    """

    path: Literal["direct", "relay"]
    mesh: str
    me: str
    peer: str
    offerer: bool
    nonce: bytes
    peer_nonce: bytes
    incarnation: str
    peer_incarnation: str
    capabilities: tuple[str, ...] = ()
    peer_capabilities: tuple[str, ...] = ()
    version: int = VERSION
    fingerprint: bytes = b""
    peer_fingerprint: bytes = b""
    offer_hash: bytes = b""
    answer_hash: bytes = b""


def sign_offer(offer: Offer, me: LocalIdentity) -> Offer:
    """My ``offer`` with chain, sender and signature; incarnations, attempt, nonce, capabilities
    and SDP are already in it."""
    offer.peer_id, offer.chain = me.id, me.chain
    offer.sig = signed.b64(me.sign(signed.SIGNAL, _offer_bytes(offer, me.mesh)))
    return offer


def sign_answer(answer: Answer, offer: Offer, me: LocalIdentity) -> Answer:
    """My ``answer`` to the checked ``offer``, bound to it, with chain, sender and signature."""
    answer.peer_id, answer.chain = me.id, me.chain
    answer.offer_nonce = offer.nonce
    answer.offer_hash = signed.b64(signed.digest(offer.sdp))
    answer.sig = signed.b64(me.sign(signed.SIGNAL, _answer_bytes(answer, me.mesh)))
    return answer


def check_offer(
    offer: Offer, me: LocalIdentity, book: PinBook, *, now: float
) -> VerifiedDescription:
    """Who offers, and what. ``now``: mesh seconds.

    Raises Denied (not for me, not the lower id, not of this incarnation), UpgradeNeeded,
    BadSignature, BadRequest (SDP), and whatever :func:`check_chain` and :func:`judge` raise.
    Pins are judged, not written: write them (:func:`chatixia.core.pins.accept`) after hello.
    """
    check_ends(offer, me)
    if offer.peer_id.encode() >= me.id.encode():
        raise Denied(f"{offer.peer_id} offers, and only the lower id may.")
    member = check_sender(offer, me, book, now)
    if not me.verify(member.sign, signed.SIGNAL, _offer_bytes(offer, me.mesh), decoded(offer.sig)):
        raise BadSignature(f"The offer is not signed by {member.id}.")
    return _verified(offer, member)


def check_answer(
    answer: Answer, sent: Offer, me: LocalIdentity, book: PinBook, *, now: float
) -> VerifiedDescription:
    """Who answers my offer ``sent``, and with what; it must be bound to that very offer.

    Raises as :func:`check_offer` does.
    """
    check_ends(answer, me)
    if answer.peer_id != sent.target_id or answer.incarnation != sent.peer_incarnation:
        raise Denied(f"{answer.peer_id} was not asked.")
    bound = (answer.attempt, answer.offer_nonce, answer.offer_hash)
    if bound != (sent.attempt, sent.nonce, signed.b64(signed.digest(sent.sdp))):
        raise BadSignature(f"The answer of {answer.peer_id} is to another offer.")
    member = check_sender(answer, me, book, now)
    if not me.verify(
        member.sign, signed.SIGNAL, _answer_bytes(answer, me.mesh), decoded(answer.sig)
    ):
        raise BadSignature(f"The answer is not signed by {member.id}.")
    return _verified(answer, member)


def make_hello(
    binding: HelloBinding, me: LocalIdentity, *, a: int = 0, policy: int = 0, revocations: int = 0
) -> HelloFrame:
    """My first message on a connection; the counters are mine and unsigned."""
    hello = _hello(binding)
    hello.a, hello.policy, hello.revocations = a, policy, revocations
    return HelloFrame(hello, signed.b64(me.sign(signed.LINK, signed.hello(hello))))


def check_hello(
    frame: HelloFrame,
    binding: HelloBinding,
    member: Member,
    *,
    certificate: bytes,
    verify: Verify,
    now: float,
    revocations: RevocationBook,
) -> Hello:
    """The peer's hello, if it describes this very connection from the other side.

    ``certificate``: SHA-256 of the certificate that the other end used in the path's own handshake
    (DTLS or TLS). ``member``: whom the offer or answer proved. Raises BadSignature naming what
    differs, Revoked or MembershipExpired.
    """
    hello, expected = frame.hello, _hello(_mirror(binding))
    if not certificate or certificate != binding.peer_fingerprint:
        raise BadSignature(f"{binding.peer} connected with another certificate than it described.")
    if member.id != binding.peer:
        raise BadSignature(f"{member.id} speaks on the link to {binding.peer}.")
    for name in _BOUND:
        if getattr(hello, name) != getattr(expected, name):
            raise BadSignature(f"The hello of {binding.peer} differs in {name}.")
    if not verify(member.sign, signed.LINK, signed.hello(hello), decoded(frame.sig)):
        raise BadSignature(f"The hello is not signed by {binding.peer}.")
    check_member(member, now, revocations)
    return hello


def check_login(
    register: Register, *, mesh: str, nonce: bytes, now: float, verify: Verify
) -> Member:
    """Who logs in: chain, and a signature over the registry's own ``nonce`` and the agent's.

    For the registry, which then asks revocations and pins. Raises UpgradeNeeded, Unprocessable
    (no incarnation), BadChain, BadSignature, and what :func:`check_chain` raises.
    """
    check_version(register)
    if not is_incarnation(register.incarnation):
        raise Unprocessable("A login needs an incarnation of 16 hex characters.")
    member = check_chain(register.chain, mesh=mesh, now=now, verify=verify, ns=register.ns)
    if member.id != register.peer_id or member.kind not in LOGIN_KINDS:
        raise BadChain(f"The membership of {member.id} does not let {register.peer_id} log in.")
    signed_bytes = login_bytes(register, mesh, nonce)
    if not verify(member.sign, signed.LOGIN, signed_bytes, decoded(register.sig)):
        raise BadSignature(f"{register.peer_id} did not prove its key.")
    return member


def check_version(register: Register) -> None:
    """Raise UpgradeNeeded for a login in a version that this registry does not speak."""
    if register.version not in VERSIONS:
        raise UpgradeNeeded(f"This registry speaks version {VERSION}, not {register.version}.")


def login_bytes(register: Register, mesh: str, nonce: bytes) -> bytes:
    """What ``register.sig`` covers, ``nonce`` being the registry's."""
    return signed.login(
        mesh=mesh,
        peer_id=register.peer_id,
        incarnation=register.incarnation,
        nonce=nonce,
        my_nonce=decoded(register.nonce),
    )


def check_registry(
    chain: Sequence[Signed],
    proof: str,
    *,
    nonce: bytes,
    certificate: bytes,
    mesh: str,
    now: float,
    verify: Verify,
    pinned: bytes | None = None,
    key_hash: bytes | None = None,
) -> Member:
    """Whether this is my mesh's registry: its chain, and its signature over my ``nonce`` and
    ``certificate`` (SHA-256 of the TLS certificate that I see; empty in clear and behind a proxy).

    ``pinned``: its raw key as pinned; ``key_hash``: the head of its key's SHA-256 from a join
    string. Raises WrongMesh, BadSignature or MembershipExpired.
    """
    try:
        member = check_chain(chain, mesh=mesh, now=now, verify=verify)
    except BadChain as error:
        raise WrongMesh(f"The registry is not of this mesh: {error.message}") from None
    if member.kind != "registry":
        raise WrongMesh(f"{member.id} answers in the registry's place.")
    if key_hash is not None and signed.key_hash(member.sign)[: len(key_hash)] != key_hash:
        raise WrongMesh("The registry has another key than the invitation names.")
    if pinned is not None and member.sign != pinned:
        raise WrongMesh("The registry has another key than the one pinned.")
    signed_bytes = signed.registry(mesh=mesh, nonce=nonce, certificate=certificate)
    if not verify(member.sign, signed.REGISTRY, signed_bytes, decoded(proof)):
        raise BadSignature("The registry did not prove its key for this connection.")
    return member


_BOUND: Final = (
    "path",
    "mesh",
    "side",
    "source",
    "target",
    "nonce",
    "peer_nonce",
    "incarnation",
    "peer_incarnation",
    "fingerprint",
    "peer_fingerprint",
    "offer_hash",
    "answer_hash",
    "version",
    "capabilities",
    "peer_capabilities_hash",
)


def _hello(binding: HelloBinding) -> Hello:
    return Hello(
        path=binding.path,
        mesh=binding.mesh,
        side="offerer" if binding.offerer else "answerer",
        source=binding.me,
        target=binding.peer,
        nonce=signed.b64(binding.nonce),
        peer_nonce=signed.b64(binding.peer_nonce),
        incarnation=binding.incarnation,
        peer_incarnation=binding.peer_incarnation,
        fingerprint=signed.b64(binding.fingerprint),
        peer_fingerprint=signed.b64(binding.peer_fingerprint),
        offer_hash=signed.b64(binding.offer_hash),
        answer_hash=signed.b64(binding.answer_hash),
        version=binding.version,
        capabilities=list(binding.capabilities),
        peer_capabilities_hash=signed.b64(signed.capabilities_hash(binding.peer_capabilities)),
    )


def _mirror(binding: HelloBinding) -> HelloBinding:
    return HelloBinding(
        path=binding.path,
        mesh=binding.mesh,
        me=binding.peer,
        peer=binding.me,
        offerer=not binding.offerer,
        nonce=binding.peer_nonce,
        peer_nonce=binding.nonce,
        incarnation=binding.peer_incarnation,
        peer_incarnation=binding.incarnation,
        capabilities=binding.peer_capabilities,
        peer_capabilities=binding.capabilities,
        version=binding.version,
        fingerprint=binding.peer_fingerprint,
        peer_fingerprint=binding.fingerprint,
        offer_hash=binding.offer_hash,
        answer_hash=binding.answer_hash,
    )


Signal = Offer | Answer | RelayOpen | RelayReady
"""Signed messages that open a path."""


def check_ends(message: Signal, me: LocalIdentity) -> None:
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


def check_sender(message: Signal, me: LocalIdentity, book: PinBook, now: float) -> Member:
    """The member whose chain a message shows, as whom the registry stamped it.

    ``now``: mesh seconds. The signature itself is the caller's. Raises BadSignature, BadChain,
    NameTaken, and what :func:`check_chain` and :func:`judge` raise.
    """
    member = check_chain(message.chain, mesh=me.mesh, now=now, verify=me.verify, ns=me.ns)
    if member.id != message.peer_id:
        raise BadSignature(f"{message.peer_id} shows the record of {member.id}.")
    if member.kind not in ("agent", "client"):
        raise BadChain(f"A {member.kind} makes no links.")
    judge(member, book)
    if member.sign == me.public:
        raise NameTaken(f"{member.id} shows my own key.")
    return member


def _verified(message: Offer | Answer, member: Member) -> VerifiedDescription:
    return VerifiedDescription(
        member=member,
        incarnation=message.incarnation,
        attempt=message.attempt,
        nonce=decoded(message.nonce),
        hash=signed.digest(message.sdp),
        capabilities=tuple(message.capabilities),
        version=max(set(message.versions) & set(VERSIONS)),
        description=sdp.scan(message.sdp),
    )


def _offer_bytes(offer: Offer, mesh: str) -> bytes:
    return signed.offer(
        mesh=mesh,
        source=offer.peer_id,
        target=offer.target_id,
        incarnation=offer.incarnation,
        peer_incarnation=offer.peer_incarnation,
        attempt=offer.attempt,
        nonce=decoded(offer.nonce),
        versions=offer.versions,
        capabilities=offer.capabilities,
        sdp=offer.sdp,
    )


def _answer_bytes(answer: Answer, mesh: str) -> bytes:
    return signed.answer(
        mesh=mesh,
        source=answer.peer_id,
        target=answer.target_id,
        incarnation=answer.incarnation,
        peer_incarnation=answer.peer_incarnation,
        attempt=answer.attempt,
        nonce=decoded(answer.nonce),
        versions=answer.versions,
        capabilities=answer.capabilities,
        sdp=answer.sdp,
        offer_nonce=decoded(answer.offer_nonce),
        offer_hash=decoded(answer.offer_hash),
    )


def decoded(text: str) -> bytes:
    """The bytes of a base64url field that was signed. Raises BadSignature."""
    try:
        return signed.unb64(text)
    except BadRequest:
        raise BadSignature("A signed field is malformed.") from None
