"""Tools: one for each skill while they are few, three for many, pages for all."""

from __future__ import annotations

import json
from typing import Any

from chatixia.agent.skill import Skill
from chatixia.core.tool_names import CALL, DESCRIBE, FIND
from chatixia.gateway.mcp.catalog import SkillFilter
from chatixia.gateway.mcp.tools import MOST_TOOLS, PAGE, after
from tests.gateway.mcp.gate import Gate, gate, host, text_of

MANY = 995


async def work(n: int = 0) -> int:
    """One of many."""
    return n


def crowd(made: Gate, count: int) -> None:
    """``count`` more skills, 199 to an agent."""
    for start in range(0, count, 199):
        some = range(start, min(count, start + 199))
        made.serve(f"a{start}", *(Skill(f"work{n}", work) for n in some))
    made.gateway.catalog.changed("")


async def names(client: Any) -> list[str]:
    found, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        found += [tool.name for tool in page.tools]
        if not (cursor := page.next_cursor):
            return found


async def test_forty_are_themselves_and_more_are_three():
    async with gate() as made, host(made) as client:
        crowd(made, MOST_TOOLS - 5)
        await made.gateway.catalog._read()
        assert len(await names(client)) == MOST_TOOLS
        made.serve("one", work)
        made.gateway.catalog.changed("one")
        await made.gateway.catalog._read()
        assert await names(client) == [CALL, DESCRIBE, FIND]


async def test_the_three_find_describe_and_call():
    async with gate() as made, host(made) as client:
        crowd(made, MANY)
        await made.gateway.catalog._read()
        found = json.loads(text_of(await client.call_tool(FIND, {"query": "forecast city"})))
        assert found[0] == {
            "agent": "weather",
            "skill": "forecast",
            "description": "Forecast for a city.",
        }
        one = {"agent": "weather", "skill": "forecast"}
        described = json.loads(text_of(await client.call_tool(DESCRIBE, one)))
        assert described["parameters"]["required"] == ["city"]
        done = await client.call_tool(CALL, {**one, "arguments": {"city": "Oslo"}})
        assert done.structured_content == {"city": "Oslo", "days": 1}
        for bad, code in (
            ({**one, "arguments": {"city": 3}}, "bad_arguments"),
            ({"agent": "weather"}, "bad_arguments"),
            ({"agent": "weather", "skill": "none"}, "unknown_skill"),
        ):
            failed = await client.call_tool(CALL, bad)
            assert failed.is_error
            assert text_of(failed).startswith(code)


async def test_all_of_a_thousand_come_in_pages():
    async with gate(SkillFilter(all=True)) as made, host(made) as client:
        crowd(made, MANY)
        await made.gateway.catalog._read()
        first = await client.list_tools()
        assert len(first.tools) == PAGE
        every = await names(client)
        assert len(every) == len(set(every)) == 1000
        assert every == sorted(every)


def test_a_page_ends_where_the_next_begins():
    ordered = dict.fromkeys(f"{n:04}" for n in range(PAGE + 1))
    page, cursor = after(ordered, "")
    assert (len(page), cursor) == (PAGE, page[-1])
    assert after(ordered, page[-1]) == ([f"{PAGE:04}"], None)
    assert after(ordered, "9") == ([], None)
