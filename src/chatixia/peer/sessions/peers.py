"""The sessions with all peers of one mesh: kept, bounded, and one timer under all deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from chatixia.core import route
from chatixia.core.budget import ResourceBudget
from chatixia.core.call import Calls, Sink
from chatixia.core.capabilities import AgreedCapabilities
from chatixia.core.exchange import PendingCall, no_lists
from chatixia.core.shares import RETRY_AFTER, Shares
from chatixia.core.timers import TimerWheel
from chatixia.errors import MeshError, Overloaded
from chatixia.ids import AgentId
from chatixia.peer.artifacts.offers import ArtifactOffers
from chatixia.peer.records import MAX_PEERS, RemotePeers
from chatixia.peer.timers import TimerHandle, Timers
from chatixia.wire.peer import Status
from chatixia.world import World

from .channel import SessionChannel
from .dispatch import CallDispatcher
from .stop import closing

SWEEP_SECONDS: Final = 10.0


class PeerState:
    """What this mesh has of one other: calls, the channel under them, what is known of it."""

    __slots__ = (
        "calls",
        "channel",
        "history",
        "holder",
        "incarnation",
        "looking",
        "opened",
        "probed",
        "round_trip",
        "status",
    )

    def __init__(self, calls: Calls, channel: SessionChannel, holder: str) -> None:
        self.calls, self.channel, self.holder = calls, channel, holder
        self.incarnation = ""
        self.history = route.PeerHistory()
        self.looking: asyncio.Task[None] | None = None
        self.opened: list[asyncio.Future[None]] = []
        self.probed = ("", 0.0)
        self.round_trip: float | None = None
        self.status = Status()

    def apply(self, act: Callable[[Sink], None]) -> None:
        """Carry out what ``act`` asks for, and send what that queued."""
        sink: Sink = []
        act(sink)
        self.channel.perform(sink)
        self.channel.kick()

    def agree(self, names: frozenset[str]) -> None:
        """A path opens whose ends agreed on capabilities; calls that waited and need more end."""
        if names == self.calls.can.names:
            return
        can = self.calls.can = AgreedCapabilities(names)
        can.bound(self.calls.session)
        for pending in list(self.calls.pending.values()):
            error = can.objection(pending)
            if error is not None:
                self.end(pending, error)

    def end(self, pending: PendingCall, error: MeshError) -> None:
        """End a call of ours with an error."""
        self.apply(lambda sink: self.calls.end(pending, error, sink))

    def refuse_waiters(self, error: MeshError) -> None:
        """End the waits for a path with copies of an error."""
        for waiter in self.opened:
            fail(waiter, route.copy(error))


class PeerTable:
    """What there is of each peer, by id, in the session half of the one table of peers
    (``records``): at most :data:`MAX_PEERS`, shared out by holder.

    ``explain(error, peer)``: called for a call that waited in vain for a path; what it ends with.
    ``want(peer)``: called where an artifact waits for a path. ``offers``: the artifacts that peers
    may pull; ``budget``: what the calls of all of them may hold. ``lists``: the payload of pings
    and pongs.
    """

    def __init__(
        self,
        me: AgentId,
        world: World,
        timers: Timers,
        dispatcher: CallDispatcher,
        records: RemotePeers[Any, PeerState],
    ) -> None:
        self._me, self._world, self._timers, self._dispatcher = me, world, timers, dispatcher
        self._records = records
        records.make_room.append(self._forget_someone)
        self.shares = Shares(MAX_PEERS)
        self.explain: Callable[[MeshError, AgentId], MeshError] = lambda error, peer: error
        self.want: Callable[[AgentId], None] = lambda peer: None
        self.offers = ArtifactOffers(world)
        self.lists: Callable[[], msgspec.Raw] = no_lists
        self._wheel: TimerWheel[Any] = TimerWheel()
        self._wheel.on_earlier = self._arm
        self.budget = ResourceBudget()
        self._alarm: TimerHandle | None = None
        self._sweeper: TimerHandle | None = None
        name = world.token(6).hex() + "-"
        self.request_id: Callable[[], str] = map(
            name.__add__, map(str, itertools.count(1))
        ).__next__
        """A request id that no other call of this process has."""

    def __iter__(self) -> Iterator[PeerState]:
        """A copy, so that peers may come and go meanwhile."""
        return iter([record.session for record in self._records if record.session is not None])

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __getitem__(self, name: str) -> PeerState:
        state = self.get(name)
        if state is None:
            raise KeyError(name)
        return state

    def get(self, name: str) -> PeerState | None:
        """What there is of that peer."""
        record = self._records.get(name)
        return record.session if record is not None else None

    def open(self, name: AgentId, holder: str = "") -> PeerState:
        """What there is of that peer, from now on. Who opened the link counts for its ``holder``;
        whom this process itself asked counts for nobody. Raises Overloaded."""
        state = self.get(name)
        if state is None:
            self._make_room(holder)
            record = self._records.require(name)
            calls = Calls(self._me, name, self._wheel, self.budget)
            calls.lists = self.lists
            loop = asyncio.get_running_loop()
            channel = SessionChannel(calls, self._world, self._timers, loop, self.offers)
            channel.want = functools.partial(self.want, name)
            channel.perform = functools.partial(self._dispatcher, channel)
            state = record.session = PeerState(calls, channel, holder)
            self.shares.add(holder)
        return state

    def _make_room(self, holder: str) -> None:
        """Forget an idle peer if there are too many: one of ``holder`` if it is over its share."""
        full = self.shares.used >= self.shares.total
        if not full and (not holder or self.shares.fits(holder)):
            return
        some = [state for state in self if full or state.holder == holder]
        if not any(state.calls.idle and self.forget(state.calls.peer) for state in some):
            raise Overloaded("Too many peers at once.", retry_after=RETRY_AFTER)

    def _forget_someone(self) -> bool:
        """A place for another peer: the link layer gives its own away."""
        return any(
            record.link is None
            and record.session is not None
            and record.session.calls.idle
            and self.forget(record.id)
            for record in self._records
        )

    def forget(self, name: str) -> bool:
        """Keep nothing of a peer that is gone for long, unless something of it is in use.

        An agent may come back and repeat a request, so its answers are kept for their time; a
        client's id does not come back.
        """
        record = self._records.get(name)
        state = record.session if record is not None else None
        if record is None or state is None:
            return True
        calls = state.calls
        if state.channel.path or state.looking or state.opened or calls.open:
            return False
        if state.channel.transfers is not None and state.channel.transfers.downloads.active:
            return False
        if calls.served and "~" not in name:
            return False
        calls.sweep(math.inf)
        calls.account.close()
        calls.session.end()
        state.channel.end()
        record.session = None
        self._records.release(record)
        self.shares.add(state.holder, -1)
        return True

    def close(self) -> None:
        """Use no path any more, and fire no timer."""
        for peer in self:
            if peer.channel.transfers is not None:
                peer.channel.transfers.close(closing)
        self.close_paths()
        for timer in (self._alarm, self._sweeper):
            if timer is not None:
                timer.cancel()

    def close_paths(self) -> None:
        """Use no path any more."""
        for peer in self:
            path = peer.channel.path
            if path is not None:
                peer.channel.detach(path)

    def _arm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._timers.later(
            max(at - self._world.monotonic(), 0.0), self._ring, work=True
        )

    def _ring(self) -> None:
        self._alarm = None
        now = self._world.monotonic()
        for item in self._wheel.due(now):
            peer = self[item.owner.peer]
            peer.apply(functools.partial(peer.calls.expire, item, now))
            if isinstance(item, PendingCall) and not item.sent and item.error is not None:
                # Read in the loop's next turn: the driver of the links knows more than the call.
                item.error = self.explain(item.error, peer.calls.peer)
        upcoming = self._wheel.next()
        if upcoming is not None and self._alarm is None:
            self._arm(upcoming)

    def sweep_soon(self) -> None:
        """Look from time to time after answers that nobody acknowledges."""
        if self._sweeper is None:
            self._sweeper = self._timers.later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Answers that nobody acknowledged: those of lost paths, and of a peer that never does."""
        self._sweeper = None
        now = self._world.monotonic()
        for peer in self:
            peer.calls.sweep(now)
        self.offers.expire()
        if any(peer.calls.served or peer.channel.path for peer in self):
            self._sweeper = self._timers.later(SWEEP_SECONDS, self._sweep)


def fail(waiter: asyncio.Future[None], error: MeshError) -> None:
    """End a wait with an error, unless it has ended."""
    with contextlib.suppress(asyncio.InvalidStateError):
        waiter.set_exception(error)
