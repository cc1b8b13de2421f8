"""The proof of a TCP connection: both ends show by HMAC over fresh nonces that they have the token,
which never travels (docs/ipc.md)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

from chatixia.errors import BadRequest
from chatixia.world import World

TOKEN_BYTES: Final = 32
NONCE_BYTES: Final = 16


def text(data: bytes) -> str:
    """Bytes in base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(value: str) -> bytes:
    """And back. Raises BadRequest."""
    try:
        return urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        raise BadRequest("This is not base64url.") from None


def nonce(world: World) -> str:
    """A fresh one."""
    return text(world.token(NONCE_BYTES))


def mac(token: bytes, context: bytes, challenge: str, answer: str) -> str:
    """The proof under ``context`` for the two nonces."""
    data = b"\0".join((context, challenge.encode(), answer.encode()))
    return text(digest(token, data, sha256))


def proves(token: bytes, context: bytes, challenge: str, answer: str, shown: str) -> bool:
    """Whether ``shown`` is that proof."""
    return compare_digest(mac(token, context, challenge, answer), shown)
