"""The certificate of a relay stream: one fixed form, with an Ed25519 key in it (ADR 0013).

It only carries a key into TLS: who uses it, the signed ``relay_open`` or ``relay_ready`` says.
Subject and issuer are ``chatixia``, it is valid from 1970 to 9999, has no extension (so it can
sign no other) and is signed by itself (RFC 5280, RFC 8410). Nothing else is taken from a peer.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from chatixia.errors import BadRequest

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_SIGNED_HEAD: Final = bytes.fromhex(
    "308187"  # SEQUENCE, 135 bytes: what is signed
    "a003020102"  # version 3
    "020101"  # serial number 1
    "300506032b6570"  # signed with Ed25519
    "30133111300f06035504030c086368617469786961"  # issuer: CN=chatixia
    "3020170d3730303130313030303030305a"  # from 1970-01-01
    "180f39393939313233313233353935395a"  # to 9999-12-31
    "30133111300f06035504030c086368617469786961"  # subject: CN=chatixia
    "302a300506032b6570032100"  # the Ed25519 key follows
)
_HEAD: Final = bytes.fromhex("3081d4")
_SIGNATURE_HEAD: Final = bytes.fromhex("300506032b6570034100")
_PRIVATE_HEAD: Final = bytes.fromhex("302e020100300506032b657004220420")

CERTIFICATE_BYTES: Final = (
    len(_HEAD) + len(_SIGNED_HEAD) + KEY_BYTES + len(_SIGNATURE_HEAD) + SIGNATURE_BYTES
)


def to_sign(public: bytes) -> bytes:
    """What the key itself signs: the certificate of the raw key ``public``."""
    return _SIGNED_HEAD + public


def certificate_of(public: bytes, signature: bytes) -> bytes:
    """The whole certificate in DER; ``signature``: 64 bytes over :func:`to_sign`."""
    return _HEAD + to_sign(public) + _SIGNATURE_HEAD + signature


def check_certificate(der: bytes) -> bytes:
    """The raw key in a certificate of this form.

    Any other form is refused: two certificates in one (a TLS library would trust both), trailing
    bytes, one that may sign others (which would admit any key). Raises BadRequest.
    """
    head = _HEAD + _SIGNED_HEAD
    key = der[len(head) : len(head) + KEY_BYTES]
    if len(der) != CERTIFICATE_BYTES or der != certificate_of(key, der[-SIGNATURE_BYTES:]):
        raise BadRequest("The certificate of a relay stream has another form than it must have.")
    return key


def private_pem(seed: bytes) -> str:
    """The private key of 32 bytes as PKCS 8 PEM (RFC 8410), for a TLS library."""
    text = b64encode(_PRIVATE_HEAD + seed).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
