"""A socket's outbox: in order, bounded, batched for those who asked, closed when too slow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from chatixia.core.shares import Shares, ShareUse
from chatixia.registry.live import socket as module
from chatixia.registry.live.socket import BATCH, BROKEN, TOO_SLOW, Socket
from chatixia.wire.signaling import Ping


class Wire:
    """Records what is sent; stalls while ``open`` is cleared."""

    def __init__(self) -> None:
        self.sent: list[MutableMapping[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.open.wait()
        self.sent.append(message)


async def test_messages_leave_in_order_then_the_close():
    wire = Wire()
    socket = Socket(wire.send, "?")
    for n in range(5):
        assert socket.send(Ping(str(n)))
    socket.close(1000, "bye")
    assert not socket.send(Ping("late"))
    await asyncio.wait_for(socket.pump(), 5)
    assert [json.loads(m["text"])["id"] for m in wire.sent[:-1]] == list("01234")
    assert wire.sent[-1] == {"type": "websocket.close", "code": 1000, "reason": "bye"}


async def test_who_asked_gets_one_array_per_turn():
    wire = Wire()
    socket = Socket(wire.send, "?")
    socket.agree([BATCH])
    for n in range(3):
        socket.send(Ping(str(n)))
    socket.close(1000, "")
    await asyncio.wait_for(socket.pump(), 5)
    assert [m["id"] for m in json.loads(wire.sent[0]["text"])] == ["0", "1", "2"]


async def test_a_reader_that_does_not_read_is_closed(monkeypatch: Any):
    monkeypatch.setattr(module, "OUTBOX_BYTES", 1000)
    wire = Wire()
    wire.open.clear()
    socket = Socket(wire.send, "?")
    pump = asyncio.create_task(socket.pump())
    taken = 0
    while socket.send(Ping("x" * 60)):
        taken += 1
    assert taken < 20 and socket.closed and socket.silent
    wire.open.set()
    await asyncio.wait_for(pump, 5)
    assert wire.sent[-1]["code"] == TOO_SLOW


class Binary:
    """A queue of the relay's."""

    def __init__(self, *messages: bytes) -> None:
        self.messages = list(messages)

    def pop(self) -> bytes | None:
        return self.messages.pop(0) if self.messages else None

    def clear(self) -> None:
        self.messages.clear()


async def test_text_goes_before_each_message_of_the_relay():
    wire = Wire()
    socket = Socket(wire.send, "?")
    relayed = socket.relayed = Binary(b"1", b"2")
    wire.open.clear()
    pump = asyncio.create_task(socket.pump())
    socket.wake()
    await asyncio.sleep(0)
    socket.send(Ping("late"))
    wire.open.set()
    while len(wire.sent) < 3:
        await asyncio.sleep(0)
    assert [message.get("bytes") for message in wire.sent] == [b"1", None, b"2"]
    relayed.messages.append(b"3")
    socket.close(1000, "")
    await asyncio.wait_for(pump, 5)
    assert wire.sent[-1]["type"] == "websocket.close" and len(wire.sent) == 4
    socket.release()
    assert not relayed.messages


class Line:
    """A WebSocket that is written to at once, while it is ``ready``."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.ready = wire, True

    def write(self, message: bytes) -> None:
        self.wire.sent.append({"type": "websocket.send", "bytes": message})


def written(wire: Wire) -> list[bytes | str]:
    return [message.get("bytes") or message["text"] for message in wire.sent]


async def test_what_the_relay_has_is_written_at_once_where_nothing_is_before_it():
    wire = Wire()
    socket = Socket(wire.send, "?")
    line = socket.line = Line(wire)
    relayed = socket.relayed = Binary(b"1", b"2")
    pump = asyncio.create_task(socket.pump())
    socket.wake()
    assert written(wire) == [b"1", b"2"]
    socket.send_bytes(b"text")
    relayed.messages.append(b"3")
    socket.wake()
    assert len(wire.sent) == 2  # behind the text, which goes with the loop's turn
    while len(wire.sent) < 4:
        await asyncio.sleep(0)
    line.ready = False
    relayed.messages += [b"4", b"5"]
    wire.open.clear()
    socket.wake()
    await asyncio.sleep(0)
    line.ready = True
    relayed.messages.append(b"6")
    socket.wake()
    assert len(wire.sent) == 4  # nothing overtakes what waits for the reader
    wire.open.set()
    while len(wire.sent) < 7:
        await asyncio.sleep(0)
    assert written(wire) == [b"1", b"2", "text", b"3", b"4", b"5", b"6"]
    socket.close(1000, "")
    relayed.messages.append(b"late")
    socket.wake()
    await asyncio.wait_for(pump, 5)
    assert wire.sent[-1]["type"] == "websocket.close" and len(wire.sent) == 8


async def test_what_a_message_brings_about_follows_it():
    wire = Wire()
    socket = Socket(wire.send, "?")
    socket.line = Line(wire)

    class Nested(Binary):
        def pop(self) -> bytes | None:
            socket.wake()
            return super().pop()

    socket.relayed = Nested(b"1", b"2", b"3")
    socket.wake()
    assert written(wire) == [b"1", b"2", b"3"]


async def test_much_of_the_relay_leaves_the_loop_to_others_meanwhile(monkeypatch: Any):
    monkeypatch.setattr(module, "YIELD_BYTES", 10)
    wire = Wire()
    socket = Socket(wire.send, "?")
    socket.line = Line(wire)
    socket.relayed = Binary(*[b"12345"] * 40)
    pump = asyncio.create_task(socket.pump())
    socket.wake()
    assert len(wire.sent) == 2
    turns = 0
    while len(wire.sent) < 40:
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 19
    socket.close(1000, "")
    await asyncio.wait_for(pump, 5)


async def test_what_cannot_be_written_ends_the_socket():
    wire = Wire()
    socket = Socket(wire.send, "?")
    socket.send_bytes(b'"\xff"')
    with pytest.raises(UnicodeDecodeError):
        await asyncio.wait_for(socket.pump(), 5)
    assert socket.closed and not socket.send(Ping("late"))
    assert wire.sent[-1]["type"] == "websocket.close" and wire.sent[-1]["code"] == BROKEN


async def test_what_waits_counts_for_the_share_of_its_machine_until_the_end():
    wire, share = Wire(), Shares(400_000)
    wire.open.clear()
    one, other = Socket(wire.send, "?"), Socket(wire.send, "?")
    pumps = [asyncio.create_task(socket.pump()) for socket in (one, other)]
    one.outbox, other.outbox = ShareUse(share, "m"), ShareUse(share, "m")
    light = Ping("x" * 1000)
    assert one.send(light) and not share.used, "little counts nowhere"
    while share.used < 200_000:
        assert one.send(light)
    while other.send(light):
        pass
    assert other.closed and not one.closed and share.used <= 300_000
    wire.open.set()
    one.close(1000, "")
    await asyncio.wait_for(asyncio.gather(*pumps), 5)
    other.release()
    assert share.used == 0 and wire.sent[-1]["code"] in (1000, TOO_SLOW)
