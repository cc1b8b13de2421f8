"""Lines in and out by descriptors: bounded, and a host that stops to read or leaves ends it."""

from __future__ import annotations

import asyncio
import json
import os
import threading

import mcp_types as types
import pytest

from chatixia.errors import TooLarge
from chatixia.gateway.mcp import stdio
from chatixia.gateway.mcp.stdio import LineSplitter, connection, standard_streams
from tests.gateway.mcp.gate import HELLO, gate


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_are_whole_however_they_come(size: int):
    data, splitter = b"ab\n\ncdefg\nlonger than that\nx\n", LineSplitter(8)
    found = []
    for start in range(0, len(data), size):
        found += splitter.feed(data[start : start + size])
    assert found == [b"ab", b"", b"cdefg", None, b"x"]


def test_a_line_without_an_end_holds_no_more_than_its_bound():
    splitter = LineSplitter(1000)
    for _ in range(100):
        assert splitter.feed(b"x" * 999) == []
    assert sum(map(len, splitter._parts)) <= 1000


def close(read: int, *others: int) -> None:
    """Close all; what is read last, lest a thread that still reads takes the next test's bytes."""
    for fd in others:
        os.close(fd)
    for thread in threading.enumerate():
        if thread.name == "chatixia-mcp-read":
            thread.join(5)
    os.close(read)


async def lines(fd: int, count: int) -> list[bytes]:
    found: list[bytes] = []
    data = b""
    while len(found) < count:
        data += await asyncio.to_thread(os.read, fd, 65536)
        *found, _ = data.split(b"\n")
    return found


async def test_a_server_speaks_over_two_pipes_until_the_host_leaves():
    (read, write), (out, into) = os.pipe(), os.pipe()
    async with gate() as made, connection(read, into) as (received, sent):
        server = made.gateway.server
        run = asyncio.ensure_future(
            server.run(received, sent, server.create_initialization_options())
        )
        os.write(write, b"no json\n" + json.dumps(HELLO).encode() + b"\n")
        [answer] = await lines(out, 1)
        assert json.loads(answer)["result"]["serverInfo"]["name"] == "chatixia"
        os.close(write)
        await asyncio.wait_for(run, 5)
    for fd in (read, out, into):
        os.close(fd)


async def test_a_line_too_long_is_an_error_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(LineSplitter.__init__, "__defaults__", (100,))
    read, write = os.pipe()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    async with connection(read, nowhere) as (received, _):
        os.write(write, b"x" * 200 + b'\n{"jsonrpc":"2.0","method":"m"}\n')
        assert isinstance(await received.receive(), TooLarge)
        assert (await received.receive()).message.method == "m"
    close(read, write, nowhere)


async def test_a_request_that_is_refused_unread_is_answered(monkeypatch: pytest.MonkeyPatch):
    """Its id may stand behind its parameters; who sent no request gets no answer."""
    monkeypatch.setattr(stdio, "MAX_LINE", 2000)
    (read, write), (out, into) = os.pipe(), os.pipe()
    long, deep = b'"' + b"x" * 2000 + b'"', b"[" * 300 + b"]" * 300
    try:
        async with connection(read, into) as (received, _):
            os.write(write, b'{"method":"m","params":%b,"jsonrpc":"2.0","id":"a"}\n' % long)
            os.write(write, b'{"jsonrpc":"2.0","id":7,"method":"m","params":{"x":%b}}\n' % deep)
            os.write(write, b'{"jsonrpc":"2.0","id":8,"result":%b}\n' % long)
            assert isinstance(await asyncio.wait_for(received.receive(), 5), TooLarge)
            first, second = map(json.loads, await asyncio.wait_for(lines(out, 2), 5))
    finally:
        close(read, write, into)
    assert (first["id"], first["error"]["message"]) == (
        "a",
        "too_large: A message may have 2000 bytes.",
    )
    assert (second["id"], second["error"]["code"]) == (7, types.INVALID_REQUEST)
    os.close(out)


async def test_a_host_that_reads_nothing_more_has_left():
    read, write = os.pipe()
    os.close(read)
    writer = stdio.HostWriter(write)
    assert not await writer.write(b"x\n")
    writer.close()
    os.close(write)


async def test_what_is_printed_is_no_message(capfd: pytest.CaptureFixture[str]):
    async with standard_streams() as (_, target):
        os.write(1, b"stray\n")
        os.write(target, b"message\n")
        assert os.read(0, 1) == b""
    said = capfd.readouterr()
    assert (said.out, said.err) == ("message\n", "stray\n")
