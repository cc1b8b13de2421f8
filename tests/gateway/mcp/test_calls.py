"""A call's own ways to end, beside what tests/gateway/mcp/test_server.py shows of the whole."""

from __future__ import annotations

from chatixia.agent.skill import Skill
from chatixia.gateway.mcp.catalog import SkillFilter
from tests.gateway.mcp.gate import gate, host, text_of


async def test_a_skill_that_was_not_chosen_is_no_tool_and_is_not_reached_by_name():
    async with gate(SkillFilter(("forecast",))) as made, host(made) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["weather-_forecast"]
        refused = await client.call_tool("weather-_boom", {})
        assert text_of(refused).startswith("unknown_skill: ")


async def test_an_idempotent_skill_says_so():
    async def twice() -> int:
        return 2

    async with gate() as made, host(made) as client:
        made.serve("bus", Skill("twice", twice, idempotent=True))
        made.gateway.catalog.changed("bus")
        await made.gateway.catalog._read()
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["bus-_twice"].annotations.idempotent_hint
        assert tools["weather-_forecast"].annotations is None


async def test_an_agent_that_left_is_one_clear_error():
    async with gate() as made, host(made) as client:
        made.net.down.add("weather")
        gone = await client.call_tool("weather-_forecast", {"city": "Oslo"})
        assert text_of(gone).startswith("unreachable: ")
