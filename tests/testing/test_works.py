"""Who is at work, and who only waits for the mesh."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.testing.works import WatchedStream, Works


def works() -> tuple[Works, list[tuple[int, int]]]:
    """With what was seen at each change: how many were busy, how many asked."""
    seen: list[tuple[int, int]] = []
    made = Works(lambda: seen.append((made.busy, made.asking)))
    return made, seen


async def test_a_skill_that_asks_is_not_at_work():
    made, seen = works()

    async def handler(incoming: Any, responder: Any) -> None:
        assert (made.busy, made.asking) == (1, 0)
        with made.ask():
            assert (made.busy, made.asking) == (0, 1)
            await asyncio.gather(asyncio.create_task(beside()), asyncio.to_thread(bool))
        assert (made.busy, made.asking) == (1, 0)

    async def beside() -> None:
        with made.ask():  # what a skill's tasks ask counts as its own
            assert (made.busy, made.asking) == (0, 2)

    await made.watched(handler)(None, None)  # type: ignore[arg-type]
    assert (made.busy, made.asking) == (0, 0)
    assert seen == [(0, 1), (0, 2), (0, 0)]


async def test_whoever_serves_nobody_asks_too():
    made, _ = works()
    with made.ask():
        assert (made.busy, made.asking) == (0, 1)
    assert made.asking == 0


async def test_a_handler_that_raises_is_over():
    made, _ = works()

    async def broken(incoming: Any, responder: Any) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await made.watched(broken)(None, None)  # type: ignore[arg-type]
    assert made.busy == 0


class Stream:
    """Two items, then it hangs."""

    via = "direct"
    event = b"{}"
    arrived = 2
    closed = False

    async def _read(self):
        yield b"1"
        yield b"2"

    def __aiter__(self):
        return self._read()

    async def aclose(self):
        self.closed = True


async def test_a_stream_is_asked_for_each_item():
    made, seen = works()
    inner = Stream()
    stream = WatchedStream(inner, made)
    items = aiter(stream)
    assert await anext(items) == b"1" and made.asking == 0
    assert aiter(stream) is items and stream.via == "direct"
    assert (stream.event, stream.arrived) == (b"{}", 2)
    stream.via = "relay"
    assert inner.via == "relay"
    assert [item async for item in stream] == [b"2"]
    assert len(seen) == 3
    await stream.aclose()
    assert inner.closed
