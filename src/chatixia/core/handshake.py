"""What proves a peer: hello, logins, the registry (trust.md sections 2 and 4).

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
    Unprocessable,
    UpgradeNeeded,
    WrongMesh,
)
from chatixia.ids import is_incarnation
from chatixia.wire import signed
from chatixia.wire.base import VERSION, VERSIONS
from chatixia.wire.peer import Hello, HelloFrame
from chatixia.wire.signaling import Register
from chatixia.wire.trust import Signed

from .membership import Member, check_chain, check_member
from .ports import LocalIdentity, RevocationBook, Verify

NONCE_BYTES: Final = 16
LOGIN_KINDS: Final = ("agent", "client", "machine", "owner")
"""Kinds of members that may log in at a registry."""


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


def make_hello(
    binding: HelloBinding,
    me: LocalIdentity,
    *,
    a: int = 0,
    policy: int = 0,
    revocations: int = 0,
    revoked: str = "",
) -> HelloFrame:
    """My first message on a connection; the counters are mine and unsigned."""
    hello = _hello(binding)
    hello.a, hello.policy, hello.revocations, hello.revoked = a, policy, revocations, revoked
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


def decoded(text: str) -> bytes:
    """The bytes of a base64url field that was signed. Raises BadSignature."""
    try:
        return signed.unb64(text)
    except BadRequest:
        raise BadSignature("A signed field is malformed.") from None
