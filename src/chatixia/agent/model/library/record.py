"""The messages of a run that are finished, each stored before the run goes on."""

from __future__ import annotations

from typing import Any, Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from chatixia.agent.model.crossing import Crossing
from chatixia.agent.model.words import RunRequest, ToolCall, ToolOutcome

from . import messages

MAX_PREFIX: Final = 32
"""Characters of a call's id that stay before a number; providers take 40."""


class RunRecord:
    """``finished``: those of before, and those of this run as they come; it only grows."""

    def __init__(self, request: RunRequest, crossing: Crossing[Any]) -> None:
        self._journal = request.journal
        self._toolbox = request.toolbox
        self._crossing = crossing
        self.stored = list(request.history)
        """The same, as the journal has them."""
        self.finished: list[ModelMessage] = messages.load(self.stored)
        self._answered: set[str] = set()
        responses = (message for message in self.finished if isinstance(message, ModelResponse))
        self._called = {call.tool_call_id for one in responses for call in one.tool_calls}

    def distinguish(self, response: ModelResponse) -> None:
        """Give each call of ``response`` an id of its own. Some providers count them anew in each
        response, and by its id alone a call has its result and its idempotency key."""
        for part in response.tool_calls:
            original, number = part.tool_call_id, 2
            while part.tool_call_id in self._called:
                part.tool_call_id, number = f"{original[:MAX_PREFIX]}_{number}", number + 1
            self._called.add(part.tool_call_id)

    async def keep(self, message: ModelMessage) -> None:
        """Store ``message``, then count it as finished."""
        data = messages.dump(message)
        await self._crossing.at_home(lambda: self._journal.keep([data]))
        self._add(message, data)

    async def keep_rest(self, message: ModelMessage) -> None:
        """Of a request that the library made: what is not stored yet."""
        if not isinstance(message, ModelRequest):
            return
        parts = [part for part in message.parts if not self._has(part)]
        if parts:
            await self.keep(ModelRequest(parts))

    async def keep_prompt(self, words: list[str]) -> None:
        """Words that came while the run was at work."""
        await self.keep(ModelRequest([UserPromptPart(text) for text in words]))

    async def run_tool(self, call: ToolCall, again: bool) -> ToolOutcome:
        """Run ``call`` at home, and store its result there before anything else happens."""

        async def run_and_keep() -> tuple[ToolOutcome, ModelRequest, bytes]:
            outcome = await self._toolbox.run(call, again=again)
            message = messages.result_of(call, outcome)
            data = messages.dump(message)
            await self._journal.keep([data])
            return outcome, message, data

        outcome, message, data = await self._crossing.at_home(run_and_keep)
        self._add(message, data)
        return outcome

    async def answer(self, part: ToolCallPart, text: str, *, failed: bool = False) -> None:
        """Answer a call of the model in the place of a tool."""
        outcome = ToolOutcome(text, failed=failed)
        await self.keep(messages.result_of(messages.call_of(part), outcome))

    async def close_calls(self) -> None:
        """Answer what a canceled run left open: no provider takes a history with open calls."""
        for part in messages.unanswered(self.finished):
            await self.answer(part, "canceled: The run ended before this call did.", failed=True)

    def responses(self) -> list[ModelResponse]:
        """Those since the last prompt."""
        turn = messages.last_turn(self.finished)
        return [message for message in turn if isinstance(message, ModelResponse)]

    def _add(self, message: ModelMessage, data: bytes) -> None:
        self.finished.append(message)
        self.stored.append(data)
        self._answered.update(
            part.tool_call_id for part in message.parts if isinstance(part, ToolReturnPart)
        )

    def _has(self, part: Any) -> bool:
        return isinstance(part, ToolReturnPart) and part.tool_call_id in self._answered
