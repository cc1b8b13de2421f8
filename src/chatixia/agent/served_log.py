"""A line in the log for each request served, where it is asked for: ``chatixia run -v``.

An agent may serve tens of thousands a second, so a program that logs at level info does not get
these lines with the others: their logger is silent until it is given a level of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from chatixia.core.ports import ArtifactSource, Incoming, Responder
from chatixia.errors import MeshError
from chatixia.wire.artifacts import ArtifactInfo

log = logging.getLogger("chatixia.served")


def logged(incoming: Incoming, responder: Responder, now: Callable[[], float]) -> Responder:
    """``responder``, with a line written when it answers; itself where no such line is wanted."""
    if not log.level or isinstance(responder, LoggedResponder):
        return responder
    if not log.isEnabledFor(logging.INFO):
        return responder
    return LoggedResponder(incoming, responder, now)


class LoggedResponder:
    """Passes everything on, and writes one line about the end. No argument or result is in it."""

    def __init__(self, incoming: Incoming, to: Responder, now: Callable[[], float]) -> None:
        self._incoming, self._to, self._now = incoming, to, now
        self._began, self._items = now(), 0

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        """End with JSON bytes."""
        self._to.reply(result, table)
        self._write("ok")

    def fail(self, error: MeshError) -> None:
        """End with an error."""
        self._to.fail(error)
        self._write(error.code)

    async def lend(self, artifacts: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
        """Let the caller pull these."""
        return await self._to.lend(artifacts)

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """Send one item, or an event, which is not counted."""
        self._items += not event
        await self._to.item(chunk, table, event)

    def progress(self, fraction: float, note: str) -> None:
        """Tell how far it is."""
        self._to.progress(fraction, note)

    def _write(self, end: str) -> None:
        items = f", {self._items} item{'s' * (self._items > 1)}" if self._items else ""
        log.info(
            "%s for %s, %s: %s, %.0f ms%s",
            (self._incoming.skill or self._incoming.kind)[:64],
            self._incoming.caller,
            self._incoming.via,
            end,
            1000 * (self._now() - self._began),
            items,
        )
