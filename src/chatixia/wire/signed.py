"""The one builder of every signed byte string, with its context (trust.md sections 1 and 2).

Each field is its length as an unsigned 32-bit big-endian number and its bytes, so that no two
different lists of fields make the same string. The signer prefixes the context and NUL.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Final

from chatixia.errors import BadRequest

from .peer import Hello
from .signaling import Answer, Offer, RelayOpen, RelayReady

MEMBER: Final = "chatixia/member/1"
REVOKE: Final = "chatixia/revoke/1"
SIGNAL: Final = "chatixia/signal/1"
LINK: Final = "chatixia/link/1"
LOGIN: Final = "chatixia/login/1"
REGISTRY: Final = "chatixia/registry/1"
JOIN: Final = "chatixia/join/1"
INVITE: Final = "chatixia/invite/1"
SEAL: Final = "chatixia/seal/1"
RELAY: Final = "chatixia/relay/1"
PAIR: Final = "chatixia/pair/1"
CODE: Final = "chatixia/code/1"
CONFIRM: Final = "chatixia/confirm/1"
RECOVER: Final = "chatixia/recover/1"
CONTEXTS: Final = (
    MEMBER,
    REVOKE,
    SIGNAL,
    LINK,
    LOGIN,
    REGISTRY,
    JOIN,
    INVITE,
    SEAL,
    RELAY,
    PAIR,
    CODE,
    CONFIRM,
    RECOVER,
)


def b64(data: bytes) -> str:
    """base64url without padding (RFC 4648 section 5)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of unpadded base64url; only the one spelling that :func:`b64` writes is taken.

    Raises BadRequest.
    """
    try:
        data = b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError:
        raise BadRequest("A field is not base64url.") from None
    if b64(data) != text:
        raise BadRequest("A field is not base64url.")
    return data


def key_hash(public: bytes) -> bytes:
    """SHA-256 of a raw public key; its head stands in key ids and in join strings."""
    return hashlib.sha256(public).digest()


def digest(text: str) -> bytes:
    """SHA-256 of the exact UTF-8 bytes of ``text``; empty for an empty text."""
    return hashlib.sha256(text.encode()).digest() if text else b""


def fields(values: Iterable[str | int | bytes]) -> bytes:
    """Length-prefixed concatenation; integers in decimal."""
    encoded = bytearray()
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode()
        encoded += len(data).to_bytes(4, "big") + data
    return bytes(encoded)


def capabilities_hash(names: Iterable[str]) -> bytes:
    """SHA-256 over a capability list in its order."""
    return hashlib.sha256(fields(names)).digest()


Opening = Offer | Answer | RelayOpen | RelayReady
"""The signed messages that open a path."""


def kind(message: Opening) -> str:
    """What such a message is called on the wire, and in its signature."""
    return str(message.__struct_config__.tag)


def context(message: Opening) -> str:
    """The context under which it is signed."""
    return SIGNAL if isinstance(message, Offer | Answer) else RELAY


def opening(message: Opening, mesh: str) -> bytes:
    """What the signature of a message that opens a path covers: its fields, what describes the
    path (SHA-256 of the SDP, or the certificate), and to what a reply is bound.

    Raises BadRequest for a field that is not base64url.
    """
    if isinstance(message, Offer | Answer):
        described = digest(message.sdp)
    else:
        described = unb64(message.certificate)
    bound: tuple[bytes, ...] = ()
    if isinstance(message, Answer):
        bound = unb64(message.offer_nonce), unb64(message.offer_hash)
    elif isinstance(message, RelayReady):
        bound = (unb64(message.open),)
    return fields(
        (
            kind(message),
            mesh,
            message.peer_id,
            message.target_id,
            message.incarnation,
            message.peer_incarnation,
            message.attempt,
            unb64(message.nonce),
            fields(message.versions),
            capabilities_hash(message.capabilities),
            described,
            *bound,
        )
    )


def hello(binding: Hello) -> bytes:
    """What the signature of a ``hello`` covers, under :data:`LINK`: all but the moving counters."""
    return fields(
        (
            binding.path,
            binding.mesh,
            binding.side,
            binding.source,
            binding.target,
            unb64(binding.nonce),
            unb64(binding.peer_nonce),
            binding.incarnation,
            binding.peer_incarnation,
            unb64(binding.fingerprint),
            unb64(binding.peer_fingerprint),
            unb64(binding.offer_hash),
            unb64(binding.answer_hash),
            binding.version,
            capabilities_hash(binding.capabilities),
            unb64(binding.peer_capabilities_hash),
        )
    )


def login(*, mesh: str, peer_id: str, incarnation: str, nonce: bytes, my_nonce: bytes) -> bytes:
    """What ``register.sig`` covers, under :data:`LOGIN`: both nonces and who logs in."""
    return fields(("login", mesh, peer_id, incarnation, nonce, my_nonce))


def registry(*, mesh: str, nonce: bytes, certificate: bytes) -> bytes:
    """What the registry's proof covers, under :data:`REGISTRY`: the asker's nonce and SHA-256 of
    the TLS certificate in use (empty in clear, and behind a proxy)."""
    return fields(("registry", mesh, nonce, certificate))


def join(*, mesh: str, name: str, nonce: bytes) -> bytes:
    """What ``join.sig`` covers, under :data:`JOIN`: the machine's key over the registry's nonce."""
    return fields(("join", mesh, name, nonce))


def pair(*, mesh: str, registry: bytes, name: str, seal: bytes, nonce: bytes) -> bytes:
    """What ``pairings.begin`` is signed over, under :data:`PAIR`: the mesh and the raw registry key
    that the machine met, what it asks to be, and the registry's nonce."""
    return fields(("pair", mesh, registry, name, seal, nonce))


def pairing(*, mesh: str, pairing_id: str, nonce: bytes) -> bytes:
    """What ``pairings.wait`` is signed over, under :data:`PAIR`."""
    return fields(("pairing", mesh, pairing_id, nonce))
