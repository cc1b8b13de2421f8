"""A skill's value, or its items, as the answer of the request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing, nullcontext
from typing import Any, Final

from chatixia.client import references
from chatixia.client.value import Unwritable, encode, sources
from chatixia.core.ports import Incoming, Responder
from chatixia.errors import SkillFailed
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.peer import MAX_MESSAGE

MAX_RESULT: Final = MAX_MESSAGE - 64 * 1024
"""Bytes of JSON in one answer, or in one item of a stream."""


class HoldsArtifact(Exception):
    """The value has an artifact in it, whose bytes the caller must be able to pull."""


class ResultSender:
    """Answers with the results of the skill ``name``.

    Raises SkillFailed for what is too large, Unwritable for what is not JSON.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    async def value(self, value: Any, incoming: Incoming, responder: Responder) -> None:
        """One value; to a caller that streams, its only item."""
        data, table = await self._lent(value, responder)
        if incoming.stream:
            await responder.item(data, table)
            data, table = b"null", ()
        responder.reply(data, table)

    async def items(self, items: Any, incoming: Incoming, responder: Responder) -> None:
        """An async iterator's; to a caller that does not stream, as one array. Closes ``items``."""
        chunks: list[bytes] = []
        size = 0
        async with aclosing(items) if hasattr(items, "aclose") else nullcontext():
            async for item in items:
                if incoming.stream:
                    await responder.item(*await self._lent(item, responder))
                    continue
                try:
                    chunk = self.encoded(item)
                except HoldsArtifact:
                    raise self._unstreamed() from None
                size += len(chunk) + 1
                if size > MAX_RESULT:
                    raise self._too_large(size)
                chunks.append(chunk)
        responder.reply(b"null" if incoming.stream else b"[%b]" % b",".join(chunks))

    async def _lent(
        self, value: Any, responder: Responder
    ) -> tuple[bytes, tuple[ArtifactInfo, ...]]:
        """``value`` as JSON bytes, and the table of its artifacts, which the caller may pull."""
        try:
            return self.encoded(value), ()
        except HoldsArtifact:
            with references.gathering() as gathered:
                data = self.encoded(value)
            return data, await responder.lend(sources(tuple(gathered)))

    def encoded(self, value: Any) -> bytes:
        """``value`` as JSON bytes. Raises HoldsArtifact where they do not say all of it."""
        try:
            data = encode(value)
        except Unwritable as error:
            if isinstance(value, Iterator):
                raise Unwritable(
                    f"{error}; annotate the skill `-> Iterator[...]` to stream its items, or return"
                    " a list"
                ) from None
            raise
        except (TypeError, ValueError) as error:
            if references.met():
                raise HoldsArtifact from error
            raise
        if len(data) > MAX_RESULT:
            raise self._too_large(len(data))
        return data

    def _unstreamed(self) -> SkillFailed:
        return SkillFailed(f"The items of {self._name} hold artifacts; read them as a stream.")

    def _too_large(self, size: int) -> SkillFailed:
        return SkillFailed(
            f"The result of {self._name} has {size} bytes or more; an answer takes"
            f" {MAX_RESULT}. Let it `yield` pieces, to callers that stream."
        )
