"""What became of one try to open a link: for the log (``-v``), and for whoever asks why not."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable
from typing import Final

log = logging.getLogger("chatixia.peer")

TYPES: Final = ("host", "srflx", "prflx", "relay")
MAX_STEPS: Final = 32
"""Steps of one try that are written down; a connection that flaps writes no more."""
_TYPE = re.compile(r" typ ([a-z]+)")


class LinkTrace:
    """One try. ``now``: monotonic seconds; ``mine`` and ``theirs``: candidates by type."""

    def __init__(self, peer: str, attempt: int, now: Callable[[], float]) -> None:
        self._peer, self._attempt, self._now = peer, attempt, now
        self._began = now()
        self._steps = 0
        self.mine: Counter[str] = Counter()
        self.theirs: Counter[str] = Counter()

    def step(self, what: str) -> None:
        """Something happened: one line in the log, with the seconds since the try began."""
        self._steps += 1
        if self._steps <= MAX_STEPS:
            log.info(
                "link to %s, try %d, after %.3f s: %s",
                self._peer,
                self._attempt,
                self._now() - self._began,
                what,
            )

    def candidate(self, text: str, *, mine: bool) -> None:
        """An address of one side, as ICE writes it."""
        found = _TYPE.search(text)
        kind = found[1] if found and found[1] in TYPES else "other"
        (self.mine if mine else self.theirs)[kind] += 1

    def description(self, sdp: str, *, mine: bool) -> None:
        """The addresses that stand in a description; an engine that trickles puts none there."""
        for line in sdp.splitlines():
            if line.startswith("a=candidate:"):
                self.candidate(line, mine=mine)

    def end(self, verdict: str) -> None:
        """The try is over, one way or the other."""
        log.info(
            "link to %s, try %d, after %.3f s: %s; candidates here: %s, there: %s",
            self._peer,
            self._attempt,
            self._now() - self._began,
            verdict,
            counted(self.mine),
            counted(self.theirs),
        )

    def likely(self, silent: bool) -> str:
        """The likely cause of no link, as the end of a sentence. ``silent``: the descriptions were
        exchanged, and no packet came through. Empty where nothing can be said."""
        if not silent:
            return ""
        if not self.mine:
            return "this machine has no address that could carry it"
        if not self.theirs:
            return "the other side told no address"
        if set(self.mine) | set(self.theirs) <= {"host", "other"}:
            return (
                "only addresses of local networks are known; between networks it takes a STUN"
                " server (`ice.stun`), and within one a firewall may drop UDP"
            )
        return "a firewall or NAT between the two lets no UDP through"


def counted(candidates: Counter[str]) -> str:
    """``2 host, 1 srflx``, or ``none``."""
    return ", ".join(f"{n} {kind}" for kind, n in sorted(candidates.items())) or "none"
