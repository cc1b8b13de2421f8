"""Cards and health of agents, skills that are resources, and what was kept, as hosts read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from chatixia.agent.context import Ctx
from chatixia.agent.skill import Skill
from chatixia.client.artifact import Artifact
from chatixia.gateway.mcp import resources as gateway_resources
from chatixia.gateway.mcp.catalog import SkillFilter
from chatixia.gateway.mcp.resource_store import ResourceStore
from chatixia.gateway.mcp.resources import ResourceList
from tests.gateway.mcp.gate import Gate, gate, host


async def test_each_agent_has_a_card_and_its_health():
    async with gate(SkillFilter(("forecast",))) as made, host(made) as client:
        listed = [one.uri for one in (await client.list_resources()).resources]
        assert listed == ["mesh://agents/weather/card", "mesh://agents/weather/health"]
        card, health = [
            json.loads((await client.read_resource(uri)).contents[0].text) for uri in listed
        ]
        assert [skill["name"] for skill in card["skills"]] == ["forecast"]
        assert (health["agent"], health["health"]) == ("weather", "active")
        forms = (await client.list_resource_templates()).resource_templates
        assert [one.uri_template for one in forms] == [
            "mesh://agents/{agent}/card",
            "mesh://agents/{agent}/health",
        ]


@pytest.mark.parametrize("uri", ["mesh://agents/weather", "mesh://agents/weather/key", "file:///x"])
async def test_nothing_else_is_read(uri: str):
    async with gate() as made, host(made) as client:
        with pytest.raises(MCPError, match="not_found: "):
            await client.read_resource(uri)


@pytest.mark.parametrize(
    ("data", "media_type", "is_text"),
    [(b"plum", "text/plain", True), (b"\xff", "text/plain", False), (b"\x00", "", False)],
)
async def test_an_artifact_is_text_or_bytes(data: bytes, media_type: str, is_text: bool):
    async with gate() as made:
        store = ResourceStore()
        one = store.artifact("ann", Artifact.of(data, name="f", media_type=media_type))
        resources = ResourceList(made.gateway.catalog, store, made.gateway._calls)
        [read] = (await resources.read("ann", one.uri, unheard)).contents
        assert (getattr(read, "text", None) == data.decode(errors="ignore")) == is_text


async def unheard(*_: Any) -> None:
    """Hear no progress."""


async def today(ctx: Ctx) -> dict[str, Any]:
    """What is on today."""
    return {"path": list(ctx.path)}


async def note(day: str) -> str:
    """A note of a day."""
    return "x" * int(day) if day.isdecimal() else f"Nothing on {day}."


NOTES = (
    Skill("today", today, resource="notes://today"),
    Skill("note", note, resource="notes://day/{day}"),
    Skill("plain", note),
)
BEFORE = "mesh://agents/diary/"


async def arrived(made: Gate) -> None:
    """An agent with resources is there."""
    made.serve("diary", *NOTES)
    made.gateway.catalog.changed("")
    await made.gateway.catalog._read()


@pytest.mark.parametrize(("choice", "before"), [("", BEFORE), ("diary", "")])
async def test_a_skill_is_a_resource_under_its_address(choice: str, before: str):
    async with gate(SkillFilter(agent=choice), name="desk") as made, host(made) as client:
        await arrived(made)
        listed = {one.uri: one.name for one in (await client.list_resources()).resources}
        assert listed[f"{before}notes://today"] == "diary/today"
        forms = (await client.list_resource_templates()).resource_templates
        assert f"{before}notes://day/{{day}}" in [one.uri_template for one in forms]
        [read] = (await client.read_resource(f"{before}notes://today")).contents
        assert read.mime_type == "application/json"
        assert json.loads(read.text)["path"][0] == "mcp:desk"
        [read] = (await client.read_resource(f"{before}notes://day/May%201%2F2")).contents
        assert (read.mime_type, read.text) == ("text/plain", "Nothing on May 1/2.")
        for wrong in ("notes://day/a/b", "notes://days/a", "notes://day", "notes://today/"):
            with pytest.raises(MCPError, match="not_found: "):
                await client.read_resource(before + wrong)


async def test_a_resource_is_no_tool_and_one_agent_s_is_not_another_s():
    async with gate() as made, host(made) as client:
        await arrived(made)
        made.serve("other", *NOTES)
        made.gateway.catalog.changed("")
        await made.gateway.catalog._read()
        tools = [one.name for one in (await client.list_tools()).tools]
        assert [name for name in tools if "weather" not in name] == ["diary-_plain", "other-_plain"]
        uris = [one.uri for one in (await client.list_resources()).resources]
        assert [uri for uri in uris if "notes" in uri] == [
            "mesh://agents/diary/notes://today",
            "mesh://agents/other/notes://today",
        ]


async def test_what_a_stranger_puts_in_the_place_of_ours_is_a_tool():
    async with gate(SkillFilter(agent="diary")) as made, host(made) as client:
        await arrived(made)
        catalog = made.gateway.catalog
        card = catalog.agents["diary"].skills[0]
        card.resource = "mesh://agents/diary/card"
        catalog._records = {}
        catalog.changed("")
        await catalog._read()
        assert "today" in [one.name for one in (await client.list_tools()).tools]
        [read] = (await client.read_resource("mesh://agents/diary/card")).contents
        assert "skills" in json.loads(read.text)


async def test_a_resource_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gateway_resources, "MAX_READ", 100)
    async with gate(SkillFilter(agent="diary")) as made, host(made) as client:
        await arrived(made)
        assert (await client.read_resource("notes://day/100")).contents
        with pytest.raises(MCPError, match="too_large: "):
            await client.read_resource("notes://day/101")
