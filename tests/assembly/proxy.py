"""A stranger on the way: a TLS endpoint with a certificate of its own in front of a registry."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


class Authority:
    """A certificate authority of the test's own; ``roots`` is a file to trust it by."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        made = self._make(self._name, self._key, self._key, True, "")
        self.roots = folder / "roots.pem"
        self.roots.write_bytes(made.public_bytes(Encoding.PEM))

    def context(self, host: str = "localhost") -> ssl.SSLContext:
        """A server's context with a certificate for ``host``."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = self._make(name, key, self._key, False, host)
        path = self._folder / f"{host}.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(secret + made.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _make(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        authority: bool,
        host: str,
    ) -> x509.Certificate:
        draft = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(START)
            .not_valid_after(END)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
            )
        )
        if authority:
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            draft = draft.add_extension(usage, True)
        else:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            draft = draft.add_extension(names, False)
        return draft.sign(signer, hashes.SHA256())


class Proxy:
    """Takes TLS (or clear) on a free port and passes everything on to ``port``; ``seen`` holds
    what callers said, in clear."""

    def __init__(
        self, port: int, context: ssl.SSLContext | None = None, *, onward_tls: bool = False
    ) -> None:
        self._target, self._context, self._onward = port, context, onward_tls
        self.seen = b""
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://localhost:{self.port}"

    async def __aenter__(self) -> Proxy:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        context = None
        if self._onward:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        far, onward = await asyncio.open_connection("127.0.0.1", self._target, ssl=context)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, onward, True))
                group.create_task(self._pass(far, writer, False))
        finally:
            for end in (onward, writer):
                end.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: bool
    ) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                if note:
                    self.seen += data
                writer.write(data)
                await writer.drain()
            writer.close()
