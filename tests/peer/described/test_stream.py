"""A described answer as a stream of one item, or the usual stream in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator

from chatixia.core.ports import CallAnswer
from chatixia.ids import AgentId
from chatixia.peer.described.stream import DescribedStream


class Items:
    """The usual stream."""

    def __init__(self) -> None:
        self.via, self.artifacts, self.arrived, self.event = "direct", (), 0, b"e"
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for item in (b"1", b"2"):
            self.arrived += 1
            yield item

    async def aclose(self) -> None:
        self.closed = True


async def test_an_answer_is_its_one_item():
    async def call() -> CallAnswer:
        return CallAnswer(b"7", "direct, unverified", 1.0, AgentId("b"))

    stream = DescribedStream(call, Items)
    assert [item async for item in stream] == [b"7"]
    assert (stream.via, stream.arrived, stream.event) == ("direct, unverified", 1, b"")
    await stream.aclose()


async def test_without_one_the_usual_stream_goes_on():
    async def call() -> None:
        return None

    usual = Items()
    stream = DescribedStream(call, lambda: usual)
    assert [item async for item in stream] == [b"1", b"2"]
    assert (stream.via, stream.arrived, stream.event) == ("direct", 2, b"e")
    await stream.aclose()
    assert usual.closed
