"""Two ends of a link for artifacts alone, joined by hand: frames cross when the test says so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from chatixia.client.artifact import Artifact
from chatixia.core.call import Calls
from chatixia.core.timers import TimerWheel
from chatixia.peer.artifacts.offers import ArtifactOffers
from chatixia.peer.artifacts.transfers import ArtifactTransfers
from chatixia.testing.clock import FakeWorld


class End:
    """One end. ``frames``: what it wants to send; ``wanted``: how often it asked for a path."""

    def __init__(self, me: str, peer: str, world: FakeWorld) -> None:
        self.calls: Any = Calls(me, peer, TimerWheel())
        self.path: object | None = object()
        self.count, self.wanted = 0, 0
        self.world = world
        self.offers = ArtifactOffers(world)
        self.timers: Any = SimpleNamespace(later=self._later)
        self.alarms: list[Callable[[], None]] = []
        self.frames: deque[bytes] = deque()
        self.transfers = ArtifactTransfers(self)

    def _later(self, delay: float, callback: Callable[[], None], work: bool = False) -> Any:
        self.alarms.append(callback)
        return SimpleNamespace(cancel=lambda: self._forget(callback))

    def _forget(self, callback: Callable[[], None]) -> None:
        if callback in self.alarms:
            self.alarms.remove(callback)

    def want(self) -> None:
        self.wanted += 1

    def kick_artifacts(self) -> None:
        while self.path is not None and (frame := self.transfers.build()) is not None:
            self.frames.append(frame)
            self.transfers.sent()

    def ring(self, seconds: float) -> None:
        """Time passes, and with it what waited for that."""
        self.world.advance(seconds)
        for alarm in list(self.alarms):
            alarm()


class Pair:
    """``a`` sends, ``b`` receives."""

    def __init__(self) -> None:
        world = FakeWorld(1)
        self.a, self.b = End("a", "b", world), End("b", "a", world)
        self.lost: Callable[[bytes], bool] = lambda frame: False
        self.crossed: list[bytes] = []

    async def pump(self, turns: int = 20) -> None:
        """Carry frames both ways until there are none."""
        quiet = 0
        while quiet < turns:
            moved = False
            for end, other in ((self.a, self.b), (self.b, self.a)):
                while end.frames:
                    frame, moved = end.frames.popleft(), True
                    if not self.lost(frame):
                        self.crossed.append(frame)
                        other.transfers.receive(frame, other.path)
                        other.kick_artifacts()
            quiet = 0 if moved else quiet + 1
            await asyncio.sleep(0)

    def cut(self) -> None:
        """The path dies with what is under way."""
        for end in (self.a, self.b):
            path, end.path = end.path, None
            end.frames.clear()
            end.transfers.detach(path)

    def join(self) -> None:
        """Another path."""
        for end in (self.a, self.b):
            end.path = object()
            end.transfers.attach()
            end.kick_artifacts()

    async def lend(self, data: bytes, seconds: float = 60.0) -> Any:
        """A feed at ``b`` of bytes that ``a`` lends it."""
        until = self.a.world.monotonic() + seconds
        table = await self.a.offers.lend("b", [Artifact.of(data, name="x").source], until)
        return self.b.transfers.feeds(table)[0]


async def whole(feed: Any, offset: int = 0) -> bytes:
    """All bytes of a feed."""
    return b"".join([chunk async for chunk in feed.pull(offset)])
