"""Questions to STUN and TURN servers: is there an answer, which address do they see, may I relay.

Only servers that the registry named are asked. Nothing is relayed: an allocation that a TURN
server grants is given back at once.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from chatixia.world import World

from . import stun

ASK_SECONDS: Final = 3.0
"""For one server, with what is lost and said again."""
AGAIN_SECONDS: Final = 0.5
MOST_SERVERS: Final = 8


class ServerUrl(NamedTuple):
    """A STUN or TURN URL taken apart. ``transport``: ``udp``, ``tcp`` or ``tls``."""

    scheme: str
    host: str
    port: int
    transport: str

    @property
    def shown(self) -> str:
        """As people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def server_url(url: str) -> ServerUrl | None:
    """``url`` taken apart, or None for what is not a STUN or TURN URL (RFC 7064, RFC 7065)."""
    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    if scheme not in ("stun", "turn", "turns") or not place:
        return None
    host, _, port = place.rpartition(":") if place.rpartition(":")[2].isdigit() else (place, "", "")
    secure = scheme == "turns"
    transport = "tls" if secure else "tcp" if query == "transport=tcp" else "udp"
    number = int(port[:5]) if port else 5349 if secure else 3478
    return ServerUrl(scheme, host.strip("[]"), number, transport)


class Mapping(NamedTuple):
    """What servers saw of one UDP socket. ``local``: whether one of them saw its own address."""

    addresses: list[tuple[str, int]]
    servers: int
    local: bool


async def mappings(servers: Sequence[ServerUrl], world: World) -> Mapping:
    """Ask up to 8 servers over UDP, by one socket, which address they see."""
    places = [result for each in servers[:MOST_SERVERS] if (result := await _lookup(each))]
    questions = _UdpQuestions()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: questions,
        local_addr=("0.0.0.0", 0),  # noqa: S104 - one socket for every route
    )
    try:
        waits = [questions.ask(place, stun.BINDING, [], None, world) for place in places]
        answers = await asyncio.gather(*waits)
        port = transport.get_extra_info("sockname")[1]
        addresses = [each.mapped for each in answers if each and each.mapped]
        own = {(_source(place), port) for place in places}
        return Mapping(addresses, len(places), any(each in own for each in addresses))
    finally:
        transport.close()


async def may_relay(server: ServerUrl, username: str, password: str, world: World) -> str:
    """Ask a TURN server for an allocation and give it back; empty, or why there is none."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            place = await _lookup(server)
            if place is None:
                return "its name cannot be resolved"
            questions = await _connected(server, place)
            try:
                return await _allocate(questions, place, username, password, world)
            finally:
                questions.close()
    except TimeoutError:
        return "no answer"
    except ssl.SSLError as error:
        return f"TLS failed: {error.reason}"
    except OSError as error:
        return (error.strerror or "no connection").lower()


class Questions(Protocol):
    """A way to one or more servers."""

    async def ask(
        self,
        place: tuple[str, int],
        kind: int,
        attributes: stun.Attributes,
        login: stun.TurnLogin | None,
        world: World,
    ) -> stun.StunAnswer | None:
        """The answer to a request, or None if none came in time."""
        ...

    def close(self) -> None:
        """Let go of the socket."""
        ...


async def _allocate(
    questions: Questions, place: tuple[str, int], username: str, password: str, world: World
) -> str:
    wanted = [(stun.TRANSPORT, stun.UDP_RELAY)]
    first = await questions.ask(place, stun.ALLOCATE, wanted, None, world)
    if first is None:
        return "no answer"
    realm, nonce = first.attributes.get(stun.REALM), first.attributes.get(stun.NONCE)
    if first.error != 401 or realm is None or nonce is None:
        return f"it is not a TURN server (error {first.error})"
    login = stun.TurnLogin(username, password, realm, nonce)
    answer = await questions.ask(place, stun.ALLOCATE, wanted, login, world)
    if answer is None:
        return "no answer to the credential"
    if not answer.succeeded:
        return REFUSALS.get(answer.error, f"refused with {answer.error}")
    await questions.ask(place, stun.REFRESH, [(stun.LIFETIME, bytes(4))], login, world)
    return ""


REFUSALS: Final = {
    401: "it refuses the credential: its secret differs, or a clock is wrong",
    403: "it forbids relaying",
    486: "the quota of this member is used up",
    508: "it is full",
}


class _UdpQuestions(asyncio.DatagramProtocol):
    """Requests by one UDP socket, said again until their answers come."""

    def __init__(self) -> None:
        self._waits: dict[bytes, asyncio.Future[stun.StunAnswer]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A datagram came: the answer to a question that waits, or it is ignored."""
        result = stun.read(data)
        wait = self._waits.get(result.transaction) if result else None
        if result and wait and not wait.done():
            wait.set_result(result)

    def error_received(self, exc: Exception) -> None:
        """A port was closed: the silence says the same."""

    async def ask(
        self,
        place: tuple[str, int],
        kind: int,
        attributes: stun.Attributes,
        login: stun.TurnLogin | None,
        world: World,
    ) -> stun.StunAnswer | None:
        """As :class:`Questions` says."""
        assert self._transport
        transaction = world.token(stun.TRANSACTION_BYTES)
        packet = stun.message(kind, transaction, attributes, login)
        wait: asyncio.Future[stun.StunAnswer] = asyncio.get_running_loop().create_future()
        self._waits[transaction] = wait
        try:
            for _ in range(int(ASK_SECONDS / AGAIN_SECONDS)):
                self._transport.sendto(packet, place)
                done, _waiting = await asyncio.wait({wait}, timeout=AGAIN_SECONDS)
                if done:
                    return wait.result()
            return None
        finally:
            del self._waits[transaction]

    def close(self) -> None:
        """Let go of the socket."""
        if self._transport:
            self._transport.close()


class _StreamQuestions:
    """Requests over TCP or TLS, one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(
        self,
        place: tuple[str, int],
        kind: int,
        attributes: stun.Attributes,
        login: stun.TurnLogin | None,
        world: World,
    ) -> stun.StunAnswer | None:
        """As :class:`Questions` says."""
        transaction = world.token(stun.TRANSACTION_BYTES)
        self._writer.write(stun.message(kind, transaction, attributes, login))
        try:
            head = await self._reader.readexactly(stun.HEADER)
            length = min(int.from_bytes(head[2:4]), stun.MAX_MESSAGE)
            return stun.read(head + await self._reader.readexactly(length))
        except asyncio.IncompleteReadError:
            return None

    def close(self) -> None:
        """Let go of the connection."""
        self._writer.close()


async def _connected(server: ServerUrl, place: tuple[str, int]) -> Questions:
    if server.transport == "udp":
        loop = asyncio.get_running_loop()
        any_port = ("0.0.0.0", 0)  # noqa: S104 - one socket for every route
        _, udp = await loop.create_datagram_endpoint(_UdpQuestions, local_addr=any_port)
        return udp
    tls = ssl.create_default_context() if server.transport == "tls" else None
    name = server.host if tls else None
    return _StreamQuestions(*await asyncio.open_connection(*place, ssl=tls, server_hostname=name))


async def _lookup(server: ServerUrl) -> tuple[str, int] | None:
    """An IPv4 address of a server, so that one socket can ask them all."""
    loop = asyncio.get_running_loop()
    with suppress(OSError, TimeoutError, UnicodeError):
        async with asyncio.timeout(ASK_SECONDS):
            result = await loop.getaddrinfo(server.host, server.port, family=socket.AF_INET)
            return str(result[0][4][0]), int(result[0][4][1])
    return None


def _source(place: tuple[str, int]) -> str:
    """The address from which packets to ``place`` leave; none is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(place)
        return str(probe.getsockname()[0])
    return ""
