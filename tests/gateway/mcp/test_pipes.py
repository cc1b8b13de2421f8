"""What is carried arrives both ways, and nothing runs on after the block."""

from __future__ import annotations

import asyncio

import anyio
import mcp_types as types
import pytest
from mcp.shared.message import SessionMessage

from chatixia.gateway.mcp.pipes import MessagePipes


def message(id_: int) -> SessionMessage:
    return SessionMessage(types.JSONRPCRequest(jsonrpc="2.0", id=id_, method="ping"))


async def test_messages_go_both_ways_until_the_block_ends():
    pipes, seen = MessagePipes(), []
    ended, taken = asyncio.Event(), asyncio.Event()

    async def bring() -> None:
        await pipes.arriving.send(message(1))
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def take() -> None:
        seen.append(await pipes.leaving.receive())
        taken.set()

    async with pipes.carried(bring(), take()) as (received, sent):
        assert (await received.receive()) == message(1)
        await sent.send(message(2))
        await taken.wait()
        assert not ended.is_set()
    assert seen == [message(2)] and ended.is_set()
    with pytest.raises(anyio.ClosedResourceError):
        await sent.send(message(3))
    with pytest.raises(anyio.ClosedResourceError):
        await received.receive()


async def test_what_breaks_in_the_block_ends_the_carriers_too():
    pipes = MessagePipes()

    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ValueError, match="broken"):
        async with pipes.carried(wait()) as (received, _):
            raise ValueError("broken")
    with pytest.raises(anyio.ClosedResourceError):
        await received.receive()
