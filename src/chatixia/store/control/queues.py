"""What the writer remembers of the queues: which may hold work, and whose turn it is.

Only hints: the rows decide. A name here may stand for an empty queue, never the other way round;
a transaction that is undone leaves at most such a name behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from chatixia.core import task as core

MAX_PLACES: Final = 100_000

Queue = tuple[str, str]
"""(namespace, queue name)"""


class Queues:
    """One writer's memory of its queues."""

    def __init__(self) -> None:
        self._ready: set[Queue] = set()
        self._served: dict[tuple[str, str, int], int] = {}
        self._places: dict[tuple[str, str, int], dict[str, int]] = {}
        self._kept = 0
        self.claims = 0

    def load(self, rows: Iterable[tuple[str, str, int, str, int, int]]) -> None:
        """From the store: (ns, queue, priority, source, highest turn, lowest turn)."""
        for ns, queue, priority, source, high, low in rows:
            key = (ns, queue, priority)
            self._ready.add((ns, queue))
            self._served[key] = min(low, self._served.get(key, low))
            self._keep(key, core.party(source), high)

    def place(self, ns: str, queue: str, priority: int, source: str) -> int:
        """The place of a new task among the submitters of its queue and priority."""
        key, who = (ns, queue, priority), core.party(source)
        served = self._served.get(key, 0)
        turn = core.turn(self._places.get(key, {}).get(who), served)
        self._ready.add((ns, queue))
        self._keep(key, who, turn)
        return turn

    def again(self, ns: str, queue: str, priority: int, turn: int, ready: bool) -> int:
        """The place of a task that comes back: its own, and never behind who is served now."""
        if ready:
            self._ready.add((ns, queue))
        return min(turn, self._served.get((ns, queue, priority), 0))

    def serve(self, ns: str, queue: str, priority: int, turn: int) -> None:
        """A task of that place was given out."""
        key = (ns, queue, priority)
        self._served[key] = max(turn, self._served.get(key, 0))
        self.claims += 1

    def holding(self, ns: str, names: Iterable[str]) -> list[str]:
        """Those of ``names`` that may hold work."""
        return [name for name in names if (ns, name) in self._ready]

    def any(self) -> bool:
        """Whether any queue may hold work."""
        return bool(self._ready)

    def empty(self, ns: str, queue: str) -> None:
        """The store says that nothing waits there."""
        self._ready.discard((ns, queue))
        for key in [key for key in self._places if key[:2] == (ns, queue)]:
            self._kept -= len(self._places.pop(key))
            self._served.pop(key, None)

    def _keep(self, key: tuple[str, str, int], who: str, turn: int) -> None:
        places = self._places.setdefault(key, {})
        self._kept += who not in places
        places[who] = turn
        if self._kept > MAX_PLACES:
            self._prune()

    def _prune(self) -> None:
        """Forget who is not ahead of what is served: the same place would be drawn again."""
        for key, places in self._places.items():
            served = self._served.get(key, 0)
            self._places[key] = {who: turn for who, turn in places.items() if turn > served}
        self._kept = sum(map(len, self._places.values()))
