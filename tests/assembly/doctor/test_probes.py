"""Questions over real sockets: to our own STUN server, and to small servers that answer TURN."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from chatixia.assembly.doctor import probes, stun
from chatixia.assembly.doctor.probes import ServerUrl, mappings, may_relay, server_url
from chatixia.registry.live.stun import Stun
from chatixia.world import REAL

HERE = "127.0.0.1"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("stun:a.example", ("stun", "a.example", 3478, "udp")),
        ("turn:a.example:443?transport=tcp", ("turn", "a.example", 443, "tcp")),
        ("turn:[2001:db8::1]:99", ("turn", "2001:db8::1", 99, "udp")),
        ("turns:a.example", ("turns", "a.example", 5349, "tls")),
        ("http://a", None),
        ("turn:", None),
        ("", None),
    ],
)
def test_urls(url: str, found: tuple[str, str, int, str] | None):
    assert server_url(url) == (ServerUrl(*found) if found else None)


def test_a_url_is_shown_as_people_write_it():
    assert ServerUrl("turn", "2001:db8::1", 99, "udp").shown == "[2001:db8::1]:99"


async def stun_server() -> tuple[asyncio.DatagramTransport, ServerUrl]:
    loop = asyncio.get_running_loop()
    made, _ = await loop.create_datagram_endpoint(lambda: Stun(REAL), local_addr=(HERE, 0))
    return made, ServerUrl("stun", HERE, made.get_extra_info("sockname")[1], "udp")


def silent() -> tuple[socket.socket, ServerUrl]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((HERE, 0))
    return sock, ServerUrl("stun", HERE, sock.getsockname()[1], "udp")


async def test_servers_say_what_they_see_of_one_socket(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "ASK_SECONDS", 0.4)
    monkeypatch.setattr(probes, "AGAIN_SECONDS", 0.2)
    one, first = await stun_server()
    other, second = await stun_server()
    quiet, third = silent()
    unknown = ServerUrl("stun", "no.such.host.invalid", 3478, "udp")
    resolve = socket.getaddrinfo

    def offline(host: str, *rest: Any, **options: Any) -> Any:
        """The resolver's answer to an unknown name, without asking it."""
        if host == unknown.host:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    try:
        found = await mappings([first, second, third, unknown], REAL)
    finally:
        one.close()
        other.close()
        quiet.close()
    assert len(found.addresses) == 2 and len(set(found.addresses)) == 1
    assert found.servers == 3 and found.local


async def test_nobody_is_asked_and_nobody_seen():
    found = await mappings([], REAL)
    assert (found.addresses, found.servers, found.local) == ([], 0, False)


Answer = Callable[[stun.StunAnswer], bytes]


def turn_answers(kind: int, *refusal: int) -> Answer:
    """A TURN server: 401 first, then success, or the refusal."""

    def answer(asked: stun.StunAnswer) -> bytes:
        if stun.INTEGRITY not in asked.attributes:
            code = 401
        elif refusal:
            code = refusal[0]
        else:
            return stun.message(asked.kind | stun.SUCCESS, asked.transaction, [])
        said = (stun.ERROR_CODE, bytes((0, 0, code // 100, code % 100)))
        named = [(stun.REALM, b"mesh"), (stun.NONCE, b"n")] if kind else []
        return stun.message(asked.kind | stun.FAILURE, asked.transaction, [said, *named])

    return answer


class TurnServer(asyncio.DatagramProtocol):
    def __init__(self, answer: Answer) -> None:
        self.answer, self.kinds = answer, list[int]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = stun.read(data)
        assert asked
        self.kinds.append(asked.kind)
        self.transport.sendto(b"junk", addr)
        self.transport.sendto(self.answer(asked), addr)


async def ask(answer: Answer) -> tuple[str, list[int]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: TurnServer(answer), local_addr=(HERE, 0)
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        return await may_relay(ServerUrl("turn", HERE, port, "udp"), "u", "p", REAL), server.kinds
    finally:
        transport.close()


async def test_an_allocation_is_given_back():
    why, kinds = await ask(turn_answers(1))
    assert why == "" and kinds == [stun.ALLOCATE, stun.ALLOCATE, stun.REFRESH]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (turn_answers(1, 401), "refuses the credential"),
        (turn_answers(1, 486), "quota"),
        (turn_answers(1, 300), "refused with 300"),
        (turn_answers(0), "not a TURN server"),
    ],
)
async def test_why_there_is_none(answer: Answer, says: str):
    assert says in (await ask(answer))[0]


async def test_a_silent_server_is_waited_for_and_no_longer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "ASK_SECONDS", 0.2)
    quiet, server = silent()
    began = REAL.monotonic()
    assert await may_relay(server._replace(scheme="turn"), "u", "p", REAL) == "no answer"
    assert REAL.monotonic() - began < 5
    quiet.close()


async def test_over_tcp():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = turn_answers(1)
        while head := await reader.read(stun.HEADER):
            asked = stun.read(head + await reader.readexactly(int.from_bytes(head[2:4])))
            assert asked
            writer.write(answer(asked))
        writer.close()

    server = await asyncio.start_server(serve, HERE, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await may_relay(ServerUrl("turn", HERE, port, "tcp"), "u", "p", REAL) == ""
        tls = await may_relay(ServerUrl("turns", HERE, port, "tls"), "u", "p", REAL)
        assert tls
    refused = await may_relay(ServerUrl("turn", HERE, port, "tcp"), "u", "p", REAL)
    assert refused and refused != "no answer"
