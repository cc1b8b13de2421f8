"""What a run of a model needs in tests: a toolbox, a journal and a budget that take notes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

from chatixia.agent.model.engine import LibraryEngine
from chatixia.agent.model.words import (
    Effect,
    ModelSpec,
    RunRequest,
    Script,
    ScriptCall,
    ScriptTurn,
    ToolCall,
    ToolOutcome,
    ToolSpec,
    Usage,
)
from chatixia.wire.events import AgentEvent

ANYTHING = {"type": "object"}
Tool = Callable[[str], Awaitable[str]]


class Tools:
    """A toolbox of functions (arguments as text) -> text; ``calls``: those that ran."""

    def __init__(self, **tools: Tool) -> None:
        self.tools = tools
        self.calls: list[tuple[str, str]] = []
        self.again: list[str] = []
        self.repeatable: set[str] = set()
        self.effect: Effect = "write"

    def specs(self) -> Sequence[ToolSpec]:
        return [ToolSpec(name, f"does {name}", ANYTHING, self.effect) for name in self.tools]

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        if again:
            self.again.append(call.id)
            if call.name not in self.repeatable:
                return ToolOutcome("unknown: It is not known whether it was done.", failed=True)
        self.calls.append((call.name, call.arguments))
        try:
            return ToolOutcome(await self.tools[call.name](call.arguments))
        except ValueError as error:
            return ToolOutcome(f"bad_arguments: {error}", retry=True)


class Notes:
    """A journal and a budget."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.used: list[Usage] = []
        self.asked: list[int] = []
        self.on_keep: Callable[[int], None] = lambda count: None

    async def keep(self, messages: Sequence[bytes]) -> None:
        self.kept += messages
        self.on_keep(len(self.kept))

    async def before(self, estimate_tokens: int, provider: str) -> None:
        self.asked.append(estimate_tokens)

    async def after(self, usage: Usage) -> None:
        self.used.append(usage)


class Run:
    """One run on ``engine``; ``text``: what the asker has at the end, withdrawn text taken away."""

    def __init__(self, tools: Tools | None = None, notes: Notes | None = None) -> None:
        self.tools = tools or Tools()
        self.notes = notes or Notes()
        self.items: list[str | AgentEvent] = []

    def request(self, prompt: str = "hello", **more: Any) -> RunRequest:
        return RunRequest("You are a test.", [prompt], self.tools, self.notes, self.notes, **more)

    async def go(self, engine: LibraryEngine, prompt: str = "hello", **more: Any) -> str:
        async with aclosing(engine.run(self.request(prompt, **more))) as items:
            async for item in items:
                self.items.append(item)
        return self.text

    @property
    def text(self) -> str:
        pieces: list[str] = []
        for item in self.items:
            if isinstance(item, str):
                pieces.append(item)
            elif item.kind == "fallback":
                pieces.clear()
        return "".join(pieces)

    def events(self, *kinds: str) -> list[AgentEvent]:
        return [
            e for e in self.items if isinstance(e, AgentEvent) and (not kinds or e.kind in kinds)
        ]


def scripted(script: Script, **more: Any) -> LibraryEngine:
    return LibraryEngine(ModelSpec("", script=script), {}, **more)


def steps(*responses: Sequence[str | ScriptCall]) -> Script:
    """A script that gives the responses in turn, whatever it is asked; ``turns``: what it was."""
    left = list(responses)

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        script.turns.append(turn)  # type: ignore[attr-defined]
        for piece in left.pop(0):
            yield piece

    script.turns = []  # type: ignore[attr-defined]
    return script


async def echo(arguments: str) -> str:
    await asyncio.sleep(0)
    return f"echo {arguments}"
