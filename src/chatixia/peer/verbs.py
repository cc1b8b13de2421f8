"""Verbs over the login: each with an id, a deadline and a bound on how many wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatixia.core.route import copy
from chatixia.errors import (
    DeadlineExceeded,
    MeshError,
    Outcome,
    Overloaded,
    RegistryUnreachable,
    Unavailable,
    WireError,
    from_wire,
)
from chatixia.wire.base import encode
from chatixia.wire.signaling import SignalError, VerbCall, VerbResult
from chatixia.wire.verbs import BY_NAME

WINDOW: Final = 64
"""Verbs that the registry runs at once for one socket; more wait here."""
WAITING: Final = 1024
"""In flight and waiting; the next is refused with ``busy``."""

_decoders: dict[str, msgspec.json.Decoder[Any]] = {}


class _Open:
    """One verb that has no answer yet."""

    __slots__ = ("call", "future", "sent", "timer")

    def __init__(self, call: VerbCall, future: asyncio.Future[msgspec.Raw]) -> None:
        self.call, self.future = call, future
        self.sent = False
        self.timer: asyncio.TimerHandle | None = None


class Verbs:
    """The verbs in flight on one login. ``send`` queues a frame, False when it will not go."""

    def __init__(self, send: Callable[[msgspec.Struct], bool]) -> None:
        self._send = send
        self._open: dict[str, _Open] = {}
        self._waiting: deque[_Open] = deque()
        self._flying = 0
        self._count = 0

    async def call(self, name: str, request: msgspec.Struct, timeout: float) -> Any:
        """A verb's reply. Raises its error, Overloaded, DeadlineExceeded or RegistryUnreachable.

        A verb that never left has the outcome definite.
        """
        if len(self._open) >= WAITING:
            raise Overloaded("Too many verbs wait for the registry.")
        loop = asyncio.get_running_loop()
        self._count += 1
        ref = f"v{self._count:x}"
        entry = _Open(VerbCall(ref, name, msgspec.Raw(encode(request))), loop.create_future())
        self._open[ref] = entry
        entry.timer = loop.call_later(max(timeout, 0.0), _late, entry)
        self._waiting.append(entry)
        self._fly()
        try:
            raw = await entry.future
        finally:
            self._close(ref, entry)
        return _reply(name, raw)

    def _fly(self) -> None:
        while self._waiting and self._flying < WINDOW:
            entry = self._waiting.popleft()
            if entry.future.done():
                continue
            if not self._send(entry.call):
                entry.future.set_exception(RegistryUnreachable())
                continue
            entry.sent = True
            self._flying += 1

    def _close(self, ref: str, entry: _Open) -> None:
        del self._open[ref]
        if entry.timer is not None:
            entry.timer.cancel()
        if entry.sent:
            self._flying -= 1
        self._fly()

    def result(self, said: VerbResult) -> None:
        """An answer; one that nobody waits for any more is dropped."""
        entry = self._open.get(said.id)
        if entry is not None and not entry.future.done():
            # A copy: the frame it was part of may be far larger.
            entry.future.set_result(msgspec.Raw(bytes(said.body)))

    def error(self, said: SignalError) -> bool:
        """A refusal; whether it answers a verb of ours."""
        entry = self._open.get(said.ref)
        if entry is None:
            return False
        if not entry.future.done():
            wire = WireError(
                said.code, said.message, said.retryable, said.outcome, retry_after=said.retry_after
            )
            entry.future.set_exception(from_wire(wire))
        return True

    def broken(self, why: MeshError | None = None) -> None:
        """The login is over: whoever waits learns it now, and why, if that is known."""
        for entry in list(self._open.values()):
            if not entry.future.done():
                error = copy(why) if why is not None else RegistryUnreachable()
                error.outcome = _outcome(entry)
                entry.future.set_exception(error)


def _late(entry: _Open) -> None:
    if not entry.future.done():
        text = "The registry did not answer in time."
        entry.future.set_exception(DeadlineExceeded(text, outcome=_outcome(entry)))


def _outcome(entry: _Open) -> Outcome:
    return "unknown" if entry.sent else "definite"


def _reply(name: str, raw: msgspec.Raw) -> Any:
    maker = _decoders.get(name)
    if maker is None:
        maker = _decoders[name] = msgspec.json.Decoder(BY_NAME[name].reply)
    try:
        return maker.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = f"The registry's answer to {name} cannot be read."
        raise Unavailable(text, outcome="unknown") from None
