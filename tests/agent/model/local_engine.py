"""An engine without a library: it runs a small script, and tries whatever it reads.

A script is a function of what the model read so far that gives texts and calls. The obedient one
does what any text orders: ``DO tool {json}``.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import msgspec

from chatixia.agent.model.words import (
    ModelSpec,
    RunRequest,
    ScriptCall,
    ScriptTurn,
    ToolCall,
    Usage,
)
from chatixia.errors import ConfigError
from chatixia.wire.events import AgentEvent, tool_began, tool_ended

Step = str | ToolCall | AgentEvent | BaseException
Script = Callable[["Reading"], Iterable[Step]]
COST = Usage(1, 100, 10, 0, 0.01)


class Reading(msgspec.Struct):
    """What a model has before it: all texts of the conversation, and what is offered."""

    instructions: str
    texts: list[str]
    tools: list[str]
    descriptions: list[str]
    results: list[str]


class LocalEngine:
    """A ``ModelEngine`` of one function. ``requests``: what it was given."""

    title = "local:script"

    def __init__(self, script: Script, *, priced: bool = True) -> None:
        self.script, self.priced = script, priced
        self.requests: list[RunRequest] = []
        self.readings: list[Reading] = []
        self.running = self.most = 0
        self.gate: asyncio.Event | None = None
        self.is_closed = False
        self.missing = ""

    async def warm(self) -> None: ...

    async def has_price(self) -> bool:
        return self.priced

    async def price(self, input_tokens: int) -> float | None:
        if self.missing:
            raise ConfigError(self.missing)
        return input_tokens / 1e6 if self.priced else None

    async def close(self) -> None:
        self.is_closed = True

    async def run(self, request: RunRequest) -> AsyncGenerator[str | AgentEvent, None]:
        self.requests.append(request)
        if self.missing:
            raise ConfigError(self.missing)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.gate is not None:
                await self.gate.wait()
            async for piece in self._turns(request):
                yield piece
        finally:
            self.running -= 1

    async def _turns(self, request: RunRequest) -> AsyncGenerator[str | AgentEvent, None]:
        history = [json.loads(message) for message in request.history]
        prompt = "\n".join(
            part if isinstance(part, str) else part.data.decode() for part in request.parts
        )
        if not request.resume:
            history.append(await _keep(request, _user(prompt)))
        results: list[str] = []
        used = Usage()
        for _ in range(request.max_turns):
            specs = request.toolbox.specs()
            reading = Reading(
                request.instructions,
                [_text(message) for message in history],
                [spec.name for spec in specs],
                [spec.description + json.dumps(spec.parameters) for spec in specs],
                results,
            )
            self.readings.append(reading)
            await request.budget.before(100, "scripted")
            steps = list(self.script(reading))
            await request.budget.after(COST)
            used = used + COST
            for step in steps:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, str | AgentEvent):
                    yield step
            calls = [step for step in steps if isinstance(step, ToolCall)]
            answer = "".join(step for step in steps if isinstance(step, str))
            history.append(await _keep(request, _model(answer, calls)))
            if not calls:
                break
            for call in calls:
                yield tool_began(call.id, call.name, call.arguments, visible=True)
            outcomes = await asyncio.gather(*(request.toolbox.run(call) for call in calls))
            results = [outcome.text for outcome in outcomes]
            for call, outcome in zip(calls, outcomes, strict=True):
                ok = not outcome.failed
                yield tool_ended(call.id, call.name, outcome.text, ok=ok, ms=1.0, visible=True)
                history.append(await _keep(request, _result(call, outcome.text)))
        yield AgentEvent("usage", requests=used.requests, input_tokens=used.input_tokens)


def orders(texts: Iterable[str]) -> list[tuple[str, str]]:
    """What the texts order: ``DO tool {json}``, and ``DO_tool`` in a name."""
    everything = "\n".join(texts).replace('\\"', '"')
    written = re.findall(r"DO (\S+) (\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})", everything)
    named = [(name, "{}") for name in re.findall(r"\bDO_(\w+)", everything)]
    return list(dict.fromkeys([*written, *named]))


def obedient() -> Script:
    """Try each order that stands anywhere, once, and read what comes of it. The answer is all that
    it has read."""
    tried: set[tuple[str, str]] = set()

    def script(reading: Reading) -> Iterable[Step]:
        everything = [reading.instructions, *reading.texts, *reading.descriptions, *reading.results]
        new = [order for order in orders(everything) if order not in tried]
        tried.update(new)
        if not new:
            yield "\n".join((*reading.texts, *reading.results))
        for n, (name, arguments) in enumerate(new):
            yield ToolCall(f"c{len(tried)}.{n}", name, arguments)

    return script


def obedient_model() -> ModelSpec:
    """The same behind the library, which lets no call through to what is not offered."""
    tried: set[tuple[str, str]] = set()

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        about = [tool.description for tool in turn.tools]
        everything = [turn.instructions, *turn.texts, *about, *turn.results.values()]
        new = [order for order in orders(everything) if order not in tried]
        tried.update(new)
        if not new:
            yield "\n".join(turn.texts)
        for name, arguments in new:
            yield ScriptCall(name, arguments)

    return ModelSpec("scripted", script=script)


def answering(*steps: Sequence[Step]) -> Script:
    """A model that takes one of ``steps`` after the other, and the last again."""
    turns = iter(steps)
    last: list[Sequence[Step]] = [steps[-1]]

    def script(reading: Reading) -> Iterable[Step]:
        last[0] = next(turns, last[0])
        return last[0]

    return script


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{name}", name, json.dumps(arguments))


async def _keep(request: RunRequest, message: dict[str, Any]) -> dict[str, Any]:
    await request.journal.keep([json.dumps(message).encode()])
    return message


def _user(text: str) -> dict[str, Any]:
    return {"kind": "request", "parts": [{"part_kind": "user-prompt", "content": text}]}


def _model(text: str, calls: Sequence[ToolCall]) -> dict[str, Any]:
    parts = [{"part_kind": "text", "content": text}] if text else []
    parts += [
        {
            "part_kind": "tool-call",
            "tool_name": c.name,
            "args": f"CALLED {c.name} {c.arguments}",
            "tool_call_id": c.id,
        }
        for c in calls
    ]
    return {"kind": "response", "parts": parts}


def _result(one: ToolCall, text: str) -> dict[str, Any]:
    part = {"part_kind": "tool-return", "tool_name": one.name, "content": text}
    return {"kind": "request", "parts": [part | {"tool_call_id": one.id}]}


def _text(message: dict[str, Any]) -> str:
    return "\n".join(str(part.get("content") or part.get("args")) for part in message["parts"])
