"""All servers of an agent together."""

from __future__ import annotations

import pytest

from chatixia.errors import UnknownSkill
from chatixia.gateway.mcp.servers import AttachedServers
from tests.gateway.mcp.test_attached import spec


async def test_each_has_its_tools_and_all_end():
    changes: list[int] = []
    servers = AttachedServers([spec(), spec("dies")], lambda: changes.append(1))
    servers.start()
    try:
        await servers.ready(30)
        listed = [(tool.server, tool.name) for tool in servers.tools()]
        assert listed[:1] == [("good", "add")]
        assert {server for server, _ in listed} == {"good", "dies"}
        assert len(changes) == 2
        assert (await servers.call("good", "add", {"a": 2}, 5)).value == "2"
        with pytest.raises(UnknownSkill):
            await servers.call("none", "add", {}, 5)
        tasks = list(servers._tasks)
    finally:
        await servers.stop()
    assert all(task.done() for task in tasks)
    await servers.stop()


async def test_none_at_all():
    servers = AttachedServers([], lambda: None)
    servers.start()
    await servers.ready(1)
    assert servers.tools() == []
    await servers.stop()
