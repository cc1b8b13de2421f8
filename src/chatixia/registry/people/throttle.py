"""How often passwords may be guessed: for a person from an address, for a person, for an address.

A guess is paid for before it is judged, so that many at once are no way around; what was right is
paid back. Where a person logged in before, strangers' guesses shut it out neither by its name nor
by its address (trust.md section 4).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from chatixia.errors import Overloaded
from chatixia.registry.limits import RateLimits
from chatixia.world import World

PAIR: Final = (5.0, 1 / 30)
"""Wrong passwords for one person from one address: a burst, then a second."""
PERSON: Final = (20.0, 1 / 60)
"""For one person from all addresses where it did not log in before."""
ADDRESS: Final = (20.0, 1 / 15)
"""From one address for all people who did not log in there before."""
REMEMBERED: Final = 4096
"""Pairs of a person and an address where it logged in before."""


class LoginThrottle:
    """``begin`` before a password is judged, ``passed`` after one that was right."""

    def __init__(self, world: World) -> None:
        self._pairs, self._people = RateLimits(world, *PAIR), RateLimits(world, *PERSON)
        self._addresses = RateLimits(world, *ADDRESS)
        self._trusted: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, person: str, address: str) -> None:
        """Pay for a guess. Raises Overloaded where there were too many wrong ones."""
        for limits, key in self._limits(person, address):
            if not limits.take(key):
                raise Overloaded(
                    "Too many wrong passwords; try again in a minute, or ask for a login link."
                )

    def passed(self, person: str, address: str) -> None:
        """It was right."""
        for limits, key in self._limits(person, address):
            limits.give(key)
        self._trusted[person, address] = None
        self._trusted.move_to_end((person, address))
        if len(self._trusted) > REMEMBERED:
            self._trusted.popitem(last=False)

    def _limits(self, person: str, address: str) -> list[tuple[RateLimits, str]]:
        pair = (self._pairs, f"{person}|{address}")
        if (person, address) in self._trusted:
            return [pair]
        return [pair, (self._people, person), (self._addresses, address)]
