"""A node says what its skills wait for."""

from __future__ import annotations

import asyncio
from typing import Any

from chatixia.core.ports import Outgoing
from chatixia.ids import AgentId
from chatixia.testing.network import Network
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentQuery


async def test_calls_streams_pings_and_verbs_are_asked():
    net = Network(queue=True)
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(incoming: Any, responder: Any) -> None:
        begun.set()
        await go.wait()
        if incoming.stream:
            await responder.item(b"1")
        responder.reply(b"null")

    net.node("b").serve(handler, [SkillInfo("echo")], 1)
    me = net.node("a")
    await net.start()
    call = asyncio.create_task(me.call(Outgoing(AgentId("b"), "echo")))
    await begun.wait()
    assert (net.works.busy, net.works.asking) == (1, 1)
    go.set()
    assert (await call).value == b"null"
    assert (net.works.busy, net.works.asking) == (0, 0)
    assert [item async for item in me.stream(Outgoing(AgentId("b"), "echo"))] == [b"1"]
    assert (await me.ping(AgentId("b"))).via == "direct"
    assert [row.agent_id for row in (await me.verb("agents.list", AgentQuery())).agents] == ["b"]
    assert net.works.asking == 0
    await net.stop()
