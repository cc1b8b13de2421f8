"""Is it dead? Two witnesses and the registry's word, as a table (links.md section 3).

| pong | STUN | registry | verdict |
|---|---|---|---|
| heard | any | any | alive |
| silent | alive | any | busy: its loop is blocked; do nothing |
| silent | silent | socket held | path_down: a new attempt, calls wait |
| silent | silent | socket closed | gone: calls fail |
| silent | silent | unreachable | suspect: wait; gone after 30 s |
| silent 20 s, over the relay | none | socket held | path_down; before that: alive |
"""

from __future__ import annotations

from typing import Final, Literal

Verdict = Literal["alive", "busy", "path_down", "gone", "suspect"]
Word = Literal["held", "closed", "away"]
"""What the registry says of the peer's socket; ``away``: it cannot be asked."""

SILENT_SECONDS: Final = 4.0
"""Seconds without a sign before the path counts as down."""
SILENT_CLOSED_SECONDS: Final = 3.0
"""The same when the registry saw the peer's socket close: calls must fail within 5 s."""
SILENT_BLIND_SECONDS: Final = 15.0
"""The same with an engine that has no STUN witness; a blocked loop looks dead to it."""
SILENT_RELAYED_SECONDS: Final = 20.0
"""The same over the relay: while the registry holds the peer's socket, its own pings are answered,
and it gives up on a socket that answers none for this long."""
SUSPECT_SECONDS: Final = 30.0
READ_SECONDS: Final = 1.0
"""How long a question to the engine may wait; then it is the engine that is late, and its witness
says nothing."""
LATE_SECONDS: Final = 1.0
"""My own timer fired this much late: it was I who was silent."""
PROBE_SECONDS: Final = 2.0
"""Seconds of silence before a ping."""
IDLE_PROBE_SECONDS: Final = 4.0
"""The same on a link that nobody uses: there nothing waits for the verdict."""
UNEASY_SECONDS: Final = 1.0
"""Seconds that a ping waits before the engine is asked for its witness."""

_BOTH_SILENT: Final[dict[Word, Verdict]] = {
    "held": "path_down",
    "closed": "gone",
    "away": "suspect",
}


def _row(silent: bool, stun: bool, word: Word) -> Verdict:
    if not silent:
        return "alive"
    return _BOTH_SILENT[word] if stun else "busy"


TABLE: Final[dict[tuple[bool, bool, Word], Verdict]] = {
    (silent, stun, word): _row(silent, stun, word)
    for silent in (False, True)
    for stun in (False, True)
    for word in _BOTH_SILENT
}
"""(pong silent, STUN silent, registry's word) -> verdict."""


class PathWitnesses:
    """The witnesses of one open path. Times are monotonic seconds. ``relayed``: it leads through
    the registry, so that there is no STUN.

    ``frame_at``: when the peer's last frame came. ``probed_at``: when the first ping went that
    nothing answered yet, 0 for none.
    """

    __slots__ = (
        "_blind",
        "_read_since",
        "_relayed",
        "_stun",
        "_stun_at",
        "_suspect_at",
        "frame_at",
        "probed_at",
    )

    def __init__(self, now: float, relayed: bool = False) -> None:
        self._relayed = relayed
        self.frame_at = now
        self.probed_at = 0.0
        self._blind = True
        self._stun: float | None = None
        self._stun_at = now
        self._suspect_at = self._read_since = 0.0

    def start_over(self, now: float) -> None:
        """My own timer was late: what I did not hear proves nothing."""
        self.probed_at, self._stun_at, self._suspect_at = 0.0, now, 0.0
        self.frame_at = max(self.frame_at, now - PROBE_SECONDS)

    def hear(self, frame_at: float) -> None:
        """The mesh read the peer's last frame at ``frame_at``."""
        self.frame_at = max(self.frame_at, frame_at)
        if frame_at >= self.probed_at:  # what came before the question does not answer it
            self.probed_at = 0.0

    def is_quiet(self, now: float) -> bool:
        """Whether there may be a reason to ping."""
        return now - max(self.frame_at, self.probed_at) >= PROBE_SECONDS

    def wants_probe(self, now: float, at_once: bool = False, idle: bool = False) -> bool:
        """Whether to ping now. ``at_once``: there is a reason for doubt. ``idle``: nothing is open
        on the link."""
        quiet = PROBE_SECONDS if self.probed_at or not idle else IDLE_PROBE_SECONDS
        if not at_once and now - max(self.frame_at, self.probed_at) < quiet:
            return False
        self.probed_at = self.probed_at or now
        return True

    def uneasy(self, now: float) -> bool:
        """Whether the engine's witness is worth asking."""
        return bool(self.probed_at) and now - self.probed_at >= UNEASY_SECONDS

    def reading(self, now: float) -> None:
        """The engine is asked for its witness; 0: it answered."""
        self._read_since = now

    def witness(self, value: float | None, now: float) -> None:
        """The engine's ``last_answer``; it rises while the far ICE agent answers. None: blind."""
        self._blind = value is None
        if value is not None and value != self._stun:
            self._stun, self._stun_at = value, now

    def judge(self, now: float, word: Word) -> Verdict:
        """The verdict by the table; ``suspect`` becomes ``gone`` after 30 s."""
        limit = self._patience(now, word)
        silent = bool(self.probed_at) and now - self.probed_at >= limit
        stun = self._blind or now - self._stun_at >= limit
        verdict = TABLE[silent, stun, word]
        if verdict != "suspect":
            self._suspect_at = 0.0
            return verdict
        self._suspect_at = self._suspect_at or now
        return "gone" if now - self._suspect_at >= SUSPECT_SECONDS else "suspect"

    def _patience(self, now: float, word: Word) -> float:
        if self._read_since and now - self._read_since >= READ_SECONDS:
            return SILENT_BLIND_SECONDS
        if word == "closed":
            return SILENT_CLOSED_SECONDS
        if self._relayed:
            return SILENT_RELAYED_SECONDS
        return SILENT_BLIND_SECONDS if self._blind else SILENT_SECONDS
