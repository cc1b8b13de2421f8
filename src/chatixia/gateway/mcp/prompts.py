"""Each agent as a prompt: its instructions (AGENT.md and what belongs to it), with a message.

The agent shows them to whom its owner named in ``callers``, and to nobody else.
"""

from __future__ import annotations

from typing import Final

import mcp_types as types
import msgspec

from chatixia.client.mesh import Mesh
from chatixia.errors import BadRequest, NotFound
from chatixia.wire.peer import PromptPreview

from .catalog import MeshCatalog
from .tools import after

MESSAGE: Final = "message"
READ_S: Final = 30.0
"""Seconds that an agent has to show its instructions."""
_ARGUMENT: Final = types.PromptArgument(
    name=MESSAGE, description="what it is to do", required=False
)


class PromptList:
    """The prompts of the mesh."""

    def __init__(self, catalog: MeshCatalog) -> None:
        self._catalog = catalog

    def page(self, cursor: str) -> types.ListPromptsResult:
        """One for each agent, those after ``cursor``."""
        names, more = after(self._catalog.agents, cursor)
        listed = [
            types.Prompt(
                name=name,
                description=self._catalog.agents[name].description or None,
                arguments=[_ARGUMENT],
            )
            for name in names
        ]
        return types.ListPromptsResult(prompts=listed, next_cursor=more)

    async def get(self, mesh: Mesh, name: str, message: str) -> types.GetPromptResult:
        """Its instructions, and ``message`` behind them. Raises NotFound, and what it says."""
        record = self._catalog.agents.get(name)
        if record is None:
            raise NotFound(f"There is no prompt {name[:64]} now; list the prompts again.")
        reply = await mesh.agent(name, timeout=READ_S).ask(message or "-", dry_run=True).reply()
        try:
            preview = msgspec.convert(reply.value, PromptPreview)
        except msgspec.ValidationError:
            raise BadRequest(f"{name} has no model, so it has no instructions.") from None
        texts = [preview.instructions, *([message] if message else [])]
        return types.GetPromptResult(
            description=record.description or None, messages=[_as_message(text) for text in texts]
        )


def _as_message(text: str) -> types.PromptMessage:
    return types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
