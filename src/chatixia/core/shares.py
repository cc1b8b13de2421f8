"""Shares: how much of a bound one holder may fill, so that nobody takes it all.

A holder is a machine with all its agents and clients, all machines of one reusable invitation
together, or an API key or person alone. One holder may fill three quarters of a bound; the last
quarter is for holders of under a sixteenth.
"""

from __future__ import annotations

from typing import Final, Protocol

SMALL: Final = 16
"""A holder of under one part in so many may have some of the last quarter."""
RETRY_AFTER: Final = 5.0
"""Seconds after which who is over a share may try again."""


class Proved(Protocol):
    """A principal of the registry, or the member at the far end of a link."""

    @property
    def id(self) -> str:
        """Its own id."""
        ...

    @property
    def machine(self) -> str | None:
        """The machine behind it, if there is one."""
        ...

    @property
    def invitation(self) -> str:
        """The key id of the reusable invitation by which that machine joined, or ""."""
        ...


def holder_of(who: Proved) -> str:
    """Whose share ``who`` uses. The marks keep an invitation, a key or a person from a machine of
    the same name."""
    if who.invitation:
        return f"+{who.invitation}"
    return who.machine or f"@{who.id}"


def fits(total: int, used: int, held: int, more: int) -> bool:
    """Whether a holder that has ``held`` of the ``used`` may have ``more`` of ``total``."""
    used += more
    if 4 * used <= 3 * total:
        return True
    return used <= total and held + more <= small(total)


def small(total: int) -> int:
    """What a holder may have of a bound that is three quarters full: a sixteenth, at least one."""
    return max(1, total // SMALL)


def over(total: int, used: int, held: int) -> bool:
    """Whether a holder must give some back, where what it holds can be taken from it.

    A sixteenth before it would be refused more, so that who uses much is not stopped.
    """
    return held > small(total) and 16 * used > 11 * total


class Shares:
    """What each holder has of one bound; who has nothing is not remembered."""

    __slots__ = ("held", "total", "used")

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0
        self.held: dict[str, int] = {}

    def fits(self, holder: str, more: int = 1) -> bool:
        """Whether ``holder`` may have ``more``."""
        return fits(self.total, self.used, self.held.get(holder, 0), more)

    def add(self, holder: str, by: int = 1) -> None:
        """``holder`` has ``by`` more (or less), whether that fits or not."""
        left = self.held.get(holder, 0) + by
        self.used += by
        if left:
            self.held[holder] = left
        else:
            self.held.pop(holder, None)

    def take(self, holder: str, more: int = 1) -> bool:
        """:meth:`add`, if it fits."""
        if not self.fits(holder, more):
            return False
        self.add(holder, more)
        return True

    def largest(self) -> str:
        """Who has most; "" if nobody has any."""
        return max(self.held, key=self.held.__getitem__, default="")
