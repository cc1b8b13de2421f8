"""Items of a stream, read once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chatixia.errors import BadRequest
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def count(n: int) -> AsyncIterator[dict[str, int]]:
    for i in range(n):
        yield {"i": i}


@pytest.fixture
def net():
    made = Net()
    served = Served(made, "a", count)
    yield made
    served.close()


async def test_in_order_with_attributes(net: Net):
    async with client(net).agent("a").stream("count", {"n": 20}) as items:
        assert items.via == "direct"
        assert [item.i async for item in items] == list(range(20))


async def test_left_early_and_read_by_hand(net: Net):
    async with client(net).agent("a").stream("count", {"n": 20}) as items:
        assert (await anext(items)).i == 0
        assert (await anext(items)).i == 1


async def test_a_stream_is_read_once(net: Net):
    stream = client(net).agent("a").stream("count", {"n": 1})
    assert stream.via == ""
    with pytest.raises(BadRequest, match="Open a stream first"):
        await anext(stream)
    async with stream:
        pass
    with pytest.raises(BadRequest, match="read once"):
        async with stream:
            pass
