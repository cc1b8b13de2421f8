"""Lines: cut and bounded however they come, read in batches, written in one piece."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

import pytest

from chatixia.errors import MeshError, TooLarge
from chatixia.sidecar import lines
from chatixia.sidecar.lines import LineProtocol, LineReader, number_of
from chatixia.wire.ipc import MAX_LINE, StatusCommand
from chatixia.wire.ipc_events import commands
from tests.until import until

STATUS = b'{"type":"status"}'


def test_a_reader_cuts_whole_lines_out_of_whatever_comes():
    reader = LineReader()
    taken = [reader.feed(piece) for piece in (b"a", b"b\nc", b"d\ne\n", b"f", b"\n")]
    assert taken == [b"", b"ab\n", b"cd\ne\n", b"", b"f\n"]


def test_a_long_line_is_bounded_and_costs_time_in_proportion():
    reader = LineReader()
    began = time.process_time()
    for _ in range(MAX_LINE // 4096 - 1):
        reader.feed(b"x" * 4096)
    assert len(reader.feed(b"\n")) == MAX_LINE - 4096 + 1
    assert time.process_time() - began < 2
    small = LineReader(10)
    assert small.feed(b"123456789\n") == b"123456789\n"
    for start in (b"", b"12345"):
        reader = LineReader(10)
        reader.feed(start) if start else None
        with pytest.raises(TooLarge):
            reader.feed(b"1234567890")
    reader = LineReader(10)
    reader.feed(b"12345")
    with pytest.raises(TooLarge):
        reader.feed(b"67890123\nx")


class Kept(LineProtocol):
    """Keeps what comes."""

    def __init__(self) -> None:
        super().__init__(commands)
        self.taken: list[Any] = []
        self.rejected: list[tuple[bytes, str]] = []
        self.is_lost = self.is_drained = False

    def receive(self, line: Any) -> None:
        self.taken.append(line)

    def reject(self, line: bytes, error: MeshError) -> None:
        self.rejected.append((line, error.code))

    def lost(self) -> None:
        self.is_lost = True

    def drained(self) -> None:
        self.is_drained = True


async def pair() -> tuple[Kept, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    _, protocol = await asyncio.get_running_loop().create_connection(Kept, sock=ours)
    return protocol, theirs


async def test_a_bad_line_is_rejected_alone():
    protocol, far = await pair()
    far.send(STATUS + b"\n{\n\n \n" + b'{"type":"banana","id":3}\n' + STATUS + b"\n")
    await until(lambda: len(protocol.taken) == 2)
    assert protocol.rejected == [
        (b"{", "bad_request"),
        (b'{"type":"banana","id":3}', "unknown_type"),
    ]
    far.close()
    await until(lambda: protocol.is_lost)
    protocol.send(StatusCommand())  # nothing happens
    far.close()


async def test_a_line_that_is_not_text_is_rejected_though_it_is_only_handed_on():
    protocol, far = await pair()
    args = b'{"type":"call","id":4,"payload":{"target":"a","skill":"b","args":{"cit%s":1}}}'
    far.send(STATUS + b"\n" + args % b"\xe9" + b"\n" + args % "\xe9".encode() + b"\n")
    await until(lambda: len(protocol.taken) == 2)
    assert protocol.rejected == [(args % b"\xe9", "bad_request")]
    assert number_of(args % b"\xe9") == 4
    far.close()
    await until(lambda: protocol.is_lost)


async def test_a_line_that_is_too_long_ends_the_connection(monkeypatch: pytest.MonkeyPatch):
    protocol, far = await pair()
    protocol._reader = LineReader(100)
    far.send(b"x" * 200)
    await until(lambda: protocol.is_lost)
    assert protocol.rejected == [(b"", "too_large")]
    far.close()


async def test_what_a_batch_causes_is_one_write(monkeypatch: pytest.MonkeyPatch):
    protocol, far = await pair()
    writes: list[bytes] = []
    assert protocol.transport is not None
    monkeypatch.setattr(
        protocol, "transport", type("T", (), {"write": lambda self, data: writes.append(data)})()
    )
    monkeypatch.setattr(protocol, "receive", lambda line: protocol.write(b"answer"))
    protocol.data_received((STATUS + b"\n") * 3)
    assert writes == [b"answer\nanswer\nanswer\n"]
    protocol.write(b"alone")
    assert writes[1:] == [b"alone\n"]
    monkeypatch.setattr(protocol, "alone", lambda: False)
    protocol.write(b"b")
    protocol.write(b"c")
    assert writes[2:] == []
    await asyncio.sleep(0)
    assert writes[2:] == [b"b\nc\n"]
    far.close()


async def test_a_reader_that_is_behind_is_noticed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines, "HIGH_WATER", 1000)
    monkeypatch.setattr(lines, "LOW_WATER", 100)
    protocol, far = await pair()
    while not protocol.full:
        protocol.write(b"x" * 10_000)
        await asyncio.sleep(0)
    assert protocol.unread > 1000

    def drain() -> bool:
        with contextlib.suppress(BlockingIOError):
            far.recv(1_000_000)
        return protocol.is_drained

    await until(drain)
    assert not protocol.full
    far.close()


@pytest.mark.parametrize(
    ("line", "number"),
    [(b'{"id":7,"type":3}', 7), (b'{"id":"x"}', 0), (b"{", 0), (b'{"id":-1}', 0), (b"[1]", 0)],
)
def test_the_id_of_a_line_that_is_no_command(line: bytes, number: int):
    assert number_of(line) == number
