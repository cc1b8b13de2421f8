"""A scripted model: what answers is a function, and no byte leaves the process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from chatixia.agent.model.words import Script, ScriptCall, ScriptTurn, ToolSpec

from .messages import words_of


def scripted_model(script: Script) -> Model:
    """``script`` as a model of the library."""
    number = 0

    async def stream(
        history: list[ModelMessage], info: AgentInfo
    ) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
        nonlocal number
        at = 0
        async for piece in script(_turn(history, info)):
            if isinstance(piece, str):
                yield piece
                continue
            number += 1
            yield {
                at: DeltaToolCall(
                    name=piece.name, json_args=_arguments(piece), tool_call_id=f"call_{number}"
                )
            }
            at += 1

    def whole(history: list[ModelMessage], info: AgentInfo) -> Any:
        raise NotImplementedError("Runs stream.")

    return FunctionModel(whole, stream_function=stream, model_name="script")


def _arguments(call: ScriptCall) -> str:
    return call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)


def _turn(history: list[ModelMessage], info: AgentInfo) -> ScriptTurn:
    tools = [*info.function_tools, *info.output_tools]
    return ScriptTurn(
        info.instructions or "",
        tuple(text for message in history for text in _texts(message)),
        {
            part.tool_name: str(part.content)
            for part in (history[-1].parts if history else ())
            if isinstance(part, ToolReturnPart)
        },
        tuple(ToolSpec(t.name, t.description or "", t.parameters_json_schema) for t in tools),
        next((words_of(m) for m in reversed(history) if _prompts(m)), ""),
        _responses_since_prompt(history),
    )


def _responses_since_prompt(history: list[ModelMessage]) -> int:
    number = 0
    for message in history:
        number = 0 if _prompts(message) else number + isinstance(message, ModelResponse)
    return number


def _prompts(message: ModelMessage) -> bool:
    return any(isinstance(part, UserPromptPart) for part in message.parts)


def _texts(message: ModelMessage) -> list[str]:
    texts = []
    for part in message.parts:
        if isinstance(part, UserPromptPart):
            texts.append(f"user: {words_of(ModelRequest([part]))}")
        elif isinstance(part, TextPart):
            texts.append(f"model: {part.content}")
        elif isinstance(part, ToolReturnPart):
            texts.append(f"tool {part.tool_name}: {part.content}")
    return texts
