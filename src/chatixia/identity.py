"""Keys: make, load (0600), sign and verify bytes, agree. Knows no record and no message.

Ed25519 for signatures (RFC 8032), X25519 for sealing (RFC 7748). Each signature covers a context
string and NUL before the data, so that one use of a key can never stand for another
(trust.md section 1).
"""

from __future__ import annotations

import hashlib
import os
import stat
from base64 import urlsafe_b64encode
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatixia.errors import ConfigError
from chatixia.ids import KeyId

KEY_BYTES = 32


class SignKey:
    """An Ed25519 key pair. ``public`` is its 32 raw bytes."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SignKey:
        """A new key from the system's entropy."""
        key = Ed25519PrivateKey.generate()
        return cls(key.private_bytes_raw())

    def sign(self, context: str, data: bytes) -> bytes:
        """64 bytes over ``context``, NUL and ``data``."""
        return self._key.sign(context.encode() + b"\0" + data)

    def jws(self, header: bytes, claims: bytes) -> str:
        """``claims`` as a compact JWS (RFC 7515 section 3.1) signed with this key.

        The one signature without a context string; it cannot stand for another, since what it
        covers is base64url and a dot, and every context holds a slash.
        """
        signed_part = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims))
        tail = urlsafe_b64encode(self._key.sign(signed_part)).rstrip(b"=")
        return b".".join((signed_part, tail)).decode()

    def seed(self) -> bytes:
        """The 32 secret bytes, for :func:`save`."""
        return self._key.private_bytes_raw()

    def pem(self) -> bytes:
        """PKCS 8 PEM of the private key, for libraries that want one."""
        # Here only: it would bring every agent the formats of all kinds of keys.
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"SignKey({key_id(self.public)})"


class SealKey:
    """An X25519 key pair. ``public`` is its 32 raw bytes."""

    __slots__ = ("_key", "public")

    def __init__(self, secret: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SealKey:
        """A new key from the system's entropy."""
        key = X25519PrivateKey.generate()
        return cls(key.private_bytes_raw())

    def seed(self) -> bytes:
        """The 32 secret bytes, for :func:`save`."""
        return self._key.private_bytes_raw()

    def __repr__(self) -> str:
        return f"SealKey({key_id(self.public)})"


def verify(key: bytes, context: str, data: bytes, signature: bytes) -> bool:
    """Whether ``signature`` by the raw public ``key`` covers ``context``, NUL and ``data``."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, context.encode() + b"\0" + data)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(public: bytes) -> KeyId:
    """First 16 hex characters of SHA-256 of a raw public key."""
    return KeyId(hashlib.sha256(public).hexdigest()[:16])


def derive(secret: bytes, info: str, size: int = KEY_BYTES) -> bytes:
    """HKDF-SHA256 (RFC 5869) of ``secret`` without salt under ``info``."""
    return HKDF(hashes.SHA256(), size, None, info.encode()).derive(secret)


def load(path: Path) -> bytes:
    """The 32 secret bytes of a key file.

    Raises ConfigError if the file is missing, of the wrong size, or readable by others.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"The key {path} cannot be read: {error.strerror}.") from error
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(f"The key {path} is readable by others; run: chmod 600 {path}")
    if len(data) != KEY_BYTES:
        raise ConfigError(f"The key {path} is damaged: it must have {KEY_BYTES} bytes.")
    return data


def save(path: Path, secret: bytes) -> None:
    """Write a key file of mode 0600 that appears whole or not at all; never replaces one.

    Raises FileExistsError if the file is already there, ConfigError if it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        raise
    except OSError as error:
        raise ConfigError(f"The key {path} cannot be written: {error.strerror}.") from error
