"""The login's WebSocket: what is binary comes at once and in order, what goes leaves together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from chatixia.peer.control.login_socket import LoginSocket
from tests.until import until


class Line:
    """Both ends of a WebSocket. ``took``: what was handed on at once."""

    def __init__(self, near: LoginSocket, far: ServerConnection) -> None:
        self.near, self.far = near, far
        self.took: list[bytes] = []
        near.take = self.take

    def take(self, message: bytes) -> bool:
        if message[:1] != b"\x01":
            return False
        self.took.append(message)
        return True


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    came: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def door(far: ServerConnection) -> None:
        came.set_result(far)
        await far.wait_closed()

    async with serve(door, "127.0.0.1", 0, max_size=None, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        async with connect(url, create_connection=LoginSocket, compression=None) as near:
            assert isinstance(near, LoginSocket)
            yield Line(near, await came)


def waiting(*messages: tuple[bytes, bool]) -> Any:
    left = list(messages)
    return lambda: left.pop(0) if left else None


async def test_binary_messages_are_taken_in_order_with_nobody_waiting_for_them(line: Line):
    for n in range(20):
        await line.far.send(b"\x01%d" % n)
    await until(lambda: len(line.took) == 20)
    assert line.took == [b"\x01%d" % n for n in range(20)]


async def test_text_and_what_is_not_taken_wait_for_the_reader(line: Line):
    await line.far.send("text")
    await line.far.send(b"\x09other")
    await line.far.send(b"\x01mine")
    await until(lambda: line.took)
    assert await line.near.recv(decode=False) == b"text"
    assert await line.near.recv() == b"\x09other" and line.took == [b"\x01mine"]


async def test_a_message_in_parts_is_whole_when_it_is_taken(line: Line):
    await line.far.send([b"\x01a", b"", b"b" * 100_000, b"c"])
    await line.far.send(["te", "xt"])
    await line.far.send([b"\x09o", b"ther"])
    await line.far.send(b"\x01after")
    await until(lambda: len(line.took) == 2)
    assert line.took == [b"\x01a" + b"b" * 100_000 + b"c", b"\x01after"]
    assert await line.near.recv() == "text" and await line.near.recv() == b"\x09other"


async def test_messages_that_wait_leave_in_one_write(line: Line, monkeypatch: pytest.MonkeyPatch):
    written: list[bytes] = []
    real = line.near.transport.write

    def write(data: bytes) -> None:
        written.append(data)
        real(data)

    monkeypatch.setattr(line.near.transport, "write", write)
    line.near.push(waiting((b"text", True), (b"\x01a", False), (b"\x01b", False)))
    assert len(written) == 1
    assert [await line.far.recv() for _ in range(3)] == ["text", b"\x01a", b"\x01b"]


async def test_more_than_the_transport_takes_waits_until_there_is_room(line: Line):
    room: list[bool] = []
    line.near.on_room = lambda: room.append(line.near.writable)
    left = [bytes(60_000)] * 2000

    def following() -> tuple[bytes, bool] | None:
        return (left.pop(), False) if left else None

    line.near.push(following)
    stood = len(left)
    assert stood and not line.near.writable
    line.near.push(following)
    assert len(left) == stood  # nothing is asked for that would have to wait here
    reading = asyncio.ensure_future(drain(line.far))
    await until(lambda: room)
    assert room[0]
    await line.near.close()
    await reading


async def test_what_one_read_brings_about_leaves_in_one_write(
    line: Line, monkeypatch: pytest.MonkeyPatch
):
    written, real = list[bytes](), line.near.transport.write

    def write(data: bytes) -> None:
        written.append(data)
        real(data)

    left: list[tuple[bytes, bool]] = []

    def answer(message: bytes) -> bool:
        left.append((message, False))
        line.near.push(waiting(*left))
        return True

    monkeypatch.setattr(line.near.transport, "write", write)
    line.near.take = answer
    line.near.on_room = lambda: line.near.push(lambda: left.pop(0) if left else None)
    messages = [b"\x01%d" % n for n in range(5)]
    frames = [Frame(Opcode.BINARY, message).serialize(mask=False) for message in messages]
    line.near.data_received(b"".join(frames))
    assert len(written) == 1
    assert [await line.far.recv() for _ in messages] == messages


async def drain(far: ServerConnection) -> None:
    async for _ in far:
        pass


async def test_nothing_is_written_once_it_closes(line: Line):
    await line.near.close()
    line.near.push(waiting((b"late", False)))
    assert not line.near.writable
