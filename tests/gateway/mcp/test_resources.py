"""Cards and health of agents, and what was store, as a host reads them."""

from __future__ import annotations

import json

import pytest
from mcp.shared.exceptions import MCPError

from chatixia.client.artifact import Artifact
from chatixia.gateway.mcp.catalog import SkillFilter
from chatixia.gateway.mcp.resource_store import ResourceStore
from chatixia.gateway.mcp.resources import ResourceList
from tests.gateway.mcp.gate import gate, host


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
        [read] = (await ResourceList(made.gateway.catalog, store).read("ann", one.uri)).contents
        assert (getattr(read, "text", None) == data.decode(errors="ignore")) == is_text
