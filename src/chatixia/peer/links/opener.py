"""Opens links that nobody asked for, where all are kept: a few at once, the lower id first.

The next begins as soon as one is there. All agents of a process share how many are under way
(``core.opening_window``).
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

from chatixia.core.link import REQUEST_SECONDS
from chatixia.core.opening_window import OpeningWindow
from chatixia.core.paths import DIRECT
from chatixia.world import World

from .attempt import LinkAttempt
from .effects import LinkEffects
from .peers import LinkedPeer, LinkedPeers

OPEN_AGAIN_SECONDS: Final = 30.0
"""After an attempt at such a link the next one waits so long."""


class SharedOpening:
    """What the agents of one loop share. ``opened_at``: when the last link came about."""

    def __init__(self) -> None:
        self.window = OpeningWindow()
        self.openers: WeakSet[LinkOpener] = WeakSet()
        self.opened_at = -inf
        self._due = False

    @property
    def room(self) -> bool:
        """Whether one more may begin."""
        return sum(opener.under_way for opener in self.openers) < self.window.size

    def refill(self) -> None:
        """With the next turn of the loop, open what waits for room."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._refill)

    def _refill(self) -> None:
        self._due = False
        for opener in list(self.openers):
            if opener.waits and self.room:
                opener.look()


class LinkOpener:
    """The links of one agent. ``under_way``: those that may yet come about; ``waits``: some have
    no room to begin."""

    def __init__(self, world: World, peers: LinkedPeers, effects: LinkEffects) -> None:
        self._world, self._peers, self._effects = world, peers, effects
        self._shared = SharedOpening()
        self.under_way, self.waits = 0, False

    def start(self) -> None:
        """Share with the others on the running loop, and hear what became of each try."""
        self._shared = _shared.setdefault(asyncio.get_running_loop(), self._shared)
        self._shared.openers.add(self)
        self._effects.on_ended = self._ended

    def stop(self) -> None:
        """Open nothing more."""
        self._shared.openers.discard(self)
        self.under_way, self.waits = 0, False

    def look(self) -> None:
        """Begin what is missing, as far as there is room; nothing while signaling is down."""
        self.under_way, self.waits = sum(1 for peer in self._peers if _pending(peer)), False
        if not self._effects.signals.up or self._effects.stopping:
            return
        now = self._world.monotonic()
        for peer in self._peers:
            if peer.link.openable and "~" not in peer.id and self._may_open(peer, now):
                if not self._shared.room:
                    self.waits = True
                    return
                peer.opens_at = now + OPEN_AGAIN_SECONDS
                self.under_way += 1
                self._effects.want(peer, now)

    def _may_open(self, peer: LinkedPeer, now: float) -> bool:
        """The higher id leaves it to the lower one, unless for a while no link came about."""
        if peer.link.offers:
            return now >= peer.opens_at
        peer.opens_at = peer.opens_at or now + REQUEST_SECONDS
        return now >= max(peer.opens_at, self._shared.opened_at + REQUEST_SECONDS)

    def _ended(self, attempt: LinkAttempt) -> None:
        now = self._world.monotonic()
        if attempt.kind == DIRECT.name:
            self._shared.window.ended(attempt.began, now, attempt.open)
        if attempt.open:
            self._shared.opened_at = now
        self.under_way = sum(1 for peer in self._peers if _pending(peer))
        self._shared.refill()


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, SharedOpening] = WeakKeyDictionary()


def _pending(peer: LinkedPeer) -> bool:
    """Whether a link is under way, or waits for its next try."""
    return not peer.link.open and any(slot.pending for slot in peer.link.slots)
