"""Messages of the library as what is stored, and what we say of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pydantic import TypeAdapter
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)

from chatixia.agent.model.words import Attachment, ToolCall, ToolOutcome
from chatixia.errors import Conflict

_one: Final[TypeAdapter[ModelMessage]] = TypeAdapter(ModelMessage)


def dump(message: ModelMessage) -> bytes:
    """One message as JSON, without the instructions: those are of the run that sends it."""
    if isinstance(message, ModelRequest) and message.instructions:
        message = replace(message, instructions=None)
    return _one.dump_json(message)


def load(stored: Sequence[bytes]) -> list[ModelMessage]:
    """What :func:`dump` wrote, in order. Raises Conflict for what this version cannot read."""
    try:
        return ModelMessagesTypeAdapter.validate_json(b"[" + b",".join(stored) + b"]")
    except ValueError:
        raise Conflict(
            "The stored conversation cannot be read by this version; `chatixia memory forget`"
            " removes it."
        ) from None


def joined(messages: Iterable[ModelMessage]) -> list[ModelMessage]:
    """With the requests that follow each other as one: each result of a tool is stored alone."""
    whole: list[ModelMessage] = []
    for message in messages:
        last = whole[-1] if whole else None
        if isinstance(message, ModelRequest) and isinstance(last, ModelRequest):
            whole[-1] = replace(last, parts=[*last.parts, *message.parts])
        else:
            whole.append(message)
    return whole


def prompt(parts: Sequence[str | Attachment]) -> ModelRequest:
    """The request that begins a turn."""
    if len(parts) == 1 and isinstance(parts[0], str):
        return ModelRequest([UserPromptPart(parts[0])])
    return ModelRequest([UserPromptPart([_content(part) for part in parts])])


def _content(part: str | Attachment) -> UserContent:
    if isinstance(part, str):
        return part
    if part.media_type.startswith("text/"):
        return f"[{part.name}]\n{part.data.decode(errors='replace')}"
    return BinaryContent(part.data, media_type=part.media_type)


def call_of(part: ToolCallPart, among: int = 1) -> ToolCall:
    """A call as our toolbox takes it, with its arguments as the model wrote them."""
    text = part.args if isinstance(part.args, str) else part.args_as_json_str()
    return ToolCall(part.tool_call_id, part.tool_name, text, among)


def result_of(call: ToolCall, outcome: ToolOutcome) -> ModelRequest:
    """The request that holds ``outcome`` alone."""
    failed = outcome.failed or outcome.retry
    part = ToolReturnPart(
        call.name, outcome.text, call.id, outcome="failed" if failed else "success"
    )
    return ModelRequest([part])


def unanswered(messages: Sequence[ModelMessage]) -> list[ToolCallPart]:
    """The tool calls that have no result, of the last response."""
    at = max((n for n, m in enumerate(messages) if isinstance(m, ModelResponse)), default=-1)
    if at < 0:
        return []
    answered = {
        part.tool_call_id
        for message in messages[at + 1 :]
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    }
    calls = (part for part in messages[at].parts if isinstance(part, ToolCallPart))
    return [call for call in calls if call.tool_call_id not in answered]


def last_turn(messages: Sequence[ModelMessage]) -> Sequence[ModelMessage]:
    """What came after the last prompt."""
    prompts = (n for n, message in enumerate(messages) if _is_prompt(message))
    return messages[max(prompts, default=-1) + 1 :]


def _is_prompt(message: ModelMessage) -> bool:
    return any(isinstance(part, UserPromptPart) for part in message.parts)


def text_of(message: ModelMessage) -> str:
    """The text of a response that the asker sees."""
    return "".join(part.content for part in message.parts if isinstance(part, TextPart))


def words_of(message: ModelMessage) -> str:
    """The words of the prompt, or of the answer; nothing that tools wrote."""
    contents = [part.content for part in message.parts if isinstance(part, UserPromptPart)]
    words = [
        word
        for content in contents
        for word in ([content] if isinstance(content, str) else content)
        if isinstance(word, str)
    ]
    return "\n".join([*words, text_of(message)]).strip()
