"""A question that a model's run puts to another agent: its answer, and what that agent does
meanwhile, which the first asker sees too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from chatixia.client.ask import Ask
from chatixia.client.reply import Reply
from chatixia.errors import TooLarge, Unreachable
from chatixia.wire.base import MIB
from chatixia.wire.events import AgentEvent
from chatixia.world import World

Emit = Callable[[AgentEvent], Awaitable[None]]

MAX_ANSWER: Final = 16 * MIB
"""Characters that another agent's answer may have; a model is given far less of it."""
PASSED: Final = frozenset({"tool_began", "tool_ended", "delegated", "retry", "thinking", "usage"})
"""Kinds that are passed on. What no kind of ours is may mean anything to the asker."""


async def answer_of(
    make: Callable[[], Ask], agent: str, call_id: str, emit: Emit, world: World
) -> Reply:
    """The whole answer of ``agent`` to the question that ``make`` makes, for the call ``call_id``.

    ``emit`` is told what ``agent`` does for it. Raises MeshError.
    """
    began = world.monotonic()
    async with AsyncExitStack() as stack:
        try:
            pieces = await stack.enter_async_context(make())
        except Unreachable:  # without a key of its own there is no link, and no stream
            return await make().reply()
        text = _Text(agent)
        async for step in pieces.events():
            if step.event is not None:
                text.hear(step.event)
                if passed := passed_on(step.event, agent, call_id):
                    await emit(passed)
            elif step.item is not None:
                text.add(str(step.item))
        return Reply(text.whole, pieces.via, 1000 * (world.monotonic() - began), agent)


class _Text:
    """What ``agent`` has said, without what it took back."""

    def __init__(self, agent: str) -> None:
        self._agent, self._pieces, self._size = agent, list[str](), 0

    def add(self, piece: str) -> None:
        """One more piece. Raises TooLarge."""
        self._size += len(piece)
        if self._size > MAX_ANSWER:
            raise TooLarge(f"{self._agent} said more than {MAX_ANSWER} characters.")
        self._pieces.append(piece)

    def hear(self, event: AgentEvent) -> None:
        """An event; a fallback takes back what came before it."""
        if event.kind == "fallback":
            self._pieces.clear()

    @property
    def whole(self) -> str:
        """All of it."""
        return "".join(self._pieces)


def passed_on(event: AgentEvent, agent: str, call_id: str) -> AgentEvent | None:
    """``event`` of ``agent`` as the asker of the call ``call_id`` sees it; None for no such thing.

    Its id begins with the call's, so that nothing it says looks like a step of this run, and what
    its model took back is a retry here: the asker has heard none of it.
    """
    kind = "retry" if event.kind == "fallback" else event.kind
    if kind not in PASSED:
        return None
    named = f"{call_id}/{event.id}" if event.id else call_id
    return msgspec.structs.replace(event, kind=kind, id=named, agent=event.agent or agent)
