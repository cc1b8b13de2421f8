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
from chatixia.wire.artifacts import DATA


class End:
    """One end. ``frames``: what it wants to send; ``wanted``: how often it asked for a path."""

    def __init__(self, me: str, peer: str, world: FakeWorld) -> None:
        self.calls: Any = Calls(me, peer, TimerWheel())
        self.path: object | None = object()
        self.count, self.wanted = 0, 0
        self.world = world
        self.offers = ArtifactOffers(world)
        self.timers: Any = SimpleNamespace(later=self._later)
        self.alarms: list[tuple[float, Callable[[], None]]] = []
        self.frames: deque[bytes] = deque()
        self.transfers = ArtifactTransfers(self)

    def _later(self, delay: float, callback: Callable[[], None], work: bool = False) -> Any:
        alarm = self.world.monotonic() + delay, callback
        self.alarms.append(alarm)
        return SimpleNamespace(cancel=lambda: self._forget(alarm))

    def _forget(self, alarm: tuple[float, Callable[[], None]]) -> None:
        if alarm in self.alarms:
            self.alarms.remove(alarm)

    def want(self) -> None:
        self.wanted += 1

    def kick_artifacts(self) -> None:
        while self.path is not None and (frame := self.transfers.build()) is not None:
            self.frames.append(frame)
            self.transfers.sent()

    def ring(self, seconds: float) -> None:
        """Time passes, and with it what waited for that."""
        self.world.advance(seconds)
        self.due()

    def due(self) -> None:
        """Call what waited for this time."""
        for alarm in [alarm for alarm in self.alarms if alarm[0] <= self.world.monotonic()]:
            self._forget(alarm)
            alarm[1]()


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

    async def crawl(self, task: asyncio.Future[Any], chunks: int, most: int) -> int:
        """Carry so many chunks a second, in the order of their sending, until ``task`` is done or
        ``most`` of them went; how many went."""
        line: deque[bytes] = deque()
        self.lost = lambda frame: frame[1] == DATA and line.append(frame) is None
        went = 0
        while not task.done() and went < most:
            await self.pump(2)
            for _ in range(min(chunks, len(line))):
                self.b.transfers.receive(line.popleft(), self.b.path)
                self.b.kick_artifacts()
                went += 1
            await self.pump(2)
            self.a.ring(1.0)
            self.b.due()
        return went

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
