"""A question to an agent: ``await agent.ask(text)``, or ``async with`` it for the pieces."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final

import msgspec

from chatixia.core.ports import Outgoing
from chatixia.errors import BadArguments, MeshError, TooLarge
from chatixia.wire.base import KIB
from chatixia.wire.peer import Prompt

from .call_context import CallContext
from .reply import Reply, make_reply
from .stream import Items

SILENCE_S: Final = 60.0
"""Seconds without a piece of text, event or progress after which a question ends."""
MAX_SCHEMA: Final = 64 * KIB
"""Bytes of the JSON Schema that an answer is to fit."""

_encode = msgspec.json.Encoder().encode


class Ask:
    """A question to an agent's model or prompt handler.

    ``await`` it for the whole text, or ``async with`` it for the pieces as they come; their
    :meth:`~chatixia.Items.events` also has what the agent does meanwhile.
    """

    __slots__ = ("_context", "_items", "_outgoing", "_prompt", "_silence")

    def __init__(self, context: CallContext, outgoing: Outgoing, prompt: Prompt) -> None:
        self._context = context
        self._outgoing = outgoing
        self._prompt = prompt
        self._items: Items | None = None
        self._silence = 0.0

    def limit(self, timeout: float, silence: float) -> None:
        """End it after ``timeout`` seconds; read piece by piece, after ``silence`` without one."""
        self._outgoing.timeout, self._silence = timeout, min(silence, timeout)

    async def reply(self) -> Reply:
        """The whole text, and how it came."""
        self._outgoing.body = _encode(self._prompt)
        now = self._context.world.monotonic
        began = now()
        try:
            answer = await self._context.call(self._outgoing)
        except MeshError as error:
            error.by_call = True
            raise
        return make_reply(answer, 1000 * (now() - began))

    def __await__(self) -> Generator[Any, None, str]:
        return self._text().__await__()

    async def _text(self) -> str:
        return str((await self.reply()).value)

    async def __aenter__(self) -> Items:
        """The pieces of the text."""
        self._outgoing.stream = self._prompt.stream = True
        self._outgoing.body = _encode(self._prompt)
        self._items = Items(self._context, self._outgoing, self._silence)
        return await self._items.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        """Cancel the far end unless it has ended."""
        if self._items is not None:
            await self._items.__aexit__(*error)


def encode_schema(schema: Mapping[str, Any]) -> bytes:
    """``schema`` as it goes with a prompt. Raises BadArguments, TooLarge."""
    try:
        data = _encode(dict(schema))
    except (TypeError, ValueError):
        raise BadArguments("The schema of an answer is a JSON object.") from None
    if len(data) > MAX_SCHEMA:
        raise TooLarge(f"The schema of an answer may have {MAX_SCHEMA} bytes.")
    return data
