"""An agent's instructions as a prompt, for whom its owner named, and nobody else; and skills that
are prompts."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from chatixia.agent.model.instructions import AgentPrompt
from chatixia.agent.model.service import ModelSetup
from chatixia.agent.skill import Skill
from chatixia.gateway.mcp.catalog import SkillFilter
from chatixia.gateway.mcp.prompts import _arguments
from tests.agent.model.local_engine import obedient
from tests.agent.model.thinking import Thinking
from tests.gateway.mcp.gate import Gate, gate, host


async def test_instructions_are_shown_to_callers_alone():
    async with gate(name="desk") as made, host(made) as client:
        prompt = AgentPrompt("Be kind.", "You know plums.")
        named = ModelSetup(prompt, ("mcp:desk", "gate"))
        agents = [
            Thinking(made.net, "kind", obedient(), setup=named),
            Thinking(made.net, "shy", obedient(), setup=ModelSetup(prompt, ("mcp:other", "gate"))),
        ]
        try:
            made.gateway.catalog.changed("")
            await made.gateway.catalog._read()
            listed = {one.name for one in (await client.list_prompts()).prompts}
            assert listed == {"kind", "shy", "weather"}
            shown = await client.get_prompt("kind", {"message": "Which plum?"})
            texts = [one.content.text for one in shown.messages]
            assert "You know plums." in texts[0]
            assert texts[1:] == ["Which plum?"]
            with pytest.raises(MCPError, match="denied: "):
                await client.get_prompt("shy")
            with pytest.raises(MCPError, match=r"unknown_skill: |bad_request: "):
                await client.get_prompt("weather")
        finally:
            for agent in agents:
                await agent.stop()


async def review(topic: str, tone: str = "dry") -> str:
    """Review something.

    Args:
        topic: what
    """
    return f"Review {topic}, {tone}."


async def arrived(made: Gate) -> None:
    """An agent with that prompt, and a tool, is there."""
    made.serve("critic", Skill("review", review, as_prompt=True), Skill("plain", review))
    made.gateway.catalog.changed("")
    await made.gateway.catalog._read()


@pytest.mark.parametrize(("choice", "name"), [("", "critic/review"), ("critic", "review")])
async def test_a_skill_is_a_prompt_with_arguments(choice: str, name: str):
    async with gate(SkillFilter(agent=choice)) as made, host(made) as client:
        await arrived(made)
        [listed] = [one for one in (await client.list_prompts()).prompts if one.name == name]
        assert (listed.title, listed.description) == ("critic/review", "Review something.")
        arguments = [(one.name, one.description, one.required) for one in listed.arguments]
        assert arguments == [("topic", "what", True), ("tone", None, False)]
        shown = await client.get_prompt(name, {"topic": "plums"})
        assert [one.content.text for one in shown.messages] == ["Review plums, dry."]
        with pytest.raises(MCPError, match="bad_arguments: ") as refused:
            await client.get_prompt(name, {"tone": "dry"})
        assert refused.value.error.code == -32602


async def test_a_prompt_is_no_tool():
    async with gate() as made, host(made) as client:
        await arrived(made)
        listed = [one.name for one in (await client.list_tools()).tools if "critic" in one.name]
        assert listed == ["critic-_plain"]
        found = made.gateway._calls._find("review")
        assert [one["skill"] for one in found if one["agent"] == "critic"] == ["plain"]


@pytest.mark.parametrize("schema", [{"properties": 5}, {"properties": {"a": 5}, "required": 7}])
def test_a_stranger_s_schema_breaks_no_list(schema: dict[str, Any]):
    assert [one.name for one in _arguments(schema)] in ([], ["a"])
