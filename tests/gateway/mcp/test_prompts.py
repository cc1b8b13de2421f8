"""An agent's instructions as a prompt, for whom its owner named, and nobody else."""

from __future__ import annotations

import pytest
from mcp.shared.exceptions import MCPError

from chatixia.agent.model.instructions import AgentPrompt
from chatixia.agent.model.service import ModelSetup
from tests.agent.model.local_engine import obedient
from tests.agent.model.thinking import Thinking
from tests.gateway.mcp.gate import gate, host


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
