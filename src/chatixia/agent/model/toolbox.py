"""The tools of one run: what the whole path may cause is offered, and judged again when it runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from chatixia.core.callers import all_named, stranger
from chatixia.core.ports import Incoming
from chatixia.errors import Denied, MeshError, SkillFailed, UnknownSkill

from .own_tools import failed
from .stored import BYTES_PER_TOKEN
from .words import ToolCall, ToolOutcome, ToolSpec

MAX_RESULT: Final = 16 * 1024
"""Bytes of a result that a model is given."""
RESULTS: Final = 0.5
"""Of the window: what the results of calls that a model made at once may fill together."""
SIDE_BY_SIDE: Final = 8
"""Calls of one run that run at once."""


class ModelTool(Protocol):
    """Something that a model may call."""

    spec: ToolSpec

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        """See :class:`~.words.Toolbox`. May raise MeshError."""
        ...


class AgentToolbox:
    """A :class:`~.words.Toolbox`. ``tools``: all there are, asked anew each time. ``incoming``: the
    request that is answered. ``callers``: whom the agent's owner lets change things. ``window``:
    the tokens of a request, of which results leave enough for the rest; 0 for any."""

    def __init__(
        self,
        tools: Callable[[], Iterable[ModelTool]],
        incoming: Incoming,
        callers: Collection[str],
        agent: str,
        window: int = 0,
    ) -> None:
        self._tools, self._incoming, self._agent = tools, incoming, agent
        self._callers = frozenset(callers)
        self._room = round(window * RESULTS) * BYTES_PER_TOKEN if window else sys.maxsize
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)
        self.running = 0
        """Calls under way."""

    def specs(self) -> Sequence[ToolSpec]:
        """What is offered now, by name, so that the same tools make the same prompt."""
        offered = (tool.spec for tool in self._tools() if self._allowed(tool.spec))
        return sorted(offered, key=lambda spec: spec.name)

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        """Run one call, if it is allowed."""
        tool = self._by_name().get(call.name)
        if tool is None:
            return failed(UnknownSkill(f"There is no tool {call.name[:64]}."))
        if not self._allowed(tool.spec):
            return failed(self._denied(call.name))
        self.running += 1
        try:
            async with self._places:
                outcome = await self._outcome(tool, call, again)
                return clipped(outcome, min(MAX_RESULT, self._room // max(1, call.among)))
        finally:
            self.running -= 1

    async def _outcome(self, tool: ModelTool, call: ToolCall, again: bool) -> ToolOutcome:
        try:
            return await tool.run(call, again=again)
        except MeshError as error:
            return failed(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on without it
            return failed(SkillFailed(f"{call.name[:64]} failed with {type(error).__name__}."))

    def _by_name(self) -> Mapping[str, ModelTool]:
        return {tool.spec.name: tool for tool in self._tools()}

    def _allowed(self, spec: ToolSpec) -> bool:
        return spec.effect != "write" or all_named(
            self._incoming.path, self._incoming.via, self._callers
        )

    def _denied(self, name: str) -> Denied:
        first = stranger(self._incoming.path, self._incoming.via, self._callers)
        return Denied(
            f"{name[:64]} may change things, and {first} is not in `callers` of {self._agent}."
        )


def clipped(outcome: ToolOutcome, most: int = MAX_RESULT) -> ToolOutcome:
    """``outcome`` with at most ``most`` bytes of text, and a word about what is gone."""
    data = outcome.text.encode(errors="replace")
    if len(data) <= most:
        return outcome
    text = data[:most].decode(errors="ignore")
    note = f"\n[clipped: the first {most} of {len(data)} bytes]"
    return msgspec.structs.replace(outcome, text=text + note)
