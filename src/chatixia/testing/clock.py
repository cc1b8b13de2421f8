"""A clock that stands still until everybody waits, then jumps to what comes next.

Runs inside an ordinary event loop: no socket, no sleep. While a skill is at work of its own, the
clock stands, and a deadline takes as long as in life: nothing that really waits is overtaken by a
jump, or held up by one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from heapq import heappop, heappush

import msgspec

from chatixia.world import REAL

QUIET_TURNS = 8
"""Loop turns without news after which everybody counts as waiting."""


GRACE = 1.0
"""Real seconds for which a skill at work of its own holds all timers but deadlines: what it does in
that time is the same in every run."""


class Dice:
    """A reproducible stream of chance from a seed (random itself lives in ``world``)."""

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed).encode()
        self._n = 0

    def bytes(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        data = b""
        while len(data) < size:
            self._n += 1
            data += hashlib.sha256(b"%b/%d" % (self._seed, self._n)).digest()
        return data[:size]

    def roll(self) -> float:
        """The next number in [0, 1)."""
        return int.from_bytes(self.bytes(7), "big") / (1 << 56)

    def below(self, limit: int) -> int:
        """The next whole number from 0 to ``limit`` - 1."""
        return int(self.roll() * limit)


class Timer(msgspec.Struct, order=True):
    """A moment at which something happens. ``kind``: frame, timer or work; ``lag``: the world's
    when it was made."""

    at: float
    n: int
    kind: str = ""
    callback: Callable[[], None] | None = None
    lag: float = 0.0

    def cancel(self) -> None:
        """It will not fire."""
        self.callback = None


class FakeWorld:
    """``World`` and ``Timers`` on a clock of its own; chance from a seed.

    ``waiting()``: how many wait for the mesh; with none, time stands still, but for frames under
    way. ``working()``: how many are at work that no fake clock can hurry (a skill's own sleep, a
    thread): while any is, the clock stands, and a deadline comes after its real time.
    ``writing()``: how many reads and writes of a store are under way; the clock stands for them.
    """

    def __init__(self, seed: int | str = 0, start: float = 1000.0) -> None:
        self.now = start
        self.dice = Dice(seed)
        self.waiting: Callable[[], int] = lambda: 1
        self.working: Callable[[], int] = lambda: 0
        self.writing: Callable[[], int] = lambda: 0
        self._heaps: dict[str, list[Timer]] = {"frame": [], "work": [], "timer": []}
        self._count = 0
        self._quiet = 0
        self._pumping: asyncio.Handle | None = None
        self._slow_since: float | None = None
        self._lag = 0.0
        """Real seconds for which the clock stood, as far as it has not caught up."""

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
        """Call once after ``delay`` fake seconds. ``frame``: fires even if nothing waits."""
        self._count += 1
        kind = "frame" if frame else "work" if work else "timer"
        timer = Timer(self.now + max(delay, 0.0), self._count, kind, callback, self._lag)
        heappush(self._heaps[kind], timer)
        self.stir()
        return timer

    def stir(self) -> None:
        """Something happened: all that it wakes runs before the clock moves."""
        self._quiet = 0
        if self._slow_since is not None:
            self._lag += REAL.monotonic() - self._slow_since
            self._halt()
        if self._pumping is None:
            self._pumping = asyncio.get_running_loop().call_soon(self._pump)

    def advance(self, seconds: float) -> None:
        """Let that much time pass now, with all that is due in it."""
        until = self.now + seconds
        while (first := min(self._first(), default=None)) and first.at <= until:
            self._fire(first)
        self.now = until
        self.stir()

    def stop(self) -> None:
        """Nothing fires any more."""
        for heap in self._heaps.values():
            heap.clear()
        self._halt()

    def _halt(self) -> None:
        self._slow_since = None
        if self._pumping is not None:
            self._pumping.cancel()
            self._pumping = None

    def _pump(self) -> None:
        self._pumping = None
        loop = asyncio.get_running_loop()
        self._quiet = 0 if self.writing() else self._quiet + 1
        if self._quiet < QUIET_TURNS:
            self._pumping = loop.call_soon(self._pump)
            return
        first = self._first()
        if self.working():
            first = [timer for timer in first if timer.kind == "frame"] or first
        elif not self.waiting():
            first = [timer for timer in first if timer.kind == "frame"]
        if not first:
            return  # nothing waits; the next stir goes on
        timer = min(first, key=self._wait) if self.working() else min(first)
        if self.working() and (wait := self._wait(timer)) > 0:
            self._slow_since = REAL.monotonic()
            self._pumping = loop.call_later(wait, self._ripe, timer)
            return
        self._fire(timer)
        self.stir()

    def _first(self) -> list[Timer]:
        """The next of each kind."""
        for heap in self._heaps.values():
            while heap and heap[0].callback is None:
                heappop(heap)
        return [heap[0] for heap in self._heaps.values() if heap]

    def _wait(self, timer: Timer) -> float:
        """Real seconds that a skill at work of its own is given until then."""
        if timer.kind == "frame":
            return 0.0
        grace = 0.0 if timer.kind == "work" else GRACE
        return max(timer.at - self.now - max(self._lag - timer.lag, 0.0) + grace, 0.0)

    def _ripe(self, timer: Timer) -> None:
        self._pumping = self._slow_since = None
        if timer in self._first():
            self._fire(timer)
        self.stir()

    def _fire(self, timer: Timer) -> None:
        heappop(self._heaps[timer.kind])
        passed = max(timer.at - self.now, 0.0)
        self.now += passed
        self._lag = max(self._lag - passed, 0.0)
        if timer.callback is not None:
            timer.callback()
