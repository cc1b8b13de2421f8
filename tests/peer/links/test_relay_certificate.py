"""The certificate of this process and the TLS contexts with it: who gets in, and who does not."""

from __future__ import annotations

import hashlib
import os
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chatixia.core.certificate import check_certificate
from chatixia.errors import BadRequest
from chatixia.peer.links.relay_certificate import RelayCertificate
from chatixia.peer.links.relay_tls import RelayTls
from chatixia.world import REAL


def meet(client: RelayTls, server: RelayTls) -> None:
    """Carry bytes between the two until neither has more. Raises what the server says first."""
    client.start()
    for _ in range(8):
        server.feed(client.take(1 << 20))
        client.feed(server.take(1 << 20))


def pair(mine: RelayCertificate, seen: bytes, other: RelayCertificate) -> tuple[RelayTls, RelayTls]:
    """A client with ``mine``; a server with ``other`` that expects ``seen``."""
    client = RelayTls(mine.context(other.der, server=False), server=False)
    return client, RelayTls(other.context(seen, server=True), server=True)


def test_both_see_the_very_certificate_that_the_other_has():
    one, two = RelayCertificate(REAL), RelayCertificate(REAL)
    client, server = pair(one, one.der, two)
    meet(client, server)
    assert client.fingerprint() == two.fingerprint == hashlib.sha256(two.der).digest()
    assert server.fingerprint() == one.fingerprint
    assert check_certificate(one.der) != check_certificate(two.der)


def test_without_a_file_in_memory_an_encrypted_one_is_used_and_gone(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, two = RelayCertificate(REAL), RelayCertificate(REAL)
    client, server = pair(one, one.der, two)
    meet(client, server)
    assert server.fingerprint() == one.fingerprint
    assert not list(tmp_path.iterdir())


def test_another_certificate_than_the_expected_one_is_refused():
    one, two, mallory = (RelayCertificate(REAL) for _ in range(3))
    client, server = pair(mallory, one.der, two)
    with pytest.raises(ssl.SSLError):
        meet(client, server)
    assert server.fingerprint() is None


def test_a_client_without_certificate_is_refused():
    one, two = RelayCertificate(REAL), RelayCertificate(REAL)
    _, server = pair(one, one.der, two)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=two.der)
    with pytest.raises(ssl.SSLError):
        meet(RelayTls(context, server=False), server)
    assert server.fingerprint() is None


def x509_of(
    subject: str, key: RelayCertificate, signer: RelayCertificate, issuer: str, authority: bool
) -> bytes:
    """A certificate of any other form. ``authority``: it may sign others."""
    own = x509.load_der_x509_certificate(key.der)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key._key.public_key())
        .serial_number(2)
        .not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    return builder.sign(signer._key, None).public_bytes(Encoding.DER)


def showing(signer: RelayCertificate | None) -> RelayCertificate:
    """Mallory's own key, under a certificate that ``signer`` signed (None: itself)."""
    mallory = RelayCertificate(REAL)
    issuer = "mallory" if signer is None else "chatixia"
    mallory.der = x509_of("mallory", mallory, signer or mallory, issuer, authority=False)
    return mallory


def test_a_key_that_the_expected_one_signed_is_not_that_one():
    one, two = RelayCertificate(REAL), RelayCertificate(REAL)
    client, server = pair(showing(one), one.der, two)
    with pytest.raises(ssl.SSLError):
        meet(client, server)


def test_under_an_authority_another_key_would_come_in_and_its_fingerprint_tells():
    """Why only the one form is taken, and why hello holds the fingerprint against the signed
    one."""
    one, two = RelayCertificate(REAL), RelayCertificate(REAL)
    root = x509_of("chatixia", one, one, "chatixia", authority=True)
    client, server = pair(showing(one), root, two)
    meet(client, server)
    assert server.fingerprint() not in (None, hashlib.sha256(root).digest())
    with pytest.raises(BadRequest):
        check_certificate(root)


def test_with_two_certificates_in_one_either_would_come_in_and_its_fingerprint_tells():
    one, two, mallory = RelayCertificate(REAL), RelayCertificate(REAL), showing(None)
    both = one.der + mallory.der
    client, server = pair(mallory, both, two)
    meet(client, server)
    assert server.fingerprint() == hashlib.sha256(mallory.der).digest() != one.fingerprint
    with pytest.raises(BadRequest):
        check_certificate(both)
