"""A body is read within its bound and not a buffer more."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from chatixia.errors import BadRequest, TooLarge
from chatixia.registry.web.body import read_body
from chatixia.testing.registry import RegistryHarness


class Source:
    """A body that comes in parts, and counts what was taken."""

    def __init__(self, *parts: bytes, cut: bool = False) -> None:
        self.parts, self.cut, self.taken = list(parts), cut, 0

    async def __call__(self) -> MutableMapping[str, Any]:
        if not self.parts:
            return {"type": "http.disconnect"}
        self.taken += 1
        part = self.parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts) or self.cut}


async def test_parts_are_put_together():
    assert await read_body(Source(b"ab", b"", b"c"), {}, 3) == b"abc"
    assert await read_body(Source(b""), {"content-length": "0"}, 3) == b""


async def test_too_much_stops_the_reading_at_once():
    source = Source(*[b"x" * 10] * 100)
    with pytest.raises(TooLarge):
        await read_body(source, {}, 25)
    assert source.taken == 3


@pytest.mark.parametrize("declared", ["26", "9" * 50, "-1", "x"])
async def test_a_declared_excess_is_refused_before_reading(declared: str):
    source = Source(b"x")
    with pytest.raises(TooLarge):
        await read_body(source, {"content-length": declared}, 25)
    assert source.taken == 0


async def test_a_body_that_breaks_off_is_bad():
    with pytest.raises(BadRequest):
        await read_body(Source(b"x", cut=True), {}, 25)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_hundred_megabytes_are_refused_within_one(
    registry: RegistryHarness, declared: bool
):
    """Over a real socket, the peer that sends on gets no further than 1 MiB over the bound."""
    port = registry.running.started.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = 100 * 1024 * 1024
    how = f"Content-Length: {size}" if declared else "Transfer-Encoding: chunked"
    writer.write(
        f"POST /api/join HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\n{how}\r\n\r\n".encode()
    )
    sent = 0
    block = b"x" * 65536
    answer = asyncio.create_task(reader.read(4096))
    while not answer.done() and sent < size:
        writer.write(block if declared else b"10000\r\n" + block + b"\r\n")
        try:
            await asyncio.wait_for(writer.drain(), 10)
        except ConnectionError:
            break
        sent += len(block)
    async with asyncio.timeout(10):
        assert b"413" in (await answer)[:40]
    # What lies in both sides' socket buffers was sent, but never read.
    assert sent < 12 * 1024 * 1024, sent
    writer.close()
