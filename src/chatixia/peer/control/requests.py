"""Verbs over the login: each with an id, a deadline and a bound on how many wait.

Looks at tasks have a queue of their own, for as many may be waited for as a program likes: they
take turns, and leave room to whatever does something.
"""

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
)
from chatixia.wire.base import encode
from chatixia.wire.signaling import SignalError, VerbCall, VerbResult
from chatixia.wire.verbs import BY_NAME

from .reason import refusal

WINDOW: Final = 64
"""Verbs that the registry runs at once for one socket; more wait here."""
WAITING: Final = 1024
"""In flight and waiting, looks aside; the next is refused with ``busy``."""
LOOKS: Final = frozenset({"tasks.get", "tasks.watch"})
LOOKS_AT_ONCE: Final = 32
LOOKS_FIRST: Final = 8
"""So many looks go before what does something, so that neither starves."""
LOOKS_WAITING: Final = 16_384
READS: Final = frozenset(name for name, verb in BY_NAME.items() if verb.method == "GET") - LOOKS
"""Verbs that do nothing, so that one without an answer has done nothing. A look is not among them:
where it is part of waiting for a task, its failure leaves open what became of that."""

_decoders: dict[str, msgspec.json.Decoder[Any]] = {}


class _Open:
    """One verb that has no answer yet."""

    __slots__ = ("call", "future", "lane", "sent", "timer")

    def __init__(self, call: VerbCall, future: asyncio.Future[msgspec.Raw], lane: _Lane) -> None:
        self.call, self.future, self.lane = call, future, lane
        self.sent = False
        self.timer: asyncio.TimerHandle | None = None


class _Lane:
    """Verbs of one sort that have no answer yet: how many, those in flight, those that wait."""

    __slots__ = ("flying", "open", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Open] = deque()
        self.flying = self.open = 0


class VerbRequests:
    """The verbs in flight on one login. ``send`` queues a frame, False when it will not go."""

    def __init__(self, send: Callable[[msgspec.Struct], bool]) -> None:
        self._send = send
        self._open: dict[str, _Open] = {}
        self._acts, self._looks = _Lane(), _Lane()
        self._count = 0

    async def call(self, name: str, request: msgspec.Struct, timeout: float) -> Any:
        """A verb's reply. Raises its error, Overloaded, DeadlineExceeded or RegistryUnreachable.

        A verb that never left, or that does nothing, has the outcome definite.
        """
        lane, most = (self._looks, LOOKS_WAITING) if name in LOOKS else (self._acts, WAITING)
        if lane.open >= most:
            raise Overloaded("Too many verbs wait for the registry.")
        loop = asyncio.get_running_loop()
        self._count += 1
        ref = f"v{self._count:x}"
        call = VerbCall(ref, name, msgspec.Raw(encode(request)))
        self._open[ref] = entry = _Open(call, loop.create_future(), lane)
        lane.open += 1
        entry.timer = loop.call_later(max(timeout, 0.0), _late, entry)
        lane.waiting.append(entry)
        self._fly()
        try:
            raw = await entry.future
        finally:
            self._close(ref, entry)
        return _reply(name, raw)

    def _fly(self) -> None:
        while (lane := self._next()) is not None:
            entry = lane.waiting.popleft()
            if entry.future.done():
                continue
            if not self._send(entry.call):
                entry.future.set_exception(RegistryUnreachable())
                continue
            entry.sent = True
            lane.flying += 1

    def _next(self) -> _Lane | None:
        """Whose turn it is, if there is room for one more."""
        acts, looks = self._acts, self._looks
        if acts.flying + looks.flying >= WINDOW:
            return None
        if looks.waiting and looks.flying < (LOOKS_FIRST if acts.waiting else LOOKS_AT_ONCE):
            return looks
        return acts if acts.waiting else None

    def _close(self, ref: str, entry: _Open) -> None:
        del self._open[ref]
        if entry.timer is not None:
            entry.timer.cancel()
        entry.lane.open -= 1
        if entry.sent:
            entry.lane.flying -= 1
        self._fly()

    def result(self, answer: VerbResult) -> None:
        """An answer; one that nobody waits for any more is dropped."""
        entry = self._open.get(answer.id)
        if entry is not None and not entry.future.done():
            # A copy: the frame it was part of may be far larger.
            entry.future.set_result(msgspec.Raw(bytes(answer.body)))

    def error(self, answer: SignalError) -> bool:
        """A refusal; whether it answers a verb of ours. One that another member sent never does:
        ids of verbs are easily guessed."""
        entry = None if answer.peer_id else self._open.get(answer.ref)
        if entry is None:
            return False
        if not entry.future.done():
            entry.future.set_exception(refusal(answer))
        return True

    def broken(self, reason: MeshError | None = None) -> None:
        """The login is over: each open verb ends now, with ``reason`` where it is known."""
        for entry in list(self._open.values()):
            if not entry.future.done():
                error = copy(reason) if reason is not None else RegistryUnreachable()
                error.outcome = _outcome(entry)
                entry.future.set_exception(error)


def _late(entry: _Open) -> None:
    if not entry.future.done():
        text = "The registry did not answer in time."
        entry.future.set_exception(DeadlineExceeded(text, outcome=_outcome(entry)))


def _outcome(entry: _Open) -> Outcome:
    return _doubt(entry.call.verb) if entry.sent else "definite"


def _doubt(name: str) -> Outcome:
    return "definite" if name in READS else "unknown"


def _reply(name: str, raw: msgspec.Raw) -> Any:
    maker = _decoders.get(name)
    if maker is None:
        maker = _decoders[name] = msgspec.json.Decoder(BY_NAME[name].reply)
    try:
        return maker.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = f"The registry's answer to {name} cannot be read."
        raise Unavailable(text, outcome=_doubt(name)) from None
