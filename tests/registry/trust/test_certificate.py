"""The registry's own certificate: P-256, its names, made anew when they change or it grows old."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from chatixia.registry.trust.certificate import VALID_DAYS, fits, make_certificate, make_key, sha256

NAMES = ["192.0.2.1", "2001:db8::1", "laptop.local"]
NOW = 1_800_000_000.0


def test_it_names_what_it_is_for(tmp_path: Path):
    key = make_key()
    pem = make_certificate(key, NAMES, NOW)
    found = x509.load_pem_x509_certificate(pem)
    assert isinstance(found.public_key(), ec.EllipticCurvePublicKey)
    said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(n.value) for n in said} == set(NAMES)
    (tmp_path / "k").write_bytes(key)
    (tmp_path / "c").write_bytes(pem)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "c", tmp_path / "k")
    assert sha256(pem) == found.fingerprint(found.signature_hash_algorithm)  # type: ignore[arg-type]


def test_when_a_new_one_is_needed():
    pem = make_certificate(make_key(), NAMES, NOW)
    assert fits(pem, NAMES, NOW)
    assert not fits(pem, NAMES[:2], NOW)
    assert not fits(pem, [*NAMES, "192.0.2.9"], NOW)
    assert not fits(pem, NAMES, NOW + (VALID_DAYS - 30) * 86_400)
    assert not fits(b"", NAMES, NOW)
