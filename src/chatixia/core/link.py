"""How a link to one peer comes to be and ends: attempts, requests, candidates, bounds.

The lower id offers, always; the higher one asks it to (``connect``) and waits 2 s, with back-off,
so offers never cross (links.md section 2). A try is (both incarnations, attempt); what belongs to
any other is dropped. A living path is given up only after its replacement's ``hello`` verified.
State and effects only: the driver (``peer.links.driver``) checks signatures and owns the
connections, which are known here by a key.
"""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.errors import (
    Denied,
    MeshError,
    Overloaded,
    PeerRestarted,
    UnknownAgent,
    Unreachable,
)
from chatixia.wire.signaling import MAX_CANDIDATES, IceCandidate

from .rates import TokenBucket
from .verdict import Word

TRY_SECONDS: Final = 8.0
"""From the start of an attempt to its ``hello``; no engine reports its failure in time."""
ASK_SECONDS: Final = 2.0
"""How long the higher id waits for an offer before it asks again; doubles."""
RETRY_SECONDS: Final = 1.0
MAX_BACKOFF: Final = 30.0
BREAKS: Final = 3
"""Paths in a row that broke within a second of opening before the next attempt waits."""
TRIES: Final = 4
"""Attempts (or requests for one) before a link counts as impossible until it is wanted anew."""
HOPE: Final = 60.0
"""A peer that comes back this soon after it was wanted gets its attempt by itself."""
LINGER: Final = 5.0
"""How long a replaced path is still read."""
BAR: Final = 60.0
OFFERS: Final = 10
OFFER_SECONDS: Final = 6.0
INCARNATIONS: Final = 16
"""Processes of one peer whose attempts are remembered."""
RESTING: Final = 3.0
"""A peer that is away from the registry and without a path is gone after this long."""
AWAY: Final = 30.0
"""The same when the registry cannot be asked."""


class CreateOffer(msgspec.Struct):
    """Make a connection and offer it."""

    key: int
    attempt: int
    incarnation: str


class AcceptOffer(msgspec.Struct):
    """Answer the offer in hand with a new connection."""

    key: int


class AddCandidate(msgspec.Struct):
    """A candidate for a connection that exists."""

    key: int
    candidate: IceCandidate


class CloseConnection(msgspec.Struct):
    """Close a connection, for ``why``; ``after`` seconds from now (it is still read until then)."""

    key: int
    why: str
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
    | CloseConnection
    | RequestOffer
    | ReportFailure
    | ReportDeparture
)
Sink = list[Effect]


class Attempt(msgspec.Struct):
    """One connection. ``seen`` candidates came; ``held`` wait until it exists (``ready``)."""

    key: int
    attempt: int
    incarnation: str
    since: float
    ready: bool = False
    seen: int = 0
    held: list[IceCandidate] = []


class Link:
    """All that concerns one peer. ``offers``: I am the lower id.

    ``open``: the path in use; ``trying``: the attempt under way; ``old``: a replaced path that is
    still read. ``incarnation``: the peer's present process as the registry says; ``session``: the
    one whose ``hello`` verified last. ``attempt``: the highest number used or seen; it goes on
    above what a forgotten link to this peer may have used.
    """

    def __init__(self, me: str, peer: str, now: float, attempt: int = 0) -> None:
        self.peer = peer
        self.offers = me.encode() < peer.encode()
        self.open: Attempt | None = None
        self.trying: Attempt | None = None
        self.old: Attempt | None = None
        self.incarnation = self.session = ""
        self.attempt = attempt
        self.left_at: float | None = None
        self._doubt: MeshError | None = None
        self._clean = False
        self._lost_at: float | None = None
        self._opened_at = 0.0
        self._breaks = 0
        self._keys = 0
        self._seen: dict[str, int] = {}
        self._quiet_at = 0.0
        self._wanted = False
        self._hope_until = self._barred_at = self._barred_until = 0.0
        self._tries = 0
        self._next_at = 0.0
        self._offers = TokenBucket(OFFERS, OFFER_SECONDS, now)
        self._asks = TokenBucket(OFFERS, OFFER_SECONDS, now)

    @property
    def quiet(self) -> bool:
        """Whether nothing would be lost by forgetting this peer."""
        return not (self.open or self.trying or self.old or self._wanted or self.session)

    def forgettable(self, now: float) -> float:
        """For how many seconds this peer could have been forgotten: its bar is over as well."""
        self._quiet_at = (self._quiet_at or now) if self.quiet else 0.0
        return now - max(self._quiet_at, self._barred_until) if self._quiet_at else 0.0

    def word(self, up: bool) -> Word:
        """What the registry says of the process at the other end of the open path."""
        if not up:
            return "away"
        other = self.open is not None and self.incarnation not in ("", self.open.incarnation)
        return "closed" if other or self.left_at is not None else "held"

    # -- what my own side wants

    def want(self, now: float, out: Sink) -> None:
        """Start to open a link unless there is one, or an attempt runs."""
        error = self._barred(now)
        if isinstance(error, Denied):
            out.append(ReportFailure(error))
            return
        self._hope_until = now + HOPE
        if self.open or self._wanted:
            return
        self._wanted, self._tries = True, 0
        self._next_at = max(now, self._barred_until)
        self._step(now, out)

    def hope(self, now: float) -> None:
        """Wanted while the registry cannot be asked: as soon as the peer is there."""
        self._hope_until = now + HOPE

    def _step(self, now: float, out: Sink) -> None:
        """Whatever is due: an attempt, or a request for one."""
        if not self._wanted or self.trying or now < self._next_at:
            return
        if self._tries >= TRIES:
            self._wanted = False
            self._fail(Unreachable(f"No link to {self.peer} came about.", agent=self.peer), out)
            return
        self._tries += 1
        # The lower id that does not know the peer's process asks, too: the answer names it.
        if self.offers and self.incarnation:
            self._make(now, out)
        else:
            out.append(RequestOffer(restart=bool(self.session)))
            self._next_at = now + min(ASK_SECONDS * 2 ** (self._tries - 1), MAX_BACKOFF)

    def _make(self, now: float, out: Sink) -> None:
        self.attempt += 1
        self._begin(self.attempt, self.incarnation, now, out)
        assert self.trying
        out.append(CreateOffer(self.trying.key, self.attempt, self.incarnation))

    def _begin(self, attempt: int, incarnation: str, now: float, out: Sink) -> None:
        """A new try; never more than two connections to a peer."""
        if self.trying:
            out.append(CloseConnection(self.trying.key, "a newer attempt came"))
        if self.old:
            out.append(CloseConnection(self.old.key, "replaced"))
            self.old = None
        self._keys += 1
        self.trying = Attempt(self._keys, attempt, incarnation, now, held=[])

    # -- what the registry says

    def present(self, incarnation: str, now: float, out: Sink) -> None:
        """The peer is logged in as ``incarnation``."""
        self.left_at, self._clean = None, False
        if incarnation and incarnation != self.incarnation:
            self.incarnation = incarnation
            if self.trying and self.offers and self.trying.incarnation != incarnation:
                self._end_try("the peer is a new process", out)
                self._next_at = now
            if self.session and self.session != incarnation and not self.open:
                self._gone(out)
        if now < self._hope_until and not self.open and not self._wanted:
            self.want(now, out)
        elif self._wanted and not self.trying and self._tries <= 1:
            self._next_at, self._tries = now, 0
        self._step(now, out)

    def left(self, incarnation: str, clean: bool, now: float) -> None:
        """The peer's socket at the registry closed."""
        if incarnation in ("", self.incarnation):
            self.left_at, self._clean = now, clean

    # -- what the peer says

    def admit(self, now: float) -> None:
        """Before an offer's signature is looked at. Raises Overloaded or Denied."""
        self._bar(now)
        if not self._offers.take(now):
            raise Overloaded(f"Too many offers from {self.peer}.")

    def _bar(self, now: float) -> None:
        if error := self._barred(now):
            raise error

    def _barred(self, now: float) -> MeshError | None:
        """For a minute it is denied; after a mere malformed frame it is only too early."""
        if now >= self._barred_until:
            return None
        text = f"{self.peer} broke the protocol and is barred for a while."
        return Denied(text) if self._barred_until - self._barred_at >= BAR else Overloaded(text)

    def offered(self, incarnation: str, attempt: int, now: float, out: Sink) -> None:
        """A checked offer. Raises Denied for an attempt that was there before."""
        if attempt <= self._seen.get(incarnation, 0):
            raise Denied(f"{self.peer} offered attempt {attempt} again.")
        self._seen.pop(incarnation, None)
        self._seen[incarnation] = attempt
        if len(self._seen) > INCARNATIONS:
            del self._seen[next(iter(self._seen))]
        self.attempt = attempt
        self._begin(attempt, incarnation, now, out)
        assert self.trying
        out.append(AcceptOffer(self.trying.key))

    def asked(self, incarnation: str, restart: bool, now: float, out: Sink) -> None:
        """``connect`` came. Raises Overloaded or Denied.

        To the lower id it means: offer now. The higher one is asked only for its name of process,
        which its own ``connect`` tells.
        """
        self._bar(now)
        if not self._asks.take(now):
            raise Overloaded(f"Too many requests from {self.peer}.")
        self.left_at = None
        if self.trying and self.trying.incarnation == incarnation:
            return
        if not self.offers:
            out.append(RequestOffer(restart=False))
            return
        self.incarnation = incarnation
        self._wanted, self._tries, self._next_at = True, 0, now
        if self.trying:
            self._end_try("the peer is a new process", out)
        self._step(now, out)

    def candidate(self, said: IceCandidate, out: Sink) -> None:
        """A candidate, for the try it names and no other. Raises Overloaded above 32."""
        mine = next((t for t in (self.trying, self.open) if t and _of(t, said)), None)
        if mine is None:
            return
        mine.seen += 1
        if mine.seen > MAX_CANDIDATES:
            raise Overloaded(f"Too many candidates from {self.peer}.")
        if mine.ready:
            out.append(AddCandidate(mine.key, said))
        else:
            mine.held.append(said)

    def told(self, error: MeshError, attempt: int, now: float, out: Sink) -> None:
        """The other side, or the registry (attempt 0), says why there is no link."""
        if self.trying and attempt in (0, self.trying.attempt):
            self.failed(self.trying.key, error, now, out)
        elif self.open and attempt == self.open.attempt:
            # Unsigned, so it cuts nothing; but if the peer closes now, this is why.
            self._doubt = error
        elif self._wanted and not self.trying:
            self._give_up(error, out)

    def unknown(self, now: float) -> None:
        """The registry does not know the peer: it has left."""
        if self.left_at is None:
            self.left_at, self._clean = now, False

    # -- what became of a connection

    def ready(self, key: int, out: Sink) -> None:
        """The connection exists: it may have what was held for it."""
        if self.trying and self.trying.key == key:
            self.trying.ready = True
            out.extend(AddCandidate(key, each) for each in self.trying.held)
            self.trying.held.clear()

    def verified(self, key: int, now: float, out: Sink) -> bool:
        """Both hellos hold. False: that try is over already."""
        mine = self.trying
        if mine is None or mine.key != key:
            return False
        before, self.open, self.trying = self.open, mine, None
        if before:
            same = before.incarnation == mine.incarnation
            out.append(CloseConnection(before.key, "replaced", LINGER if same else 0.0))
            self.old = before if same else None
        self.session = self.incarnation = mine.incarnation
        self._opened_at = now
        self.left_at = self._lost_at = self._doubt = None
        self._wanted, self._tries, self._hope_until = False, 0, 0.0
        self._offers.give()
        self._asks.give()
        return True

    def failed(self, key: int, error: MeshError, now: float, out: Sink) -> None:
        """A try came to nothing. A refusal is final; anything else is tried again."""
        if self.trying is None or self.trying.key != key:
            return
        self._end_try(error.message, out)
        if isinstance(error, PeerRestarted):
            self._wanted = True  # as soon as its new process is known
            self._next_at = now + RETRY_SECONDS
        elif isinstance(error, Unreachable | Overloaded):
            self._fail(error, out)
            self._next_at = now + min(RETRY_SECONDS * 2**self._tries, MAX_BACKOFF)
        else:
            self._give_up(error, out)

    def lost(self, key: int, now: float, out: Sink, again: bool = True) -> None:
        """The open path died, or (``again`` False) was closed by agreement."""
        if self.old and self.old.key == key:
            self.old = None
            out.append(CloseConnection(key, "closed"))
        if self.open and self.open.key == key:
            self._lose(now, out, "its path died")
            if again:
                self._again(now, out)

    def _again(self, now: float, out: Sink) -> None:
        """A new attempt under the same session, at once."""
        self._hope_until = now + HOPE
        if self._doubt:
            self._give_up(self._doubt, out)
        if now < self._barred_until or self._doubt or self.left_at is not None:
            return
        self._wanted, self._tries, self._next_at = True, 0, now
        self._breaks = self._breaks + 1 if now - self._opened_at < RETRY_SECONDS else 0
        if self._breaks > BREAKS:
            self._next_at += RETRY_SECONDS  # two that open and break must not do so in a circle
        self._step(now, out)

    def _lose(self, now: float, out: Sink, why: str) -> None:
        assert self.open
        out.append(CloseConnection(self.open.key, why))
        self.open, self._lost_at = None, now

    def _end_try(self, why: str, out: Sink) -> None:
        assert self.trying
        out.append(CloseConnection(self.trying.key, why))
        self.trying = None

    def _give_up(self, error: MeshError, out: Sink) -> None:
        self._wanted = False
        if not isinstance(error, Unreachable | UnknownAgent):
            self._hope_until = 0.0
        self._fail(error, out)

    def _fail(self, error: MeshError, out: Sink) -> None:
        if not self.open:
            out.append(ReportFailure(error))

    def refused(self, error: MeshError, out: Sink) -> None:
        """An offer did not hold. The mesh hears of it only if it waits for just this: whoever
        brings bad offers in a peer's name must not cut the peer off."""
        if self._wanted and not self.trying:
            self._fail(error, out)

    def bar(self, now: float, seconds: float = BAR) -> None:
        """The peer broke the protocol: nothing from it for a while."""
        if now + seconds > self._barred_until:
            self._barred_at, self._barred_until = now, now + seconds

    def gone(self, out: Sink) -> None:
        """The verdict: this process of the peer is gone."""
        ended = [each for each in (self.open, self.trying, self.old) if each]
        self.open = self.trying = self.old = None
        self._wanted = False
        self._gone(out)  # first: a call that lost its path would only ask for another
        out.extend(CloseConnection(each.key, "the peer is gone") for each in ended)

    def _gone(self, out: Sink) -> None:
        if self.session:
            out.append(ReportDeparture(self.session))
        self.session, self._lost_at = "", None

    def forget_old(self, key: int) -> None:
        """A replaced path was read long enough."""
        if self.old and self.old.key == key:
            self.old = None

    def tick(self, now: float, up: bool, out: Sink) -> None:
        """What is due by time. ``up``: the registry can be asked."""
        if self.trying and now - self.trying.since >= TRY_SECONDS:
            why = f"No path to {self.peer} opened within {TRY_SECONDS:.0f} s."
            self.failed(self.trying.key, Unreachable(why, agent=self.peer), now, out)
        if not self.open and self.session and self._lost_at is not None:
            self._pathless(now, up, out)
        if up:
            self._step(now, out)

    def _pathless(self, now: float, up: bool, out: Sink) -> None:
        assert self._lost_at is not None
        if self.left_at is not None:
            if self._clean or now - max(self.left_at, self._lost_at) >= RESTING:
                self.gone(out)
        elif not up and now - self._lost_at >= AWAY:
            self.gone(out)


def _of(mine: Attempt, said: IceCandidate) -> bool:
    return mine.attempt == said.attempt and mine.incarnation == said.incarnation
