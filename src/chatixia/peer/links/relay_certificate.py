"""The throw-away certificate of this process, and TLS contexts of relay streams with it (ADR 0013).

Rather than the identity key, which would sign without a context and have to reach the TLS library
through a file: this key is worth nothing once the process ends.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chatixia.core.certificate import certificate_of, private_pem, to_sign
from chatixia.world import World

PASSWORD_BYTES: Final = 24


class RelayCertificate:
    """A key of this process and its certificate. ``der``; ``fingerprint``: SHA-256 of it."""

    def __init__(self, world: World) -> None:
        self._key, self._world = Ed25519PrivateKey.generate(), world
        public = self._key.public_key().public_bytes_raw()
        self.der = certificate_of(public, self._key.sign(to_sign(public)))
        self.fingerprint = hashlib.sha256(self.der).digest()

    def context(self, peer: bytes, *, server: bool) -> ssl.SSLContext:
        """TLS 1.3 with mine, to the end that has the certificate ``peer`` (DER, checked) and no
        other. ``server``: I am the TLS server."""
        kind = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
        context = ssl.SSLContext(kind)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # a certificate names nobody: the signed message does
        context.verify_mode = ssl.CERT_REQUIRED
        if server:
            context.num_tickets = 0
        self._load(context)
        context.load_verify_locations(cadata=peer)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        """The library reads keys from files only: one in memory, or else one that is encrypted."""
        if hasattr(os, "memfd_create"):
            self._load_from_memory(context)
        else:
            self._load_from_file(context)

    def _load_from_memory(self, context: ssl.SSLContext) -> None:
        fd = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            pem = private_pem(self._key.private_bytes_raw()) + ssl.DER_cert_to_PEM_cert(self.der)
            os.write(fd, pem.encode())
            context.load_cert_chain(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)

    def _load_from_file(self, context: ssl.SSLContext) -> None:
        # Here only: it would bring every agent the formats of all kinds of keys.
        import tempfile

        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            Encoding,
            PrivateFormat,
        )

        password = self._world.token(PASSWORD_BYTES).hex().encode()
        pem = self._key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
        )
        fd, name = tempfile.mkstemp()
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(pem + ssl.DER_cert_to_PEM_cert(self.der).encode())
            context.load_cert_chain(name, password=password)
        finally:
            Path(name).unlink()
