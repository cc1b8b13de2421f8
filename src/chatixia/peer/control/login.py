"""One connection to the registry: dial, prove each to the other, and read until the peers came.

The registry signs my nonce and the certificate that I see, with a key that its chain and my pin
name; what I send before that (chain and a signature over its nonce, mesh and my id) is good for
nothing else (trust.md section 4). Behind a proxy or tunnel it signs the nonce alone, and then the
system's roots must vouch for the certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import logging
import re
import ssl
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from chatixia.core.handshake import check_registry, login_bytes
from chatixia.core.join import is_loopback
from chatixia.core.ports import LocalIdentity
from chatixia.errors import (
    BadRequest,
    BadSignature,
    ConfigError,
    MeshError,
    RegistryUnreachable,
    Revoked,
    UpgradeNeeded,
)
from chatixia.wire import signed
from chatixia.wire.base import VERSIONS, decode, decoder, encode
from chatixia.wire.signaling import (
    MAX_FROM_REGISTRY,
    Challenge,
    FromRegistry,
    PeerList,
    Register,
    RevokedPush,
    SignalError,
    Welcome,
)
from chatixia.wire.trust import Signed
from chatixia.world import keep_private

from .connection import tls_context
from .login_socket import LoginSocket
from .reason import reason, refusal
from .resolver import LOOK_SECONDS, connected, is_number, look_up

OPEN_SECONDS: Final = 5.0
LOGIN_SECONDS: Final = 10.0
PING_SECONDS: Final = 5.0
PING_TIMEOUT: Final = 20.0
CLOSE_SECONDS: Final = 1.0
PROOF_SECONDS: Final = 1.0
MOST_BEFORE_PEERS: Final = 64
"""Frames between ``welcome`` and the last page of ``peer_list``."""

log = logging.getLogger("chatixia.peer")

_one = decoder(FromRegistry)
_many = decoder(list[FromRegistry])


class NobodyListens(RegistryUnreachable):
    """The host is there and refuses the connection: no registry runs at that address."""

    refused = True


class NoAddress(RegistryUnreachable):
    """The host is a name, and no resolver gives an address for it (yet)."""


class RevokedNotice(Revoked):
    """The registry says that this member is out, and shows the owner's word for it: still to be
    verified, as the registry itself is."""

    statement: Signed


class LoginConnection(msgspec.Struct):
    """A login that stands. ``frames``: what came with it, in order. ``key``: the registry's."""

    ws: LoginSocket
    url: str
    welcome: Welcome
    frames: list[Any]
    key: bytes


class _Dial(connect):
    """Goes where it was sent and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """A redirect is an answer that is no registry's."""
        return exc


def read(data: bytes | str) -> Iterator[Any]:
    """The frames of one message: one, or an array of them. Raises BadRequest or TooLarge."""
    if data[:1] in (b"[", "["):
        yield from decode(_many, data, MAX_FROM_REGISTRY)
    else:
        yield decode(_one, data, MAX_FROM_REGISTRY)


def name_of(url: str) -> str:
    """The host of a URL if it is a name, which a resolver must know; else nothing. Raises
    ConfigError."""
    host = _where(url).host
    return "" if is_number(host) else host


async def numbers_of(url: str) -> list[str]:
    """The addresses of a URL's host; none where it is one itself. Raises NoAddress, ConfigError."""
    if not (name := name_of(url)):
        return []
    try:
        return await look_up(name)
    except (OSError, UnicodeError) as error:
        raise NoAddress(f"{url} does not answer: {reason(error, LOOK_SECONDS)}.") from None


async def login(
    url: str,
    me: LocalIdentity,
    register: Register,
    token: bytes,
    vouched: bool = False,
    numbers: Sequence[str] = (),
) -> LoginConnection:
    """Log in at one address. ``token``: fresh bytes for my nonce. ``numbers``: the addresses of
    its host, where they have been looked up.

    Raises RegistryUnreachable when nobody answers, NobodyListens when the host refuses, NoAddress
    for a name that has none, the registry's own refusal, WrongMesh or BadSignature when it is not
    my mesh's registry, ConfigError for an address in clear.
    """
    numbers = numbers or await numbers_of(url)
    ws = await _dial(url, vouched, numbers)
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            line = await _greet(ws, url, me, register, token, vouched)
    except TimeoutError:
        await hang_up(ws)
        raise RegistryUnreachable(f"{url} does not finish the login.") from None
    except (OSError, ConnectionClosed) as error:
        await hang_up(ws)
        raise RegistryUnreachable(f"{url} broke off: {reason(error, LOGIN_SECONDS)}.") from None
    except BadSignature:
        await hang_up(ws)
        if vouched or not url.startswith("https:"):
            raise
    except BaseException:
        await hang_up(ws)
        raise
    else:
        return line
    return await login(url, me, register, token, vouched=True, numbers=numbers)


async def hang_up(ws: ClientConnection, seconds: float = CLOSE_SECONDS) -> None:
    """Close, and wait a little for the other side."""
    try:
        async with asyncio.timeout(seconds):
            await ws.close()
    except (OSError, TimeoutError):
        ws.transport.abort()


def _where(url: str) -> WebSocketURI:
    """What is connected to. Raises ConfigError for what is no address, or would be in clear."""
    if not url.startswith("https:") and not (url.startswith("http:") and is_loopback(url)):
        raise ConfigError(f"{url} would be spoken to in clear; only this machine may be.")
    try:
        return parse_uri(_target(url))
    except (InvalidURI, ValueError) as error:
        raise ConfigError(f"{url} is no address of a registry.") from error


def _target(url: str) -> str:
    return "ws" + url.removeprefix("http").rstrip("/") + "/ws"


async def _dial(url: str, vouched: bool, numbers: Sequence[str]) -> LoginSocket:
    where = _where(url)
    with as_mesh_error(url):
        return await open_socket(where, _target(url), vouched, numbers)


async def open_socket(
    where: WebSocketURI, target: str, vouched: bool, numbers: Sequence[str]
) -> LoginSocket:
    """The WebSocket of ``target``, whose parts are ``where``. Raises what a library raises."""
    sock = None
    async with asyncio.timeout(OPEN_SECONDS):
        if numbers:  # asyncio would ask for the name in a thread that its end waits for
            sock = await connected(numbers, where.port)
        ws = await _Dial(
            target,
            ssl=tls_context(vouched) if where.secure else None,
            sock=sock,
            compression=None,
            max_size=MAX_FROM_REGISTRY,
            max_queue=256,
            user_agent_header=None,
            proxy=None,
            open_timeout=None,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_TIMEOUT,
            close_timeout=CLOSE_SECONDS,
            create_connection=LoginSocket,
        )
        assert isinstance(ws, LoginSocket)
        keep_private(ws.transport.get_extra_info("socket").fileno())
        return ws


@contextlib.contextmanager
def as_mesh_error(url: str) -> Iterator[None]:
    """Turn what a library raises into what it means for ``url``, which is shown."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise BadSignature(f"Nobody vouches for the certificate of {url}.") from error
    except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
        if isinstance(error, MeshError):
            raise
        if _refused(error):
            raise NobodyListens(f"No registry runs at {url}: it refuses connections.") from None
        log.debug("%s does not answer", url, exc_info=error)
        raise RegistryUnreachable(
            f"{url} does not answer: {reason(error, OPEN_SECONDS)}."
        ) from None
    except (InvalidURI, ValueError) as error:
        raise ConfigError(f"{url} is no address of a registry.") from error


def _refused(error: Exception) -> bool:
    """Whether every address of the host refused; asyncio folds several reasons into one text."""
    if isinstance(error, ConnectionRefusedError):
        return True
    reasons = re.findall(r"\[Errno (\d+)\]", str(error))
    return bool(reasons) and set(reasons) == {str(errno.ECONNREFUSED)}


def certificate(ws: ClientConnection) -> bytes:
    """SHA-256 of the certificate that the registry showed; empty in clear."""
    tls: ssl.SSLObject | None = ws.transport.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return hashlib.sha256(der).digest() if der else b""


async def _greet(
    ws: LoginSocket,
    url: str,
    me: LocalIdentity,
    register: Register,
    token: bytes,
    vouched: bool,
) -> LoginConnection:
    challenge = _expect(await ws.recv(), Challenge)
    received_at = me.clock.now()
    if not set(challenge.versions) & set(VERSIONS):
        raise UpgradeNeeded("The registry speaks no version that this agent does.")
    me.renew(challenge.now)
    register.chain, register.nonce = me.chain, signed.b64(token)
    statement = login_bytes(register, me.mesh, signed.unb64(challenge.nonce))
    register.sig = signed.b64(me.sign(signed.LOGIN, statement))
    await ws.send(encode(register), text=True)
    frames = _Reader(ws)
    try:
        welcome = _expect(await frames.next(), Welcome)
    except Revoked as error:
        raise await _with_proof(error, frames) from None
    key = _prove(ws, me, challenge, welcome, token, vouched)
    # A login may take seconds; they count.
    me.clock.learn(challenge.now + me.clock.now() - received_at)
    me.registry_key = key
    return LoginConnection(ws, url, welcome, await frames.until_peers(), key)


async def _with_proof(error: Revoked, frames: _Reader) -> Revoked:
    """A refusal with the statement that follows it, if one does."""
    try:
        async with asyncio.timeout(PROOF_SECONDS):
            frame = await frames.next()
    except (TimeoutError, OSError, ConnectionClosed, MeshError):
        return error
    if not isinstance(frame, RevokedPush):
        return error
    notice = RevokedNotice(error.message, agent=error.agent)
    notice.statement = frame.statement
    return notice


def _prove(
    ws: ClientConnection,
    me: LocalIdentity,
    challenge: Challenge,
    welcome: Welcome,
    token: bytes,
    vouched: bool,
) -> bytes:
    def check(shown: bytes) -> bytes:
        return check_registry(
            challenge.registry,
            welcome.sig,
            nonce=token,
            certificate=shown,
            mesh=me.mesh,
            now=me.clock.now(),
            verify=me.verify,
            pinned=me.registry_key,
        ).sign

    try:
        return check(certificate(ws))
    except BadSignature:
        if not vouched:
            raise
        return check(b"")


class _Reader:
    """Frames one by one, whether they come alone or in arrays."""

    def __init__(self, ws: ClientConnection) -> None:
        self._ws = ws
        self._frames: list[Any] = []

    async def next(self) -> Any:
        """The next frame."""
        while not self._frames:
            self._frames = list(read(await self._ws.recv(decode=False)))
        return self._frames.pop(0)

    async def until_peers(self) -> list[Any]:
        """All up to the last page of ``peer_list``, and what came in its message."""
        frames: list[Any] = []
        while len(frames) < MOST_BEFORE_PEERS:
            frames.append(frame := await self.next())
            if isinstance(frame, PeerList) and not frame.next:
                return frames + self._frames
        raise BadRequest("The registry does not name the peers.")


def _expect(data: Any, kind: type[Any]) -> Any:
    """A frame of one kind, or the refusal that came in its place."""
    frame = next(iter(read(data)), None) if isinstance(data, bytes | str) else data
    if isinstance(frame, SignalError):
        raise refusal(frame)
    if not isinstance(frame, kind):
        raise BadRequest("The registry does not speak as it should.")
    return frame
