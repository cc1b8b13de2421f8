"""One response: shown to the asker as it comes, watched for silence, counted however it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from pydantic_ai import messages as lib
from pydantic_ai.models import Model

from chatixia.agent.model.crossing import Crossing
from chatixia.agent.model.endpoints import (
    FIRST_BYTE_S,
    MAX_ANSWER,
    MAX_CALLS,
    SILENCE_S,
    Endpoint,
)
from chatixia.agent.model.words import Budget, Usage
from chatixia.errors import MeshError, ModelFailed
from chatixia.wire.events import AgentEvent, excerpt
from chatixia.world import World

from . import accounts, failures
from .watch import SilenceWatch


class Limits(msgspec.Struct, frozen=True):
    """Seconds until the first byte of a response, and between two."""

    first_byte: float = FIRST_BYTE_S
    silence: float = SILENCE_S


class Served(msgspec.Struct, frozen=True):
    """A model that is ready."""

    endpoint: Endpoint
    model: Model


class Receiver:
    """Receives the responses of a run. ``with_text``: the asker sees their text."""

    def __init__(
        self,
        budget: Budget,
        crossing: Crossing[str | AgentEvent],
        limits: Limits,
        world: World,
        with_text: bool,
    ) -> None:
        self._budget = budget
        self._crossing = crossing
        self._limits = limits
        self._world = world
        self._with_text = with_text
        self._received = self._calls = 0
        self._has_end = False
        self.total = Usage()
        """Of all responses."""
        self.streamed = False
        """Whether text of the response that comes in, or came last, has reached the asker."""
        self._finished = ""
        """Text of the responses before."""

    async def receive(self, node: Any, run: Any, served: Served, before: int) -> lib.ModelResponse:
        """The response to the request of ``node``, which has about ``before`` tokens.

        Raises ModelFailed for one that failed, fell silent or ended early.
        """
        self._received, self._calls, self.streamed = 0, 0, False
        usage = None
        try:
            response = await self._stream(node, run, served)
            usage = accounts.usage_of(response, served.endpoint, before, self._received)
            failures.check_end(response, served.endpoint, self._has_end)
            return response
        except failures.RAISED as error:
            if accounts.is_refusal(error):
                usage = Usage(1, cost=0.0 if accounts.has_price(served.endpoint) else None)
            raise failures.failure(error, served.endpoint) from None
        except MeshError:
            raise
        except Exception as error:  # noqa: BLE001 - what a provider sends breaks its client anywhere
            raise failures.unreadable(served.endpoint.title, error) from None
        finally:
            await self._count(usage or accounts.estimated(served.endpoint, before, self._received))

    def finish(self, text: str) -> None:
        """The response whose text is ``text`` stays."""
        self._finished = "\n\n".join(part for part in (self._finished, text) if part)

    async def show_finished(self) -> None:
        """The text so far once more: for an asker who has been told to forget it, or is new."""
        self.streamed = False
        if self._finished and self._with_text:
            await self._crossing.put(self._finished)

    async def _count(self, usage: Usage) -> None:
        self.total += usage
        # Also while the run is being cancelled: what was used was used.
        await asyncio.shield(self._crossing.at_home(lambda: self._budget.after(usage)))

    async def _stream(self, node: Any, run: Any, served: Served) -> lib.ModelResponse:
        limits, endpoint = self._limits, served.endpoint
        first_byte = endpoint.first_byte or limits.first_byte
        silence = endpoint.silence or limits.silence
        watch = SilenceWatch(endpoint, first_byte, silence, self._world)
        async with watch, node.stream(run.ctx) as stream:
            async for event in stream:
                watch.hold()  # how long the asker takes is not the model's silence
                await self._show(event)
                self._check_size(endpoint.title)
                watch.go_on()
        self._has_end = watch.has_end
        response = run.all_messages()[-1]
        assert isinstance(response, lib.ModelResponse)
        return response

    def _check_size(self, title: str) -> None:
        if self._received > MAX_ANSWER:
            raise ModelFailed(f"The answer of {title} has more than {MAX_ANSWER} characters.")
        if self._calls > MAX_CALLS:
            raise ModelFailed(f"{title} called more than {MAX_CALLS} tools at once.")

    async def _show(self, event: Any) -> None:
        if isinstance(event, lib.PartStartEvent):
            self._calls += isinstance(event.part, lib.ToolCallPart)
            await self._show_piece(event.part, getattr(event.part, "content", ""))
        elif isinstance(event, lib.PartDeltaEvent):
            await self._show_piece(event.delta, getattr(event.delta, "content_delta", ""))

    async def _show_piece(self, piece: Any, content: Any) -> None:
        text = content if isinstance(content, str) else ""
        arguments = getattr(piece, "args", None) or getattr(piece, "args_delta", None) or ""
        self._received += len(text) + len(str(arguments))
        if not text:
            return
        if isinstance(piece, lib.ThinkingPart | lib.ThinkingPartDelta):
            await self._crossing.put(AgentEvent("thinking", text=excerpt(text)))
        elif isinstance(piece, lib.TextPart | lib.TextPartDelta) and self._with_text:
            apart = "\n\n" if self._finished and not self.streamed else ""
            self.streamed = True
            await self._crossing.put(apart + text)
