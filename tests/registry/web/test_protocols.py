"""One connection from request to request: bounds of what is parsed before anything is proved."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from chatixia.registry.web import protocols
from chatixia.registry.web.protocols import MAX_PIPELINED, POLICY, TRY_LATER
from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import HANG, OPENED, agent, dial, token_of
from tests.registry.strangers import HEALTH, OK, RawLine, bounded, raw
from tests.until import until

PARTS = 1024
POST = b"POST /api/nonce HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


async def flood(line: RawLine, first: bytes, piece: bytes, most: int) -> tuple[int, bytes]:
    """How much was taken of ``most`` bytes before the line ended, and what was answered."""
    answer, taken = asyncio.create_task(line.ended()), len(first)
    try:
        await line.say(first)
        while taken < most and not answer.done():
            await line.say(piece)
            taken += len(piece)
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    return taken, await answer


@pytest.mark.parametrize("again", [False, True], ids=["first request", "second request"])
async def test_a_header_that_never_ends_is_cut_at_64_kib(tmp_path: Path, again: bool):
    async with bounded(tmp_path) as registry:
        line = await raw(registry)
        if again:
            await line.say(HEALTH)
            await line.until(OK)
        first = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
        taken, said = await flood(line, first, b"a" * 4096, 12_000_000)
        assert said.startswith(b"HTTP/1.1 431 ") or (said == b"" and taken < 8_000_000), said
        assert taken < 8_000_000 and not len(registry.running.service.unproved)
        whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 60_000 + b"\r\n\r\n"
        await (await raw(registry, whole)).until(OK)


async def test_trailers_without_end_are_cut_as_headers_are(tmp_path: Path):
    async with bounded(tmp_path) as registry:
        line = await raw(registry)
        first = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
        taken, _ = await flood(line, first, b"X-%d: a\r\n" % 7 * 500, 12_000_000)
        assert taken < 8_000_000


async def test_requests_that_wait_behind_one_another_are_bounded(tmp_path: Path):
    async with bounded(tmp_path) as registry:
        few = await raw(registry, HEALTH * (MAX_PIPELINED - 1))
        for _ in range(MAX_PIPELINED - 1):
            await few.until(OK)
        many = await raw(registry, HEALTH * 5000)
        assert (await many.ended()).count(OK) <= MAX_PIPELINED + 1
        await few.say(HEALTH)
        await few.until(OK)


@pytest.mark.parametrize(
    "said",
    [
        HEALTH[:-2],
        POST + b"Content-Length: 9\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["half a head", "half a body", "no chunk"],
)
async def test_what_is_not_whole_in_time_is_answered_408(tmp_path: Path, said: bytes):
    async with bounded(tmp_path, seconds=0.5) as registry:
        assert (await (await raw(registry, said)).ended()).startswith(b"HTTP/1.1 408 ")
        later = await raw(registry, HEALTH)
        await later.until(OK)
        assert (await later.ended()) == b"", "between requests there is nothing to say"


async def test_a_member_s_upload_takes_its_time_and_its_line_may_stand_idle(tmp_path: Path):
    async with bounded(tmp_path, seconds=0.5) as registry:
        peer = await agent(registry, "a")
        head = (
            f"POST /api/hub/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
            f"{await token_of(peer)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: 2\r\n\r\n"
        )
        member = await raw(registry, head.encode() + b"{")
        stranger = await raw(registry, HEALTH[:-2])
        await stranger.ended()
        await member.say(b"}")
        assert b" 422 " in await member.until(b"\r\n"), "the body was read, and judged"
        await member.until(b"}")
        other = await raw(registry, HEALTH[:-2])
        await other.ended()
        await member.say(HEALTH)
        await member.until(OK)


async def test_a_socket_that_says_nothing_hears_why_it_ends(tmp_path: Path):
    async with bounded(tmp_path, seconds=0.5) as registry:
        member = await agent(registry, "a")
        silent = await dial(registry)
        assert (await silent.next("error"))["code"] == "deadline_exceeded"
        await silent.closed()
        assert (await member.verb("status"))["type"] == "result"


def begun(size: int, sent: int) -> bytes:
    """The beginning of a masked text message of ``size`` bytes."""
    return b"\x81\xff" + size.to_bytes(8, "big") + b"\0\0\0\0" + b" " * sent


async def emptied(registry: RegistryHarness) -> None:
    """Until no login holds anything of a share."""
    await until(lambda: not registry.running.service.unproved.members.used, HANG)


async def test_half_messages_of_logins_are_their_machines_share(registry: RegistryHarness):
    registry.running.service.unproved.members.total = 2_700_000
    one, other = await agent(registry, "a"), await agent(registry, "b")
    one.ws.transport.write(begun(1_900_000, 1_000_000))
    await until(lambda: registry.running.service.unproved.members.used >= 1_000_000, HANG)
    other.ws.transport.write(begun(1_900_000, 1_200_000))
    assert await other.closed() == TRY_LATER
    assert registry.running.service.roster.online("a")
    assert not registry.running.service.roster.online("b")
    one.ws.transport.write(b" " * 900_000)
    assert (await one.next("error"))["code"] == "bad_request", "the message was read to its end"
    assert (await one.verb("status"))["type"] == "result"
    await emptied(registry)
    one.ws.transport.write(begun(1_900_000, 1_000_000))
    one.ws.transport.abort()
    await emptied(registry)


async def test_pings_whose_answers_nobody_reads_end_the_login(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(protocols, "UNREAD_BYTES", 200_000)
    peer = await agent(registry, "a")
    peer.ws.transport.pause_reading()
    for _ in range(400):
        peer.ws.transport.write((b"\x89\xfd\0\0\0\0" + b"x" * 125) * 1000)
        await asyncio.sleep(0)
        if not len(registry.running.service.roster):
            break
    await until(lambda: not len(registry.running.service.roster), HANG)
    peer.ws.transport.abort()
    await emptied(registry)


async def test_a_message_of_endless_empty_parts_ends_the_login(registry: RegistryHarness):
    peer = await agent(registry, "a")
    peer.ws.transport.write(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * (PARTS - 2))
    peer.ws.transport.write(b"\x80\x80\0\0\0\0")
    assert (await peer.next("error"))["code"] == "bad_request", "so many are a message"
    peer.ws.transport.write(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * PARTS)
    peer.ws.transport.write(b"\x80\x80\0\0\0\0")
    with pytest.raises(ConnectionClosed):
        await peer.next("error")
    assert peer.ws.close_code == POLICY


async def test_half_a_first_message_counts_as_held(tmp_path: Path):
    frame = b"\x81\xff" + (1_900_000).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 400_000
    async with bounded(tmp_path, held_bytes=1_000_000) as registry:
        lines = [await raw(registry, UPGRADE + b"\r\n") for _ in range(3)]
        for line in lines:
            await line.until(b"}")
        for line in lines:
            await line.say(frame)
        await lines[0].ended()
        assert registry.running.service.unproved._admission.buffered <= 1_000_000
        assert not lines[2].reader.at_eof()


@pytest.mark.parametrize(
    "more",
    [
        b"X: " + b"a" * 9000 + b"\r\n",
        b"".join(b"X%d: a\r\n" % n for n in range(200)),
        b"\xff: a\r\n",
    ],
    ids=["a long line", "many", "no letters"],
)
async def test_an_upgrade_that_the_library_refuses_is_an_answer_not_a_traceback(
    tmp_path: Path, more: bytes, caplog: pytest.LogCaptureFixture
):
    async with bounded(tmp_path) as registry:
        said = await (await raw(registry, UPGRADE + more + b"\r\n")).ended()
        assert said.startswith(b"HTTP/1.1 400 "), said
        assert not [r for r in caplog.records if r.levelname == "ERROR"], caplog.text


async def test_frames_before_the_upgrade_is_answered_break_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with bounded(tmp_path, seconds=0.5) as registry:
        lines = [await raw(registry, UPGRADE + b"\r\n") for _ in range(20)]
        for line in lines:
            line.writer.write(b"\xff\xff\xff\xff")
        for line in lines:
            await line.ended()
        await (await raw(registry, HEALTH)).until(OK)
    assert not [r for r in caplog.records if r.levelname == "ERROR"], caplog.text


async def test_sockets_that_open_and_leave_are_no_errors(tmp_path: Path, caplog: Any):
    async with bounded(tmp_path) as registry:
        for _ in range(50):
            line = await raw(registry, UPGRADE + b"\r\n")
            line.writer.transport.abort()
        await until(lambda: not len(registry.running.service.unproved), HANG)
        peer = await agent(registry, "a")
        assert (await peer.verb("status"))["type"] == "result"
    assert not [r for r in caplog.records if r.levelname == "ERROR"], caplog.text


async def test_answers_that_nobody_reads_end_with_the_time(tmp_path: Path):
    """Each request proves nothing and costs a turn; what lies unread is bounded by the line."""
    async with bounded(tmp_path, seconds=0.5, loopback_rate=1, loopback_burst=40) as registry:
        line = await raw(registry)
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        page = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        try:
            for _ in range(5000):
                await line.say(page)
        except ConnectionError:
            pass
        await until(lambda: not len(registry.running.service.unproved), HANG)


@pytest.mark.parametrize("how", ["reads none", "hangs up", "is killed"])
async def test_only_who_answers_no_ping_is_silent(how: str):
    async with RegistryHarness(ping_interval=1, ping_timeout=1) as registry:
        service, ended = registry.running.service, asyncio.Event()
        seen: list[tuple[str, bool]] = []

        def end(socket: object, replaced: bool) -> None:
            seen.append((socket.id, socket.silent))  # type: ignore[attr-defined]
            ended.set()

        service.roster.ended.append(end)
        peer = await agent(registry, "bob", "echo", slots=1)
        if how == "reads none":
            peer.ws.transport.pause_reading()
        elif how == "hangs up":
            await peer.close()
        else:
            peer.ws.transport.abort()
        async with asyncio.timeout(20):
            await ended.wait()
        assert seen == [("bob", how == "reads none")]
        peer.ws.transport.abort()
        while OPENED:
            await OPENED.pop()()
