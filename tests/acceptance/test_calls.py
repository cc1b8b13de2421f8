"""Calls between real processes: sizes, streams, delegation, the path and its bound."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.errors import HopLimit, MeshError
from tests.acceptance.harness import TestMesh

SIZES = (1, 16 * 1024, 64_000, 262_144, 1_000_000, 10_000_000)


async def test_messages_of_every_size_arrive_intact(net: TestMesh):
    net.up()
    net.worker("a")
    async with net.client() as mesh:
        a = mesh.agent("a", timeout=60)
        for size in SIZES:
            data = ("0123456789abcdef" * (size // 16 + 1))[:size]
            reply = await a.call("echo", {"data": data})
            assert reply.value == data
            assert reply.via == "direct"
        turn = [(f"{n}" * 60_000)[:60_000] for n in range(6)]
        assert await asyncio.gather(*(a.echo(data=text) for text in turn)) == turn


async def test_streams_come_whole_and_in_order(net: TestMesh):
    net.up()
    net.worker("a")
    async with net.client() as mesh:
        async with mesh.agent("a", timeout=60).stream("count", {"to": 5_000}) as numbers:
            got = [n async for n in numbers]
        assert got == list(range(5_000))


async def test_nested_delegation_answers_and_a_loop_is_refused(net: TestMesh):
    net.up()
    net.several("a", "b", "c")
    async with net.client() as mesh:
        assert await mesh.agent("a").chain(to=["b", "c", "a"]) == ["a", "b", "c", "a"]
        # As long as it may be, and one more: it is the number that refuses, not the circle.
        longest = ["a", "b"] * 4
        assert await mesh.agent("a").chain(to=longest[1:]) == longest
        with pytest.raises(MeshError) as caught:
            await mesh.agent("a").chain(to=[*longest[1:], "a"])
        assert caught.value.code == HopLimit.code
        with pytest.raises(MeshError) as caught:
            await mesh.agent("a").loop(other="b")
        assert caught.value.code == HopLimit.code
        assert await mesh.agent("b").echo(data="still here") == "still here"


async def test_both_ends_name_the_same_link_and_tier(net: TestMesh):
    net.up()
    net.several("a", "b")
    async with net.client() as mesh:
        assert await mesh.agent("a").echoes(others=["b"], data="x") == {"b": "direct"}
        [at_a] = [link for link in await mesh.agent("a").links() if link["peer"] == "b"]
        [at_b] = [link for link in await mesh.agent("b").links() if link["peer"] == "a"]
        assert at_a["link"] == at_b["link"] != ""
        assert at_a["tier"] == at_b["tier"] == "direct"
