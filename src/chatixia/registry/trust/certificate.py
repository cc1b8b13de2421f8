"""The registry's own TLS certificate: P-256 (browsers refuse Ed25519), vouched for by its proof.

Nobody trusts it by itself: a client compares its hash with what the registry's identity key
signed. So it may be made anew whenever the addresses change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS: Final = 825
RENEW_DAYS: Final = 60


def make_key() -> bytes:
    """A P-256 private key as PKCS 8 PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_certificate(key_pem: bytes, names: Sequence[str], now: float) -> bytes:
    """A self-signed certificate (PEM) for host names and addresses; ``now``: wall seconds."""
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatixia registry")])
    begin = datetime.fromtimestamp(now, UTC) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def fits(pem: bytes, names: Sequence[str], now: float) -> bool:
    """Whether a certificate covers exactly ``names`` and is not near its end."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    left = certificate.not_valid_after_utc - datetime.fromtimestamp(now, UTC)
    return set(covered) == {_name(n) for n in names} and left > timedelta(days=RENEW_DAYS)


def sha256(pem: bytes) -> bytes:
    """SHA-256 of the certificate's DER, as clients see it."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return hashlib.sha256(der).digest()


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
