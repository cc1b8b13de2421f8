"""When a peer without a path counts as gone: it is away from the registry, or nobody can say."""

from __future__ import annotations

from typing import Final

ABSENT_SECONDS: Final = 3.0
"""A peer that is away from the registry and without a path is gone after this long."""
ISOLATED_SECONDS: Final = 30.0
"""The same when the registry cannot be asked."""


class PeerAbsence:
    """Of one peer. ``left_at``: since when it is away from the registry; None: it is there, as far
    as is known. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.left_at: float | None = None
        self._clean = False
        self._pathless_at: float | None = None

    def left(self, now: float, clean: bool) -> None:
        """Its login ended. ``clean``: it said goodbye."""
        self.left_at, self._clean = now, clean

    def returned(self) -> None:
        """It is at the registry, or speaks."""
        self.left_at, self._clean = None, False

    def lost_path(self, now: float) -> None:
        """No path to it is open any more."""
        self._pathless_at = now

    def has_path(self) -> None:
        """One is open, or nothing is left that needs one."""
        self._pathless_at = None

    def has_departed(self, now: float, up: bool) -> bool:
        """Whether its process counts as ended. ``up``: the registry can be asked."""
        if self._pathless_at is None:
            return False
        if self.left_at is None:
            return not up and now - self._pathless_at >= ISOLATED_SECONDS
        return self._clean or now - max(self.left_at, self._pathless_at) >= ABSENT_SECONDS
