"""A clock that stands still until everybody waits, then jumps to what comes next.

Runs inside an ordinary event loop: no socket, no sleep. While a handler works, a deadline takes
as long as in life, so that a skill in a thread is not overtaken by a jump.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from heapq import heappop, heappush

import msgspec

QUIET_TURNS = 8
"""Loop turns without news after which everybody counts as waiting."""


class Dice:
    """A reproducible stream of chance from a seed (random itself lives in ``world``)."""

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed).encode()
        self._n = 0

    def bytes(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        found = b""
        while len(found) < size:
            self._n += 1
            found += hashlib.sha256(b"%b/%d" % (self._seed, self._n)).digest()
        return found[:size]

    def roll(self) -> float:
        """The next number in [0, 1)."""
        return int.from_bytes(self.bytes(7), "big") / (1 << 56)

    def below(self, limit: int) -> int:
        """The next whole number from 0 to ``limit`` - 1."""
        return int(self.roll() * limit)


class Timer(msgspec.Struct, order=True):
    """A moment at which something happens. ``kind``: frame, timer or work."""

    at: float
    n: int
    kind: str = ""
    callback: Callable[[], None] | None = None

    def cancel(self) -> None:
        """It will not fire."""
        self.callback = None


class FakeWorld:
    """``World`` and ``Timers`` on a clock of its own; chance from a seed.

    ``waiting()``: how many calls are open; ``working()``: how many handlers run. With neither,
    time stands still, but for frames under way.
    """

    def __init__(self, seed: int | str = 0, start: float = 1000.0) -> None:
        self.now = start
        self.dice = Dice(seed)
        self.waiting: Callable[[], int] = lambda: 1
        self.working: Callable[[], int] = lambda: 0
        self._heap: list[Timer] = []
        self._count = 0
        self._quiet = 0
        self._pumping: asyncio.Handle | None = None

    def monotonic(self) -> float:
        """Fake seconds."""
        return self.now

    boottime = monotonic

    def wall(self) -> float:
        """Fake seconds since the epoch."""
        return 1_800_000_000.0 + self.now

    def token(self, size: int) -> bytes:
        """``size`` bytes from the seed."""
        return self.dice.bytes(size)

    def jitter(self) -> float:
        """A number in [0, 1) from the seed."""
        return self.dice.roll()

    def later(
        self, delay: float, callback: Callable[[], None], work: bool = False, frame: bool = False
    ) -> Timer:
        """Call once after ``delay`` fake seconds. ``frame``: comes even if nobody waits."""
        self._count += 1
        kind = "frame" if frame else "work" if work else "timer"
        timer = Timer(self.now + max(delay, 0.0), self._count, kind, callback)
        heappush(self._heap, timer)
        self.stir()
        return timer

    def stir(self) -> None:
        """Something happened: whoever it wakes runs before the clock moves."""
        self._quiet = 0
        if self._pumping is None:
            self._pumping = asyncio.get_running_loop().call_soon(self._pump)

    def advance(self, seconds: float) -> None:
        """Let that much time pass now, with all that is due in it."""
        until = self.now + seconds
        while self._heap and self._heap[0].at <= until:
            self._fire()
        self.now = until
        self.stir()

    def stop(self) -> None:
        """Nothing fires any more."""
        self._heap.clear()
        if self._pumping is not None:
            self._pumping.cancel()
            self._pumping = None

    def _pump(self) -> None:
        self._pumping = None
        while self._heap and self._heap[0].callback is None:
            heappop(self._heap)
        if not self._heap:
            return
        loop = asyncio.get_running_loop()
        self._quiet += 1
        if self._quiet < QUIET_TURNS:
            self._pumping = loop.call_soon(self._pump)
            return
        wait = self._wait()
        if wait is None:
            return  # nobody waits for anything; the next stir goes on
        if wait > 0:
            self._pumping = loop.call_later(wait, self._ripe, self._heap[0])
            return
        self._fire()
        self.stir()

    def _wait(self) -> float | None:
        """Real seconds to let pass before the next moment; None: it need not come."""
        first = self._heap[0]
        if first.kind == "frame":
            return 0.0
        waiting, working = self.waiting(), self.working()
        if not waiting and not working:
            return None
        busy = first.kind == "work" and working >= waiting
        return max(first.at - self.now, 0.0) if busy else 0.0

    def _ripe(self, timer: Timer) -> None:
        self._pumping = None
        if self._heap and self._heap[0] is timer:
            self._fire()
        self.stir()

    def _fire(self) -> None:
        timer = heappop(self._heap)
        self.now = max(self.now, timer.at)
        if timer.callback is not None:
            timer.callback()
