"""A toolbox of ours as a toolset of the library."""

from __future__ import annotations

import json
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import ToolReturnPart
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool

from chatixia.agent.model.crossing import Crossing
from chatixia.agent.model.words import Toolbox, ToolCall, ToolOutcome, ToolSpec
from chatixia.wire.events import AgentEvent, tool_began, tool_ended
from chatixia.world import World

from .record import RunRecord


class AsWritten:
    """Lets any arguments through: the toolbox judges them, also those that are no JSON."""

    def validate_json(self, input: str | bytes | bytearray, **_: Any) -> dict[str, Any]:  # noqa: A002 - its caller names it
        """The text itself."""
        return {"text": input if isinstance(input, str) else bytes(input).decode(errors="replace")}

    def validate_python(self, input: Any, **_: Any) -> dict[str, Any]:  # noqa: A002 - its caller names it
        """As JSON text again."""
        return {"text": json.dumps(input, ensure_ascii=False)}


class ToolboxToolset(AbstractToolset[Any]):
    """Offers what ``toolbox`` offers, and tells the asker of each call."""

    def __init__(
        self,
        toolbox: Toolbox,
        record: RunRecord,
        crossing: Crossing[str | AgentEvent],
        world: World,
    ) -> None:
        self._toolbox = toolbox
        self._record = record
        self._crossing = crossing
        self._world = world
        self.offered: dict[str, ToolSpec] = {}
        self.may_have_changed = False
        """Whether a tool was called that does more than read."""
        self.among = 1
        """How many calls the last response has."""

    @property
    def id(self) -> str:
        """Its name within a run."""
        return "toolbox"

    def offer(self) -> None:
        """Ask the toolbox anew; once before each request."""
        self.offered = {spec.name: spec for spec in self._toolbox.specs()}

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """What is offered now."""
        return {name: self._tool(spec) for name, spec in self.offered.items()}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Run one call. What is wrong with it goes back to the model as the call's result."""
        call = ToolCall(ctx.tool_call_id or "", name, tool_args["text"], self.among)
        outcome = await self.run(call)
        if outcome.failed or outcome.retry:
            raise ToolFailed(outcome.text)
        return outcome.text

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        """Run ``call``, with its events. ``again``: it may have run before a kill."""
        spec = self.offered.get(call.name)
        visible = spec is not None and spec.visible
        if spec is None or spec.effect != "read":
            self.may_have_changed = True
        put = self._crossing.put
        await put(tool_began(call.id, call.name, call.arguments, visible=visible))
        begun = self._world.monotonic()
        outcome = await self._record.run_tool(call, again)
        if outcome.delegated:
            await put(AgentEvent("delegated", call.id, call.name, outcome.agent))
        await put(
            tool_ended(
                call.id,
                call.name,
                outcome.text,
                ok=not (outcome.failed or outcome.retry),
                ms=(self._world.monotonic() - begun) * 1000,
                visible=visible,
                agent=outcome.agent,
            )
        )
        return outcome

    async def refuse(self, part: ToolReturnPart) -> None:
        """Tell the asker of a call to what is not offered; the library answered the model."""
        text = str(part.content)
        await self._crossing.put(
            tool_ended(part.tool_call_id, part.tool_name, text, ok=False, ms=0.0, visible=True)
        )

    def _tool(self, spec: ToolSpec) -> ToolsetTool[Any]:
        definition = ToolDefinition(
            name=spec.name,
            description=spec.description,
            parameters_json_schema=spec.parameters,
            strict=False,  # the strict form of a schema forbids much that ours say
        )
        return ToolsetTool(
            toolset=self, tool_def=definition, max_retries=0, args_validator=AsWritten()
        )
