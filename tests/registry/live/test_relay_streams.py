"""Relay streams at a real registry: opened, carried, bounded, and never at the cost of a login."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from chatixia.core.relay_table import SOCKET_BYTES
from chatixia.registry.live import relay_queue
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.relay import (
    MAX_RELAY_DATA,
    RELAY_WINDOW,
    RelayHeader,
    RelayKind,
    RelayReason,
    close_message,
    credit_message,
    credit_of,
    data_message,
    read_header,
)
from tests.registry.doors import Peer, agent, dial, enrolled, register_frame

CERTIFICATE = "AAAA"


async def opened(a: Peer, b: Peer, attempt: int = 1) -> None:
    """A stream that ``a`` asked for."""
    one, other = str(a.welcome["peer_id"]), str(b.welcome["peer_id"])
    await ask(a, other, attempt)
    asked = await b.next("relay_open", attempt=attempt)
    assert asked["peer_id"] == one and asked["certificate"] == CERTIFICATE
    await b.send(type="relay_ready", target_id=one, attempt=attempt, certificate=CERTIFICATE)
    assert (await a.next("relay_ready", attempt=attempt))["peer_id"] == other


async def ask(peer: Peer, target: str, attempt: int = 1) -> None:
    await peer.send(type="relay_open", target_id=target, attempt=attempt, certificate=CERTIFICATE)


async def two(registry: RegistryHarness) -> tuple[Peer, Peer]:
    return await agent(registry, "a"), await agent(registry, "b")


async def read(peer: Peer) -> tuple[RelayHeader, bytes]:
    message = await peer.relayed()
    header = read_header(message)
    return header, message[header.start :]


async def reason(peer: Peer) -> tuple[str, int, int]:
    """Peer, attempt and reason of the next message, which is a close."""
    message = await peer.relayed()
    header = read_header(message)
    assert header.kind is RelayKind.CLOSE
    return header.peer, header.attempt, message[header.start]


async def alive(*peers: Peer) -> None:
    for peer in peers:
        await peer.send(type="ping", id="still")
        await peer.next("pong", id="still")


def waiting(registry: RegistryHarness) -> int:
    return registry.running.service.relay.waiting


async def test_data_credit_and_the_end_go_to_the_other_end_from_whom_they_came(
    registry: RegistryHarness,
):
    a, b = await two(registry)
    await opened(a, b, 7)
    for sender, receiver, name in ((a, b, "a"), (b, a, "b")):
        other = "b" if name == "a" else "a"
        await sender.ws.send(data_message(other, 7, b"cipher"))
        header, data = await read(receiver)
        assert (header.kind, header.peer, header.attempt) == (RelayKind.DATA, name, 7)
        assert data == b"cipher"
    await b.ws.send(credit_message("a", 7, RELAY_WINDOW + 6))
    message = await a.relayed()
    header = read_header(message)
    assert (header.kind, header.peer) == (RelayKind.CREDIT, "b")
    assert credit_of(message, header) == RELAY_WINDOW + 6
    await a.ws.send(data_message("b", 7, b"last"))
    await a.ws.send(close_message("b", 7, RelayReason.BYE))
    assert (await read(b))[1] == b"last"
    assert await reason(b) == ("a", 7, RelayReason.BYE)
    metrics = (await registry.running.service._metrics()).decode()
    assert "chatixia_relay_bytes_total 16.0" in metrics
    assert 'chatixia_relay_ended_total{reason="bye"} 1.0' in metrics
    assert "chatixia_relay_streams 0.0" in metrics and waiting(registry) == 0


async def test_what_comes_faster_than_its_turns_keeps_its_order(registry: RegistryHarness):
    a, b = await two(registry)
    await opened(a, b)
    for n in range(500):
        await a.ws.send(data_message("b", 1, b"%d" % n))
    assert [(await read(b))[1] for _ in range(500)] == [b"%d" % n for n in range(500)]


async def test_both_may_open_at_once_and_either_answer_makes_the_stream(
    registry: RegistryHarness,
):
    a, b = await two(registry)
    await ask(a, "b")
    await ask(b, "a")
    await b.next("relay_open")
    await a.next("relay_open")
    await b.send(type="relay_ready", target_id="a", attempt=1, certificate=CERTIFICATE)
    await a.next("relay_ready")
    await a.ws.send(data_message("b", 1, b"x"))
    assert (await read(b))[1] == b"x"


async def test_a_ready_that_nobody_waits_for_makes_no_stream(registry: RegistryHarness):
    a, b = await two(registry)
    await ask(a, "b", 2)
    await b.next("relay_open")
    for attempt, target, code in ((1, "a", "not_found"), (2, "nobody", "unknown_agent")):
        await b.send(type="relay_ready", target_id=target, attempt=attempt, certificate=CERTIFICATE)
        assert (await b.next("error", ref="relay_ready"))["code"] == code
    await a.send(type="relay_ready", target_id="b", attempt=2, certificate=CERTIFICATE)
    assert (await a.next("error", ref="relay_ready"))["code"] == "not_found"
    await a.ws.send(data_message("b", 2, b"x"))
    assert await reason(a) == ("b", 2, RelayReason.UNKNOWN_STREAM)
    await alive(a, b)
    assert not b.binary


async def test_data_without_a_stream_or_for_anothers_is_refused_and_reaches_nobody(
    registry: RegistryHarness,
):
    a, b = await two(registry)
    c = await agent(registry, "c")
    await opened(a, b)
    for sender, target, attempt in ((c, "a", 1), (c, "b", 1), (a, "b", 2), (a, "nobody", 1)):
        await sender.ws.send(data_message(target, attempt, b"x"))
        assert await reason(sender) == (target, attempt, RelayReason.UNKNOWN_STREAM)
        await sender.ws.send(credit_message(target, attempt, 2**63))
        assert await reason(sender) == (target, attempt, RelayReason.UNKNOWN_STREAM)
        await sender.ws.send(close_message(target, attempt, RelayReason.BYE))
    await alive(a, b, c)
    assert not (a.binary or b.binary or c.binary)
    await a.ws.send(data_message("b", 1, b"fine"))
    assert (await read(b))[1] == b"fine"


def wrong_messages() -> Iterator[tuple[bytes, str]]:
    good = data_message("b", 1, b"x")
    yield b"", "bad_request"
    yield good[:-1], "bad_request"
    yield bytes([9]) + good[1:], "unknown_type"
    yield data_message("b", 1, bytes(MAX_RELAY_DATA + 1)), "too_large"
    yield b"\x01\x01/" + good[3:], "bad_request"
    yield credit_message("b", 1, 1)[:-1], "bad_request"


async def test_what_is_no_message_of_the_relay_is_refused_and_the_login_lives(
    registry: RegistryHarness,
):
    a, b = await two(registry)
    await opened(a, b)
    for message, code in wrong_messages():
        await a.ws.send(message)
        assert (await a.next("error", ref="relay"))["code"] == code
    for _ in range(300):
        await a.ws.send(b"\x09")
        await a.ws.send(data_message("c", 1, b"x"))
    await alive(a, b)
    said = len(a.binary) + sum(frame.get("ref") == "relay" for frame in a.kept)
    assert said < 100, "a flood is answered now and then only"
    await a.ws.send(data_message("b", 1, b"fine"))
    assert (await read(b))[1] == b"fine"


async def test_over_its_credit_a_stream_is_closed_and_nothing_else(registry: RegistryHarness):
    a, b = await two(registry)
    await opened(a, b)
    for _ in range(RELAY_WINDOW // MAX_RELAY_DATA):
        await a.ws.send(data_message("b", 1, bytes(MAX_RELAY_DATA)))
    await a.ws.send(data_message("b", 1, b"!"))
    assert await reason(a) == ("b", 1, RelayReason.OVER_CREDIT)
    for _ in range(RELAY_WINDOW // MAX_RELAY_DATA):
        assert len((await read(b))[1]) == MAX_RELAY_DATA
    assert await reason(b) == ("a", 1, RelayReason.OVER_CREDIT)
    await alive(a, b)
    await opened(a, b, 2)


async def test_credit_that_a_receiver_promises_and_does_not_take_brings_no_more(
    registry: RegistryHarness,
):
    a, b = await two(registry)
    await opened(a, b)
    await b.ws.send(credit_message("a", 1, 2**62))
    await alive(b)
    roster, table = registry.running.service.roster, registry.running.service.relay.table
    stream = table.find("a", "b", 1)
    assert stream and stream.flows["a"].allowed == RELAY_WINDOW and roster.get("b")
    await a.ws.send(data_message("b", 1, bytes(MAX_RELAY_DATA)))
    assert len((await read(b))[1]) == MAX_RELAY_DATA
    message = await a.relayed()
    assert credit_of(message, read_header(message)) == RELAY_WINDOW + MAX_RELAY_DATA


async def test_the_end_of_a_login_ends_its_streams_behind_what_it_sent(registry: RegistryHarness):
    a, b = await two(registry)
    await opened(a, b)
    await a.ws.send(data_message("b", 1, b"last word"))
    await a.send(type="goodbye")
    assert (await read(b))[1] == b"last word"
    assert await reason(b) == ("a", 1, RelayReason.PEER_LEFT)
    await b.ws.send(data_message("a", 1, b"x"))
    assert await reason(b) == ("a", 1, RelayReason.UNKNOWN_STREAM)
    assert len(registry.running.service.relay.table) == 0


async def test_a_third_stream_of_a_pair_ends_its_first(registry: RegistryHarness):
    a, b = await two(registry)
    for attempt in (1, 2):
        await opened(a, b, attempt)
    await ask(b, "a", 3)
    await a.next("relay_open", attempt=3)
    assert await reason(a) == ("b", 1, RelayReason.LIMITS)
    assert await reason(b) == ("a", 1, RelayReason.LIMITS)
    await ask(a, "b", 2)
    assert (await a.next("error", ref="relay_open"))["code"] == "denied"


async def test_who_has_no_links_has_no_relay(registry: RegistryHarness):
    a = await agent(registry, "a")
    await ask(a, "nobody")
    assert (await a.next("error", ref="relay_open"))["code"] == "unknown_agent"
    await ask(a, "a")
    assert (await a.next("error", ref="relay_open"))["code"] == "unknown_agent"
    await ask(a, "nobody", 2**32)
    error = await a.next("error")
    assert error["code"] in ("bad_request", "unknown_agent", "invalid")
    assert len(registry.running.service.relay.table) == 0


async def test_a_flood_of_answers_is_slow(monkeypatch: pytest.MonkeyPatch, registry: Any):
    monkeypatch.setattr(relay_queue, "ANSWER_RATE", (2.0, 1e9))
    a = await agent(registry, "a")
    for _ in range(5):
        await a.ws.send(b"\x09")
    await alive(a)
    assert sum(frame.get("ref") == "relay" for frame in a.kept) == 2


async def deaf(registry: RegistryHarness, name: str) -> Peer:
    """A login whose connection takes little before somebody reads."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    line.setblocking(False)
    port = registry.running.started.port
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
    who = await enrolled(registry, name)
    peer = await dial(registry, sock=line)
    await peer.send(**register_frame(who, peer.challenge))
    peer.welcome = await peer.next("welcome")
    return peer


async def stalled(registry: RegistryHarness) -> tuple[Peer, list[Peer]]:
    """One that does not read, and ten who have sent it a window on each of two streams."""
    b = await deaf(registry, "b")
    senders = [await agent(registry, f"s{n}") for n in range(10)]
    for sender in senders:
        for attempt in (1, 2):
            await opened(sender, b, attempt)
    b.ws.transport.pause_reading()
    for sender in senders:
        for part in range(2 * RELAY_WINDOW // MAX_RELAY_DATA):
            await sender.ws.send(data_message("b", 1 + part % 2, bytes(MAX_RELAY_DATA)))
    await alive(*senders)
    return b, senders


async def test_a_reader_that_does_not_read_costs_its_senders_streams_and_nobody_a_login(
    registry: RegistryHarness,
):
    """And what the registry has to say itself goes before what waits for that reader."""
    b, senders = await stalled(registry)
    relay = registry.running.service.relay
    waits = relay.waiting
    assert SOCKET_BYTES // 2 < waits <= SOCKET_BYTES
    reasons = [await reason(sender) for sender in senders if sender.binary]
    assert reasons and {why for _, _, why in reasons} == {RelayReason.LIMITS}
    await b.send(type="ping", id="first")
    await senders[0].verb("status")
    b.ws.transport.resume_reading()
    await b.next("pong", id="first")
    b.binary.clear()
    later = 0
    while later < waits - 4 * MAX_RELAY_DATA:
        later += len(await b.relayed())
    await alive(b, *senders)
    b.ws.transport.abort()


async def test_what_waits_for_a_reader_is_let_go_with_its_login(registry: RegistryHarness):
    b, senders = await stalled(registry)
    relay = registry.running.service.relay
    assert relay.waiting
    b.ws.transport.abort()
    for sender in senders:
        assert {(await reason(sender))[1] for _ in (1, 2)} == {1, 2}
    while relay.waiting:
        await asyncio.sleep(0)
    assert len(relay.table) == 0
