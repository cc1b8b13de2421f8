"""One request to an endpoint in memory, at start: what clients build at first use is built then.

They make their types when the first answer comes, for up to a second: in the thread that constructs
the model it delays nobody, on the engine's loop it would hold up every run.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import httpx2
from pydantic_ai import Agent

from chatixia.agent.model.endpoints import Endpoint

from .outputs import Output
from .providers import build, settings_of

Events = list[dict[str, Any]]


def rehearse(endpoint: Endpoint) -> str:
    """The answer of the endpoint in memory, through the model at ``endpoint``. Not on a loop."""
    return asyncio.run(_rehearse(endpoint))


async def _rehearse(endpoint: Endpoint) -> str:
    transport = httpx2.MockTransport(lambda request: _answer(endpoint))
    async with httpx2.AsyncClient(transport=transport) as http:
        model = build(endpoint, http)
        settings = settings_of(endpoint)
        async with Output(None).agent.iter("hi", model=model, model_settings=settings) as run:
            async for node in run:
                if Agent.is_model_request_node(node):
                    async with node.stream(run.ctx) as stream:
                        async for _ in stream:
                            pass
    return str(run.result.output) if run.result else ""


def _answer(endpoint: Endpoint) -> httpx2.Response:
    events = _RESPONSES if endpoint.responses else _OTHERS.get(endpoint.provider, _CHAT)
    body = "".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        if "type" in event
        else f"data: {json.dumps(event)}\n\n"
        for event in events
    )
    headers = {"Content-Type": "text/event-stream"}
    return httpx2.Response(200, headers=headers, content=body.encode())


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    whole = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return whole | {"choices": [choice]}


_CHAT: Final[Events] = [_chunk({"content": "o"}), _chunk({"content": "k"}), _chunk({}, "stop")]

_MESSAGE: Final[dict[str, Any]] = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
_ANTHROPIC: Final[Events] = [
    {"type": "message_start", "message": _MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ok"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 1},
    },
    {"type": "message_stop"},
]
_OTHERS: Final = {"anthropic": _ANTHROPIC}

_TEXT: Final = {"type": "output_text", "text": "ok", "annotations": []}
_ITEM: Final = {
    "type": "message",
    "id": "i",
    "role": "assistant",
    "status": "completed",
    "content": [_TEXT],
}
_RESPONSE: Final[dict[str, Any]] = {
    "id": "r",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "status": "in_progress",
}
_USAGE: Final = {
    "input_tokens": 1,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 1,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 2,
}
_PLACE: Final = {"item_id": "i", "output_index": 0, "content_index": 0}
_BEGUN: Final = _ITEM | {"status": "in_progress", "content": []}
_STEPS: Final[list[dict[str, Any]]] = [
    {"type": "response.created", "response": _RESPONSE},
    {"type": "response.in_progress", "response": _RESPONSE},
    {"type": "response.output_item.added", "output_index": 0, "item": _BEGUN},
    {"type": "response.content_part.added", **_PLACE, "part": _TEXT | {"text": ""}},
    {"type": "response.output_text.delta", **_PLACE, "delta": "ok", "logprobs": []},
    {"type": "response.output_text.done", **_PLACE, "text": "ok", "logprobs": []},
    {"type": "response.content_part.done", **_PLACE, "part": _TEXT},
    {"type": "response.output_item.done", "output_index": 0, "item": _ITEM},
    {
        "type": "response.completed",
        "response": _RESPONSE | {"status": "completed", "output": [_ITEM], "usage": _USAGE},
    },
]
_RESPONSES: Final[Events] = [step | {"sequence_number": n} for n, step in enumerate(_STEPS)]
