"""The one form of a relay stream's certificate: what a library makes of it, and what is refused."""

from __future__ import annotations

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from chatixia.core.certificate import (
    CERTIFICATE_BYTES,
    certificate_of,
    check_certificate,
    private_pem,
    to_sign,
)
from chatixia.errors import BadRequest


def made(key: Ed25519PrivateKey) -> bytes:
    public = key.public_key().public_bytes_raw()
    return certificate_of(public, key.sign(to_sign(public)))


KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
DER = made(KEY)


def authority() -> bytes:
    """A certificate of the same key that may sign others."""
    parsed = x509.load_der_x509_certificate(DER)
    return (
        x509.CertificateBuilder()
        .subject_name(parsed.subject)
        .issuer_name(parsed.issuer)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(parsed.not_valid_before_utc)
        .not_valid_after(parsed.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(KEY, None)
        .public_bytes(Encoding.DER)
    )


def test_a_library_reads_it_as_a_certificate_that_its_own_key_signed():
    parsed = x509.load_der_x509_certificate(DER)
    key = parsed.public_key()
    assert isinstance(key, Ed25519PublicKey)
    key.verify(parsed.signature, parsed.tbs_certificate_bytes)
    assert key.public_bytes_raw() == check_certificate(DER) == KEY.public_key().public_bytes_raw()
    assert parsed.subject == parsed.issuer and not len(parsed.extensions)
    assert len(DER) == CERTIFICATE_BYTES


def test_a_library_reads_the_private_key():
    key = load_pem_private_key(private_pem(b"k" * 32).encode(), None)
    assert isinstance(key, Ed25519PrivateKey) and key.private_bytes_raw() == b"k" * 32


REFUSED = {
    "nothing": b"",
    "two certificates": DER + made(OTHER),
    "trailing bytes": DER + b"\0",
    "cut off": DER[:-1],
    "one that may sign others": authority(),
    "text": ssl.DER_cert_to_PEM_cert(DER).encode(),
    "another head": DER[:20] + bytes([DER[20] ^ 1]) + DER[21:],
}


@pytest.mark.parametrize("what", REFUSED)
def test_any_other_form_is_refused(what: str):
    with pytest.raises(BadRequest):
        check_certificate(REFUSED[what])
