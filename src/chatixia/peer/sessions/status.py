"""What each process says of itself to those it is linked with: ``agent_status``, and who reads it.

A change is told within :data:`PACE_SECONDS`, and a few times more, since it goes where things get
lost. A path without such a channel takes it in the session, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatixia.core.capabilities import STATUS
from chatixia.peer.timers import TimerHandle, Timers
from chatixia.wire.base import encode
from chatixia.wire.messages import StatusTell, read
from chatixia.wire.peer import Status

from .dispatch import CallDispatcher
from .peers import PeerState, PeerTable

PACE_SECONDS: Final = 0.5
"""Changes in between are told as one; what is over before is not told."""
REPEATS: Final = 3
IDLE: Final = Status("idle")

_status: Final = msgspec.json.Decoder(Status)


class StatusTeller:
    """Tells the peers of a table what this process does. ``queued``: tasks of the queue at work."""

    def __init__(
        self,
        peers: PeerTable,
        dispatcher: CallDispatcher,
        timers: Timers,
        queued: Callable[[], int],
    ) -> None:
        self._peers, self._dispatcher, self._timers = peers, dispatcher, timers
        self._queued = queued
        self._sent = IDLE
        self._left = 0
        self._timer: TimerHandle | None = None
        dispatcher.on_work = self.changed
        dispatcher.on_status = self.update

    @property
    def present(self) -> Status:
        """What this process does now."""
        kinds = [served.incoming.kind for served, _ in self._dispatcher.tasks.values()]
        running = len(kinds) + self._queued()
        state = "thinking" if "prompt" in kinds else "acting" if running else "idle"
        return Status(state, running=running)

    def changed(self) -> None:
        """Work began or ended: tell of it soon."""
        if self._timer is None:
            self._timer = self._timers.later(PACE_SECONDS, self.tell_now)

    def opened(self, state: PeerState) -> None:
        """A link opened in the middle of work: its end hears of it too."""
        if self._sent.status != IDLE.status:
            self._tell(state, self._message(), again=False)

    def stop(self) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.cancel()

    def tell_now(self) -> None:
        """Tell what changed since the last time, or again what may have been lost."""
        self._timer = None
        now = self.present
        fresh = (now.status, now.running) != (self._sent.status, self._sent.running)
        if fresh:
            now.n = self._sent.n + 1
            self._sent, self._left = now, REPEATS
        if fresh or self._left:
            self._left -= not fresh
            data = self._message()
            for state in self._peers:
                self._tell(state, data, again=not fresh)
        if self._left or now.status != IDLE.status:
            self.changed()

    def _message(self) -> bytes:
        return encode(StatusTell(payload=msgspec.Raw(encode(self._sent))))

    def _tell(self, state: PeerState, data: bytes, *, again: bool) -> None:
        path = state.channel.path
        if path is None or STATUS not in path.capabilities or path.tell(data) or again:
            return
        state.calls.session.urgent(data)
        state.channel.kick()

    # -- what others say

    def receive(self, state: PeerState, data: bytes | str) -> None:
        """A message of that peer that may have been lost; what is none is left out."""
        message = read(data.encode() if isinstance(data, str) else data)
        if isinstance(message, StatusTell):
            self.update(state.calls.peer, message.payload)

    def update(self, peer: str, payload: Any) -> None:
        """What that peer says of itself; one that was overtaken by a newer counts no more."""
        state = self._peers.get(peer)
        try:
            status = _status.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if state is not None and (not status.n or status.n >= state.status.n):
            state.status = status
