"""Kinds of paths to a peer, how good each is, what a link knows of each, and what it decides.

A *kind* is how a path is opened (links.md section 4): ``direct`` by an offer and ICE, which ends
as tier ``direct`` or ``turn``. A kind that is opened in another way, such as a relay stream, is one
more :class:`PathKind` in the list that a link (``core.link``) is given. A lower rank is a better
path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Final

import msgspec

from chatixia.errors import MeshError
from chatixia.wire.signaling import MAX_CANDIDATES, IceCandidate

HOLD_SECONDS: Final = 5.0
"""How long a path of a kind that died must stand before a worse one that works is left for it;
doubles with each death."""
MAX_HOLD_SECONDS: Final = 60.0
"""The longest such time; after a path that could be used this long the shortest counts again."""

MAX_BACKOFF_SECONDS: Final = 30.0
MAX_IMPROVE_SECONDS: Final = 300.0
"""The longest wait between attempts at a better path than the one in use: where there never is one,
as between two that reach the registry alone, each attempt costs both ends a connection."""


class PathKind(msgspec.Struct, frozen=True):
    """One way to open a path.

    ``ranks``: tier -> rank of what it may open as; lower is better. ``delay``: seconds that a
    wanted link waits for a better kind before this one is tried. ``either``: either end may offer;
    else only the lower id.
    """

    name: str
    ranks: Mapping[str, int]
    delay: float = 0.0
    either: bool = False

    @property
    def best(self) -> int:
        """The rank of the best that it may open as."""
        return min(self.ranks.values())


DIRECT: Final = PathKind("direct", {"direct": 0, "turn": 1})
RELAY: Final = PathKind("relay", {"relay": 2}, delay=0.1, either=True)
"""Tried when a wanted link is not open by then."""


class CreateOffer(msgspec.Struct):
    """Make a connection of that kind and offer it."""

    key: int
    attempt: int
    incarnation: str
    kind: str = DIRECT.name


class AcceptOffer(msgspec.Struct):
    """Answer the offer in hand with a new connection."""

    key: int


class AddCandidate(msgspec.Struct):
    """A candidate for a connection that exists."""

    key: int
    candidate: IceCandidate


class UsePath(msgspec.Struct):
    """Send by this open path from now on; others that are open are still read."""

    key: int
    reason: str


class CloseConnection(msgspec.Struct):
    """Close a connection; ``after`` seconds from now (it is still read until then)."""

    key: int
    reason: str
    after: float = 0.0


class RequestOffer(msgspec.Struct):
    """Send ``connect``. ``restart``: over a path that died."""

    restart: bool


class ReportFailure(msgspec.Struct):
    """Tell the mesh that there is no link, and why."""

    error: MeshError


class ReportDeparture(msgspec.Struct):
    """Tell the mesh that this process of the peer is gone."""

    incarnation: str


Effect = (
    CreateOffer
    | AcceptOffer
    | AddCandidate
    | UsePath
    | CloseConnection
    | RequestOffer
    | ReportFailure
    | ReportDeparture
)
Sink = list[Effect]


class PathAttempt(msgspec.Struct):
    """One path, from its first description to its end.

    ``local``: my own offer. ``candidates`` counts those received; ``pending`` wait until the
    connection exists (``ready``). ``rank`` and ``opened_at`` count once it is open; ``trusted``:
    the peer uses it, so that it need not stand any longer.
    """

    key: int
    attempt: int
    incarnation: str
    since: float
    local: bool = False
    ready: bool = False
    candidates: int = 0
    pending: list[IceCandidate] = []
    rank: int = 0
    opened_at: float = 0.0
    trusted: bool = False

    def take(self, message: IceCandidate, sink: Sink) -> bool:
        """A candidate, now or once the connection exists. False: there were too many."""
        self.candidates += 1
        if self.candidates > MAX_CANDIDATES:
            return False
        if self.ready:
            sink.append(AddCandidate(self.key, message))
        else:
            self.pending.append(message)
        return True

    def begin(self, sink: Sink) -> None:
        """The connection exists: it may have what waited for it."""
        self.ready, pending, self.pending = True, self.pending, []
        sink.extend(AddCandidate(self.key, each) for each in pending)

    def matches(self, message: IceCandidate) -> bool:
        """Whether a candidate belongs to this try."""
        return self.attempt == message.attempt and self.incarnation == message.incarnation


class PathSlot:
    """The paths of one kind to one peer, and when the next attempt is due.

    ``open``: verified and alive; ``trying``: the attempt under way; ``old``: a replaced path that
    is still read. ``wanted``: attempts go on, the next at ``next_at`` (monotonic seconds);
    ``tries`` counts them, ``breaks`` the paths in a row that broke as soon as they had opened.
    ``hold``: for how many seconds the next path must stand before a worse one is left for it.
    """

    __slots__ = ("breaks", "hold", "kind", "next_at", "old", "open", "tries", "trying", "wanted")

    def __init__(self, kind: PathKind) -> None:
        self.kind = kind
        self.open: PathAttempt | None = None
        self.trying: PathAttempt | None = None
        self.old: PathAttempt | None = None
        self.wanted = False
        self.tries = self.breaks = 0
        self.next_at = self.hold = 0.0

    def __iter__(self) -> Iterator[PathAttempt]:
        """The paths that there are."""
        return (each for each in (self.open, self.trying, self.old) if each)

    @property
    def vacant(self) -> bool:
        """There is no path, and none is wanted."""
        return not (self.wanted or self.open or self.trying or self.old)

    @property
    def due(self) -> float:
        """When the next attempt is due; infinity: none is."""
        return self.next_at if self.wanted and not self.trying else inf

    @property
    def pending(self) -> bool:
        """Whether a path may yet come of it."""
        return self.wanted or self.trying is not None

    def clear(self) -> None:
        """No path, and none is wanted."""
        self.open = self.trying = self.old = None
        self.wanted = False

    def want(self, at: float, anew: bool = True) -> None:
        """Begin attempts anew, the first at ``at``; not ``anew``: go on with those that run."""
        self.wanted, self.next_at = True, at
        self.tries = 0 if anew else self.tries

    def put_off(self, now: float, first: float, tries: int, improves: bool) -> None:
        """The next attempt waits: longer where a worse path is in use, so that it only improves."""
        most = MAX_IMPROVE_SECONDS if improves else MAX_BACKOFF_SECONDS
        self.next_at = now + backoff(first, tries, most)

    def usable_at(self) -> float:
        """When the open path may take the place of a worse one."""
        assert self.open
        return self.open.opened_at + (0.0 if self.open.trusted else self.hold)

    def lose(self, now: float) -> None:
        """The open path died: the next one has to stand longer."""
        assert self.open
        lasted = now - self.usable_at() >= MAX_HOLD_SECONDS
        self.hold = HOLD_SECONDS if lasted else min(self.hold * 2 or HOLD_SECONDS, MAX_HOLD_SECONDS)
        self.open = None


def is_steady(slots: Sequence[PathSlot]) -> bool:
    """Whether only the best kind is open and nothing is tried, so that nothing is due by time."""
    best, *others = slots
    return not (
        best.open is None
        or best.wanted
        or best.trying
        or any(slot.open or slot.wanted or slot.trying for slot in others)
    )


def backoff(first: float, tries: int, most: float = MAX_BACKOFF_SECONDS) -> float:
    """Seconds to wait after ``tries`` failures: ``first``, doubled for each, at most ``most``."""
    return min(first * float(1 << min(tries, 12)), most)
