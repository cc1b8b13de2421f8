"""A registry's front door that tests can bend: real WebSockets, real keys, no memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from chatixia.core.ports import LocalIdentity
from chatixia.wire import signed
from chatixia.wire.base import decode, decoder, encode
from chatixia.wire.signaling import (
    MAX_SIGNAL,
    Challenge,
    Config,
    FromAgent,
    PeerList,
    Register,
    RevokedPush,
    SignalError,
    Welcome,
)
from tests.core.circle import NOW, Party, agent, owner
from tests.intercept import Interceptor

_frames = decoder(FromAgent)


class Front:
    """``bend`` may change each frame before it goes; ``refuse`` answers ``register``,
    and ``proof`` after it."""

    def __init__(self, party: Party | None = None) -> None:
        self.party = party or Party("registry", "registry", owner())
        self.bend = Interceptor()
        self.refuse: SignalError | None = None
        self.proof: RevokedPush | None = None
        self.certificate = b""
        self.now = float(NOW)
        self.logins: list[Register] = []
        self.got: list[Any] = []
        self.sockets: list[ServerConnection] = []
        self.addresses: list[str] = []
        self.url = ""
        self.tls: ssl.SSLContext | None = None
        self._changed = asyncio.Event()

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def say(self, ws: ServerConnection, frame: Any) -> None:
        for bent in self.bend(frame):
            await ws.send(encode(bent).decode())

    async def __call__(self, ws: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            await self._serve(ws)

    async def _serve(self, ws: ServerConnection) -> None:
        nonce = signed.b64(b"r" * 16)
        await self.say(ws, Challenge(nonce, self.now, [1], self.party.mesh, self.party.chain))
        register = decode(_frames, await ws.recv(), MAX_SIGNAL)
        self.logins.append(register)
        self._changed.set()
        if self.refuse is not None:
            await self.say(ws, self.refuse)
            if self.proof is not None:
                await self.say(ws, self.proof)
            return
        said = signed.registry(
            mesh=self.party.mesh, nonce=signed.unb64(register.nonce), certificate=self.certificate
        )
        proof = signed.b64(self.party.sign.sign(signed.REGISTRY, said))
        await self.say(ws, Welcome(register.peer_id, "1.1", self.now, sig=proof))
        await self.say(ws, Config(addresses=self.addresses))
        await self.say(ws, PeerList([]))
        self.sockets.append(ws)
        async for text in ws:
            self.got.append(text if isinstance(text, bytes) else decode(_frames, text, MAX_SIGNAL))
            self._changed.set()


@contextlib.asynccontextmanager
async def front(
    port: int = 0, party: Party | None = None, tls: Path | None = None
) -> AsyncIterator[Front]:
    """A front door on loopback. ``tls``: a folder for a certificate of its own."""
    made = Front(party)
    context = None
    if tls is not None:
        context, made.certificate = own_certificate(tls)
        made.tls = context
    async with serve(made, "127.0.0.1", port, ssl=context, compression=None) as server:
        number = next(iter(server.sockets)).getsockname()[1]
        made.url = f"{'https' if tls else 'http'}://127.0.0.1:{number}"
        yield made


def own_certificate(folder: Path) -> tuple[ssl.SSLContext, bytes]:
    """A self-signed certificate, as the registry makes one; its SHA-256."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2090))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "tls.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    return context, hashlib.sha256(made.public_bytes(Encoding.DER)).digest()


def me(*urls: str, name: str = "weather") -> LocalIdentity:
    """A member that knows these addresses."""
    made = agent(name).me()
    made.registries = list(urls)
    return made
