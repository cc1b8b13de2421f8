"""How a link to one peer opens and ends: attempts, requests, candidates, bounds, which path counts.

The lower id offers, always; the higher one asks it to (``connect``) and waits 2 s, with back-off,
so offers never cross (links.md section 2). A try is (both incarnations, attempt); what belongs to
any other is dropped. A living path is given up only after its replacement's ``hello`` verified.

A link has one or more kinds of paths (``core.paths``), and uses the best that is open: up when a
better one opens, down when that dies; attempts at a better kind go on while a worse one is open.

State and effects only: the driver (``peer.links``) checks signatures and owns the connections,
which are known here by a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatixia.errors import Denied, MeshError, Overloaded, PeerRestarted, UnknownAgent, Unreachable
from chatixia.wire.signaling import IceCandidate

from .absence import PeerAbsence
from .offers import OfferGuard
from .paths import (
    DIRECT,
    AcceptOffer,
    CloseConnection,
    CreateOffer,
    PathAttempt,
    PathKind,
    PathSlot,
    ReportDeparture,
    ReportFailure,
    RequestOffer,
    Sink,
    UsePath,
)
from .verdict import Word

TRY_SECONDS: Final = 8.0
"""From the start of an attempt to its ``hello``; no engine reports its failure in time."""
IDLE_SECONDS: Final = 2 * TRY_SECONDS
"""How long a worse kind of path waits for a better one where nothing waits for the link."""
REQUEST_SECONDS: Final = 2.0
"""How long the higher id waits for an offer before it asks again; doubles."""
RETRY_SECONDS: Final = 1.0
MAX_BREAKS: Final = 3
"""Paths in a row that broke within a second of opening before the next attempt waits."""
MAX_TRIES: Final = 4
"""Attempts (or requests for one) before a link counts as impossible until it is wanted anew."""
REVIVE_SECONDS: Final = 60.0
"""A peer that comes back this soon after it was wanted gets its attempt by itself."""
LINGER_SECONDS: Final = 5.0
"""How long a replaced path is still read."""


class Link:
    """All that concerns one peer. ``offers``: I am the lower id.

    ``slots``: the paths by kind, the best kind first; ``open``: the path in use.
    ``guard``: what its offers may cost; ``absence``: is it gone. ``incarnation``: the peer's
    present process as the registry says; ``session``: the one whose ``hello`` verified last.
    ``attempt``: the highest number used or seen; it goes on above what a forgotten link to this
    peer may have used.
    """

    def __init__(
        self,
        me: str,
        peer: str,
        now: float,
        attempt: int = 0,
        kinds: Sequence[PathKind] = (DIRECT,),
    ) -> None:
        self.peer = peer
        self.offers = me.encode() < peer.encode()
        self.slots = tuple(PathSlot(kind) for kind in sorted(kinds, key=lambda kind: kind.best))
        self.open: PathAttempt | None = None
        self.incarnation = self.session = ""
        self.attempt = attempt
        self.absence = PeerAbsence()
        self.guard = OfferGuard(peer, now)
        self._doubt: MeshError | None = None
        self._keys = 0
        self._switched_at = self._quiet_at = self._revive_until = 0.0

    @property
    def trying(self) -> PathAttempt | None:
        """The attempt under way, at the best kind if there are several."""
        return next((slot.trying for slot in self.slots if slot.trying), None)

    @property
    def due(self) -> float:
        """When ``tick`` has an attempt to start; infinity: none is due."""
        return min(slot.due for slot in self.slots)

    @property
    def openable(self) -> bool:
        """Whether the peer is there, and no path to it is open or under way."""
        there = bool(self.incarnation) and self.absence.left_at is None
        return there and not self.open and not any(slot.pending for slot in self.slots)

    @property
    def quiet(self) -> bool:
        """Whether nothing would be lost by forgetting this peer."""
        return not self.session and all(slot.vacant for slot in self.slots)

    def forgettable(self, now: float) -> float:
        """For how many seconds this peer could have been forgotten: its bar is over as well."""
        self._quiet_at = (self._quiet_at or now) if self.quiet else 0.0
        return now - max(self._quiet_at, self.guard.barred_until) if self._quiet_at else 0.0

    def word(self, up: bool) -> Word:
        """What the registry says of the process at the other end of the path in use."""
        if not up:
            return "away"
        other = self.open is not None and self.incarnation not in ("", self.open.incarnation)
        return "closed" if other or self.absence.left_at is not None else "held"

    # -- what my own side wants

    def want(self, now: float, sink: Sink, idle: bool = False) -> None:
        """Start to open a link unless there is one, or an attempt runs. ``idle``: nothing waits."""
        error = self.guard.barred(now)
        if isinstance(error, Denied):
            sink.append(ReportFailure(error))
            return
        self.want_when_present(now)
        if self.open:
            return
        for slot in self.slots:
            delay = IDLE_SECONDS if idle and slot is not self.slots[0] else slot.kind.delay
            at = max(now + delay, self.guard.barred_until)
            if not slot.wanted:
                slot.want(at)
                self._step(slot, now, sink)
            elif not slot.tries:
                slot.next_at = min(slot.next_at, at)

    def want_when_present(self, now: float) -> None:
        """Wanted while the registry cannot be asked: as soon as the peer is there."""
        self._revive_until = now + REVIVE_SECONDS

    def _step(self, slot: PathSlot, now: float, sink: Sink) -> None:
        """Whatever is due for one kind: an attempt, or a request for one."""
        if not slot.wanted or slot.trying or now < slot.next_at:
            return
        if slot.tries >= MAX_TRIES and not self._improves(slot):
            slot.wanted = False
            text = f"No link to {self.peer} came about."
            self._fail(slot, Unreachable(text, agent=self.peer), sink)
            return
        slot.tries += 1
        # The lower id that does not know the peer's process asks, too: the answer names it.
        if (self.offers or slot.kind.either) and self.incarnation:
            self._offer(slot, now, sink)
        else:
            sink.append(RequestOffer(restart=bool(self.session)))
            slot.put_off(now, REQUEST_SECONDS, slot.tries - 1, self._improves(slot))

    def _improves(self, slot: PathSlot) -> bool:
        """Whether a path of that kind would be better than the one in use: no try is the last."""
        return self.open is not None and slot.kind.best < self.open.rank and not slot.open

    def _offer(self, slot: PathSlot, now: float, sink: Sink) -> None:
        self.attempt += 1
        path = self._begin(slot, self.attempt, self.incarnation, now, sink)
        path.local = True
        sink.append(CreateOffer(path.key, self.attempt, self.incarnation, slot.kind.name))

    def _begin(
        self, slot: PathSlot, attempt: int, incarnation: str, now: float, sink: Sink
    ) -> PathAttempt:
        """A new try; never more than two connections of a kind to a peer."""
        if slot.trying:
            sink.append(CloseConnection(slot.trying.key, "a newer attempt came"))
        if slot.old:
            sink.append(CloseConnection(slot.old.key, "replaced"))
            slot.old = None
        self._keys += 1
        slot.trying = PathAttempt(self._keys, attempt, incarnation, now, pending=[])
        return slot.trying

    # -- what the registry says

    def present(self, incarnation: str, now: float, sink: Sink) -> None:
        """The peer is logged in as ``incarnation``."""
        self.absence.returned()
        if incarnation and incarnation != self.incarnation:
            self.incarnation = incarnation
            for slot in self.slots:
                if slot.trying and slot.trying.local and slot.trying.incarnation != incarnation:
                    self._end_try(slot, "the peer is a new process", sink)
                    slot.next_at = now
            if self.session and self.session != incarnation and not self.open:
                self._report_departure(sink)
            if self.open and self.open.incarnation != incarnation:
                self.renew(now, sink)  # only the hello of the new process ends the old session
        wanted = any(slot.wanted for slot in self.slots)
        if now < self._revive_until and not self.open and not wanted:
            self.want(now, sink)
        for slot in self.slots:
            if wanted and slot.wanted and not slot.trying and slot.tries <= 1:
                slot.want(now + slot.kind.delay)
            self._step(slot, now, sink)

    def left(self, incarnation: str, clean: bool, now: float) -> None:
        """The peer's socket at the registry closed."""
        if incarnation in ("", self.incarnation):
            self.absence.left(now, clean)

    # -- what the peer says

    def offered(
        self, incarnation: str, attempt: int, now: float, sink: Sink, kind: str = DIRECT.name
    ) -> None:
        """A checked offer. Raises Denied for an attempt that was there before.

        Where either end may offer and both did, the lower id's offer counts.
        """
        slot = next((each for each in self.slots if each.kind.name == kind), None)
        if slot is None:
            raise Denied(f"No path of kind {kind} is opened here.")
        self.guard.once(incarnation, attempt, kind)
        if self.offers and slot.trying and slot.trying.local:
            return
        self.attempt = max(self.attempt, attempt)  # my own may be above it, at another kind
        sink.append(AcceptOffer(self._begin(slot, attempt, incarnation, now, sink).key))

    def requested(self, incarnation: str, restart: bool, now: float, sink: Sink) -> None:
        """``connect`` came. Raises Overloaded or Denied.

        To the lower id it means: offer now. The higher one is asked only for its name of process,
        which its own ``connect`` tells.
        """
        self.guard.request(now)
        self.absence.returned()
        slot = self.slots[0]
        if slot.trying and slot.trying.incarnation == incarnation:
            return
        if not self.offers:
            sink.append(RequestOffer(restart=False))
            return
        self.incarnation = incarnation
        slot.want(now, anew=not self._improves(slot))  # else the two would begin anew in turns
        if slot.trying:
            self._end_try(slot, "the peer is a new process", sink)
        self._step(slot, now, sink)

    def candidate(self, message: IceCandidate, sink: Sink) -> None:
        """A candidate, for the try it names and no other. Raises Overloaded above 32."""
        living = [path for slot in self.slots for path in (slot.trying, slot.open) if path]
        path = next((path for path in living if path.matches(message)), None)
        if path is None:
            return
        if not path.take(message, sink):
            raise Overloaded(f"Too many candidates from {self.peer}.")

    def error_received(
        self, error: MeshError, attempt: int, now: float, sink: Sink, kind: str = ""
    ) -> None:
        """The other side, or the registry (attempt 0), says why there is no link, or no path of
        ``kind``."""
        slots = [slot for slot in self.slots if kind in ("", slot.kind.name)]
        tried = [s.trying for s in slots if s.trying and attempt in (0, s.trying.attempt)]
        for path in tried:
            self.failed(path.key, error, now, sink)
        if tried:
            return
        if any(slot.open and slot.open.attempt == attempt for slot in slots):
            self._doubt = error  # unsigned, so it cuts nothing; if the peer closes now, this is why
            return
        for slot in slots:
            if slot.wanted and not slot.trying:
                self._give_up(slot, error, sink)

    def unknown(self, now: float) -> None:
        """The registry does not know the peer: it has left."""
        if self.absence.left_at is None:
            self.absence.left(now, clean=False)

    # -- what became of a connection

    def ready(self, key: int, sink: Sink) -> None:
        """The connection exists: it may have what waited for it."""
        slot = self._slot(key)
        if slot is not None and (path := slot.trying):
            path.begin(sink)

    def _slot(self, key: int) -> PathSlot | None:
        """Where the attempt of that key is under way."""
        return next((each for each in self.slots if each.trying and each.trying.key == key), None)

    def verified(self, key: int, now: float, sink: Sink, tier: str = "") -> bool:
        """Both hellos hold, on a path of ``tier`` (default: its kind's name). False: that try is
        over already."""
        slot = self._slot(key)
        if slot is None or slot.trying is None:
            return False
        path, before = slot.trying, slot.open
        path.opened_at, path.rank = now, slot.kind.ranks[tier or slot.kind.name]
        slot.open, slot.trying, slot.wanted, slot.tries = path, None, False, 0
        replaced: Sink = []
        if before:
            same = before.incarnation == path.incarnation
            replaced.append(CloseConnection(before.key, "replaced", LINGER_SECONDS if same else 0))
            slot.old = before if same else None
        self._close_worse(slot, path, replaced)
        self.session = self.incarnation = path.incarnation
        self.absence.returned()
        self.absence.has_path()
        self._doubt, self._revive_until = None, 0.0
        self._rank(now, sink)
        sink.extend(replaced)
        self.guard.opened()
        return True

    def _close_worse(self, slot: PathSlot, path: PathAttempt, sink: Sink) -> None:
        """Attempts at what is worse than ``path`` end, and paths to an earlier process."""
        for other in self.slots:
            if other is slot:
                continue
            if other.kind.best > path.rank:
                other.wanted = False
                if other.trying:
                    self._end_try(other, "a better path opened", sink)
            if other.open and other.open.incarnation != path.incarnation:
                sink.append(CloseConnection(other.open.key, "replaced"))
                other.open = None

    def _rank(self, now: float, sink: Sink) -> None:
        """Use the best open path; one of a kind that died before has to stand for a while first."""
        current = next((slot.open for slot in self.slots if slot.open is self.open), None)
        ready = [
            slot.open
            for slot in self.slots
            if slot.open and (current in (None, slot.open) or slot.usable_at() <= now)
        ]
        best = min(ready, key=lambda path: path.rank, default=None)
        if best is not self.open and best is not None:
            reason = (
                "it is better" if current else "the one in use died" if self.open else "it opened"
            )
            self._switched_at = now
            sink.append(UsePath(best.key, reason))
        self.open = best

    def frame_received(self, key: int, now: float, sink: Sink) -> None:
        """The peer sends by that path: a better one than that in use need not stand any longer."""
        for slot in self.slots:
            if slot.open and slot.open.key == key and not slot.open.trusted:
                slot.open.trusted = True
                self._rank(now, sink)

    def failed(self, key: int, error: MeshError, now: float, sink: Sink) -> None:
        """A try came to nothing. A refusal is final; anything else is tried again."""
        slot = self._slot(key)
        if slot is None:
            return
        self._end_try(slot, error.message, sink)
        if isinstance(error, PeerRestarted):  # as soon as its new process is known
            slot.wanted, slot.next_at = True, now + RETRY_SECONDS
        elif isinstance(error, Unreachable | Overloaded):
            self._fail(slot, error, sink)
            slot.put_off(now, RETRY_SECONDS, slot.tries, self._improves(slot))
        else:
            self._give_up(slot, error, sink)

    def renew(self, at: float, sink: Sink) -> None:
        """Another path of the best kind, beside what is open: this host has other addresses, or the
        peer another process."""
        slot = self.slots[0]
        if slot.trying and slot.trying.local:
            self._end_try(slot, "a newer one is tried", sink)
        if slot.open or slot.wanted:
            slot.want(at)

    def close(self, now: float, sink: Sink) -> None:
        """Every path is closed on purpose, the one in use last, and none is tried."""
        for slot in reversed(self.slots):
            if slot.open:
                self._lose(slot, now, sink, again=False)

    def lost(self, key: int, now: float, sink: Sink, again: bool = True) -> None:
        """A path died. ``again``: unless its end was agreed or my own, another is tried."""
        for slot in self.slots:
            if slot.old and slot.old.key == key:
                slot.old = None
                sink.append(CloseConnection(key, "closed"))
            if slot.open and slot.open.key == key:
                self._lose(slot, now, sink, again)

    def _lose(self, slot: PathSlot, now: float, sink: Sink, again: bool) -> None:
        assert slot.open
        path = slot.open
        slot.lose(now)
        self._rank(now, sink)
        sink.append(CloseConnection(path.key, "its path died"))
        if self.open is None:
            self.absence.lost_path(now)
        if again and (self.open is None or self._improves(slot)):
            self._again(slot, now - path.opened_at, now, sink)

    def _again(self, slot: PathSlot, lasted: float, now: float, sink: Sink) -> None:
        """A new attempt under the same session, at once; worse kinds too where no path is left."""
        self._revive_until = now + REVIVE_SECONDS
        if self._doubt:
            self._give_up(slot, self._doubt, sink)
        if now < self.guard.barred_until or self._doubt or self.absence.left_at is not None:
            return
        slot.breaks = slot.breaks + 1 if lasted < RETRY_SECONDS else 0
        # Two that open and break must not do so in a circle.
        slot.want(now + (RETRY_SECONDS if slot.breaks > MAX_BREAKS else 0.0))
        for other in self.slots:
            if other is not slot and not other.pending and self.open is None:
                other.want(now + other.kind.delay)
        for each in self.slots:
            self._step(each, now, sink)

    def _end_try(self, slot: PathSlot, reason: str, sink: Sink) -> None:
        assert slot.trying
        sink.append(CloseConnection(slot.trying.key, reason))
        slot.trying = None

    def _give_up(self, slot: PathSlot, error: MeshError, sink: Sink) -> None:
        slot.wanted = False
        if not isinstance(error, Unreachable | UnknownAgent):
            self._revive_until = 0.0
        for other in self.slots:  # whoever refuses, or is not there, is so for worse kinds, too
            if other.kind.best > slot.kind.best and not other.trying:
                other.wanted = False
        self._fail(slot, error, sink)

    def _fail(self, slot: PathSlot, error: MeshError, sink: Sink) -> None:
        """No path of this kind; the mesh hears of it where no other may come either."""
        if not self.open and not any(each.pending for each in self.slots if each is not slot):
            sink.append(ReportFailure(error))

    def refused(self, error: MeshError, sink: Sink) -> None:
        """An offer did not hold. The mesh hears of it only if it waits for just this: whoever
        brings bad offers in a peer's name must not cut the peer off."""
        if any(slot.wanted for slot in self.slots) and not self.trying:
            self._fail(self.slots[0], error, sink)

    def depart(self, sink: Sink) -> None:
        """The verdict: this process of the peer is gone."""
        paths = [path for slot in self.slots for path in slot]
        for slot in self.slots:
            slot.clear()
        self.open = None
        self._report_departure(sink)  # first: a call that lost its path would ask for another
        sink.extend(CloseConnection(path.key, "the peer is gone") for path in paths)

    def _report_departure(self, sink: Sink) -> None:
        if self.session:
            sink.append(ReportDeparture(self.session))
        self.session = ""
        self.absence.has_path()

    def forget_old(self, key: int) -> None:
        """A replaced path was read long enough."""
        for slot in self.slots:
            if slot.old and slot.old.key == key:
                slot.old = None

    def tick(self, now: float, up: bool, sink: Sink) -> None:
        """What is due by time. ``up``: the registry can be asked."""
        for slot in self.slots:
            if slot.trying and now - slot.trying.since >= TRY_SECONDS:
                text = f"No path to {self.peer} opened within {TRY_SECONDS:.0f} s."
                self.failed(slot.trying.key, Unreachable(text, agent=self.peer), now, sink)
        if len(self.slots) > 1 and self.open:
            self._rank(now, sink)
            self._close_spare(now, sink)
        if not self.open and self.session and self.absence.has_departed(now, up):
            self.depart(sink)
        if up:
            for slot in self.slots:
                self._step(slot, now, sink)

    def _close_spare(self, now: float, sink: Sink) -> None:
        """What a better path replaced is read, and could be used again, for a while."""
        for slot in self.slots:
            path = slot.open
            if not path or path is self.open or not self.open or path.rank < self.open.rank:
                continue
            if now - self._switched_at >= LINGER_SECONDS:
                sink.append(CloseConnection(path.key, "a better path is in use"))
                slot.open = None
