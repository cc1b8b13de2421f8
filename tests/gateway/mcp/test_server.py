"""The whole gateway, before the library's client, in both eras."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from chatixia.gateway.mcp.catalog import SkillFilter
from chatixia.gateway.mcp.resource_store import ResourceStore
from chatixia.wire.base import MIB
from tests.gateway.mcp.gate import ERAS, gate, host, text_of
from tests.until import until


@pytest.mark.parametrize("era", ERAS)
async def test_a_skill_is_a_tool_and_the_host_is_on_its_path(era: str):
    async with gate(name="desk") as made, host(made, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["weather-_forecast"].description == "Forecast for a city."
        assert tools["weather-_forecast"].input_schema["required"] == ["city"]
        done = await client.call_tool("weather-_forecast", {"city": "Oslo"})
        assert done.structured_content == {"city": "Oslo", "days": 1}
        assert text_of(done) == '{"city":"Oslo","days":1}'
        assert made.paths == [("mcp:desk", "gate~abcdef")]


async def test_a_host_without_a_chosen_name_is_called_as_it_says():
    from mcp_types import Implementation

    async with gate() as made:
        info = Implementation(name="My Desk / v2", version="1")
        async with host(made, "legacy", client_info=info) as client:
            await client.call_tool("weather-_forecast", {"city": "Oslo"})
        assert made.paths == [("mcp:my-desk-v2", "gate~abcdef")]


@pytest.mark.parametrize("era", ERAS)
async def test_errors_are_a_code_and_a_sentence(era: str):
    async with gate() as made, host(made, era) as client:
        for name, arguments, code in (
            ("weather-_boom", {}, "skill_failed"),
            ("weather-_forecast", {"city": 3}, "bad_arguments"),
            ("weather-_forecast", {}, "bad_arguments"),
            ("weather-_none", {}, "unknown_skill"),
        ):
            failed = await client.call_tool(name, arguments)
            assert failed.is_error
            assert text_of(failed).startswith(f"{code}: ")
            assert "swordfish" not in text_of(failed)
        assert not made.paths


@pytest.mark.parametrize("era", ERAS)
async def test_a_defect_of_ours_is_told_without_its_text(
    era: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_: Any) -> None:
        raise RuntimeError("swordfish")

    monkeypatch.setattr(ResourceStore, "get", broken)
    async with gate() as made, host(made, era) as client:
        with pytest.raises(MCPError) as raised:
            await client.read_resource("mesh://results/1")
    assert raised.value.error.message.startswith("internal: ")
    assert "swordfish" not in raised.value.error.message + caplog.text


async def test_what_is_not_there_says_so():
    async with gate() as made, host(made) as client:
        for work in (
            client.read_resource("mesh://results/1"),
            client.read_resource("mesh://agents/nobody/card"),
            client.get_prompt("nobody"),
        ):
            with pytest.raises(MCPError, match="not_found: "):
                await work


async def test_progress_rises_to_the_end():
    heard: list[tuple[float, str | None]] = []

    async def on_progress(fraction: float, total: float | None, note: str | None) -> None:
        heard.append((fraction, note))
        made.seen.set()

    async with gate() as made, host(made, "legacy") as client:
        done = await client.call_tool("weather-_steps", {}, progress_callback=on_progress)
        assert text_of(done) == "done"
    assert heard
    assert [fraction for fraction, _ in heard] == sorted({fraction for fraction, _ in heard})
    assert {note for _, note in heard} <= {"a quarter", "half"}


@pytest.mark.parametrize("era", ERAS)
async def test_a_host_that_leaves_a_call_cancels_the_skill(era: str):
    async with gate() as made, host(made, era) as client:
        call = asyncio.ensure_future(client.call_tool("weather-_wait", {}))
        await asyncio.wait_for(made.started.wait(), 5)
        call.cancel()
        await asyncio.wait_for(made.ended.wait(), 5)
        await asyncio.wait([call])


async def test_a_call_ends_at_its_time_out_and_the_skill_with_it():
    async with gate(timeout=0.05) as made, host(made) as client:
        late = await client.call_tool("weather-_wait", {})
        assert text_of(late).startswith("deadline_exceeded: ")
        await asyncio.wait_for(made.ended.wait(), 5)


@pytest.mark.parametrize("era", ERAS)
async def test_a_large_result_is_a_resource(era: str):
    async with gate() as made, host(made, era) as client:
        small = await client.call_tool("weather-_large", {"size": MIB})
        assert len(text_of(small)) == MIB
        large = await client.call_tool("weather-_large", {"size": MIB + 1})
        [link] = large.content
        assert (link.type, link.size) == ("resource_link", MIB + 1)
        read = await client.read_resource(link.uri)
        assert read.contents[0].text == "x" * (MIB + 1)


async def test_tools_come_and_go_in_the_older_era():
    told = asyncio.Event()

    async def heard(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            told.set()

    async with gate() as made, host(made, "legacy", message_handler=heard) as client:
        assert client.server_capabilities.tools.list_changed
        await client.list_tools()
        told.clear()
        made.serve("bus", made.forecast)
        made.gateway.catalog.changed("bus")
        await asyncio.wait_for(told.wait(), 5)
        assert "bus-_forecast" in [t.name for t in (await client.list_tools()).tools]
        told.clear()
        made.leave("bus")
        made.gateway.catalog.changed("bus")
        await asyncio.wait_for(told.wait(), 5)
        assert "bus-_forecast" not in [t.name for t in (await client.list_tools()).tools]


async def test_tools_come_and_go_in_the_newer_era():
    async with gate() as made, host(made) as client:
        assert "bus-_forecast" not in [t.name for t in (await client.list_tools()).tools]
        async with client.listen(tools_list_changed=True) as changes:
            made.serve("bus", made.forecast)
            made.gateway.catalog.changed("bus")
            await asyncio.wait_for(anext(aiter(changes)), 5)
        assert "bus-_forecast" in [t.name for t in (await client.list_tools()).tools]


CARD, HEALTH = "mesh://agents/bus/card", "mesh://agents/bus/health"


async def test_a_host_of_the_newer_era_hears_of_the_agent_that_it_watches():
    async with gate() as made, host(made) as client:
        assert client.server_capabilities.resources.subscribe
        async with client.listen(resource_subscriptions=[CARD]) as changes:
            for name in ("air", "bus"):
                made.serve(name, made.forecast)
                made.gateway.catalog.changed(name)
            change = await asyncio.wait_for(anext(aiter(changes)), 5)
        assert change.uri == CARD
        assert CARD in [one.uri for one in (await client.list_resources()).resources]


@pytest.mark.filterwarnings("ignore:resources/")
async def test_a_host_of_the_older_era_hears_of_what_it_watches_until_it_has_enough():
    told: list[str] = []

    async def heard(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            told.append(message.params.uri)

    async with gate() as made, host(made, "legacy", message_handler=heard) as client:
        assert client.server_capabilities.resources.subscribe
        for uri in (CARD, HEALTH):
            await client.subscribe_resource(uri)
        for name in ("air", "bus"):
            made.serve(name, made.forecast)
            made.gateway.catalog.changed(name)
        await until(lambda: told == [CARD, HEALTH])
        await client.unsubscribe_resource(CARD)
        made.leave("bus")
        made.gateway.catalog.changed("bus")
        await until(lambda: told == [CARD, HEALTH, HEALTH])
        with pytest.raises(MCPError, match="busy: "):
            await client.subscribe_resource("x" * 2000)


async def test_one_agent_has_bare_names():
    async with gate(SkillFilter(agent="weather")) as made, host(made) as client:
        made.serve("bus", made.forecast)
        made.gateway.catalog.changed("bus")
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["boom", "forecast", "large", "steps", "wait"]
        await client.call_tool("forecast", {"city": "Oslo"})
        await until(lambda: made.paths)
