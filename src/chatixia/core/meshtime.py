"""Mesh time: the registry's clock as a member knows it, never stepping back (trust.md section 1).

Expiries are judged in it alone, so a machine whose own clock is a year off works.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MAX_NOW: Final = 2.0**40
"""Beyond the year 30,000: no honest registry says so, and a float keeps its milliseconds."""


class MeshTime:
    """``high``: the highest mesh time known, in seconds; ``monotonic``: seconds on any clock;
    ``save``: called with each mesh time learned that is above all before."""

    def __init__(
        self, high: float, monotonic: Callable[[], float], save: Callable[[float], None]
    ) -> None:
        self._monotonic, self._save = monotonic, save
        self._base, self._since = high, monotonic()

    def now(self) -> float:
        """Mesh seconds: the last that was learned and the time since."""
        return self._base + max(0.0, self._monotonic() - self._since)

    def learn(self, now: float) -> None:
        """Take the ``now`` of a registry that proved itself; an earlier one changes nothing."""
        if not self.now() < now <= MAX_NOW:
            return
        self._base, self._since = now, self._monotonic()
        self._save(now)
