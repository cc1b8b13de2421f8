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
    """One try. ``now``: monotonic seconds; ``local`` and ``remote``: candidates by type."""

    def __init__(self, peer: str, attempt: int, now: Callable[[], float]) -> None:
        self._peer, self._attempt, self._now = peer, attempt, now
        self._began = now()
        self._steps = 0
        self.local: Counter[str] = Counter()
        self.remote: Counter[str] = Counter()

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

    def candidate(self, text: str, *, local: bool) -> None:
        """An address of one side, as ICE writes it."""
        match = _TYPE.search(text)
        kind = match[1] if match and match[1] in TYPES else "other"
        (self.local if local else self.remote)[kind] += 1

    def description(self, sdp: str, *, local: bool) -> None:
        """The addresses that stand in a description; an engine that trickles puts none there."""
        for line in sdp.splitlines():
            if line.startswith("a=candidate:"):
                self.candidate(line, local=local)

    def end(self, verdict: str) -> None:
        """The try is over, one way or the other."""
        log.info(
            "link to %s, try %d, after %.3f s: %s; candidates here: %s, there: %s",
            self._peer,
            self._attempt,
            self._now() - self._began,
            verdict,
            counted(self.local),
            counted(self.remote),
        )

    def likely(self, silent: bool) -> str:
        """The likely cause of no link, as the end of a sentence. ``silent``: the descriptions were
        exchanged, and no packet came through. Empty where nothing can be said."""
        if not silent:
            return ""
        if not self.local:
            return "this machine has no address that could carry it"
        if not self.remote:
            return "the other side named no address"
        if set(self.local) | set(self.remote) <= {"host", "other"}:
            return (
                "only addresses of local networks are known; between networks it takes a STUN"
                " server (`ice.stun`), and within one a firewall may drop UDP"
            )
        return "a firewall or NAT between the two lets no UDP through"


def counted(candidates: Counter[str]) -> str:
    """``2 host, 1 srflx``, or ``none``."""
    return ", ".join(f"{n} {kind}" for kind, n in sorted(candidates.items())) or "none"
