"""All peers of one mesh: their sessions, what the link driver and the directory tell of them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any, Final

from chatixia.core import route
from chatixia.core.budget import ResourceBudget
from chatixia.core.call import Calls, Sink
from chatixia.core.exchange import PendingCall
from chatixia.core.ports import LocalIdentity, Outgoing
from chatixia.core.shares import RETRY_AFTER, Shares
from chatixia.core.timers import TimerWheel
from chatixia.errors import (
    Denied,
    MembershipExpired,
    MeshError,
    NotFound,
    Overloaded,
    Revoked,
    UnknownAgent,
)
from chatixia.ids import AgentId
from chatixia.peer.ports import LinkLayer, Path, RegistryPort
from chatixia.peer.timers import LoopTimers, TimerHandle, Timers
from chatixia.wire.registry import AgentRecord, AgentRef
from chatixia.world import World

from .channel import SessionChannel
from .dispatch import CallDispatcher

MAX_PEERS: Final = 4096
SWEEP_SECONDS: Final = 10.0
DIRECTORY_SECONDS: Final = 5.0


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
    )

    def __init__(self, calls: Calls, channel: SessionChannel, holder: str) -> None:
        self.calls, self.channel, self.holder = calls, channel, holder
        self.incarnation = ""
        self.history = route.PeerHistory()
        self.looking: asyncio.Task[None] | None = None
        self.opened: list[asyncio.Future[None]] = []
        self.probed = ("", 0.0)
        self.round_trip: float | None = None


class PeerTable:
    """The ``LinkListener`` of ``links``, and the one timer under all deadlines."""

    def __init__(
        self,
        me: LocalIdentity,
        links: LinkLayer,
        registry: RegistryPort | None,
        world: World,
        timers: Timers | None,
    ) -> None:
        self._me, self._links, self._registry = me, links, registry
        self.incarnation = me.incarnation
        self._world = world
        self._timers: Timers = timers or LoopTimers()
        self._wheel: TimerWheel[Any] = TimerWheel()
        self._wheel.on_earlier = self._arm
        self._room = ResourceBudget()
        self._alarm: TimerHandle | None = None
        self._sweeper: TimerHandle | None = None
        self._peers: dict[str, PeerState] = {}
        self._shares = Shares(MAX_PEERS)
        self._prefix = world.token(6).hex()
        self._count = 0
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop
        self._perform: CallDispatcher
        links.listener = self

    # -- LinkListener: what the link driver reports

    def received(self, peer: AgentId, incarnation: str) -> int:
        """``hello.a`` for a session with that process."""
        state = self._peers.get(peer)
        same = state is not None and state.incarnation == incarnation
        return state.calls.session.a if state is not None and same else 0

    def attach(self, peer: AgentId, incarnation: str, path: Path, acked: int) -> None:
        """A path is open: the session goes on over it, or a new one starts."""
        state = self._peer(peer, path.holder or f"@{peer}")
        if state.incarnation and state.incarnation != incarnation:
            # What the old process still has under way is no part of the new session.
            state.channel.close("its process restarted")
            self._perform_on(state, state.calls.restart)
        state.incarnation = incarnation
        state.history = route.PeerHistory()
        state.round_trip = None
        state.calls.belongs(path.holder)
        state.channel.attach(path, acked)
        for waiter in state.opened:
            if not waiter.done():
                waiter.set_result(None)
        state.opened.clear()
        if self._sweeper is None:
            self._sweeper = self._timers.later(SWEEP_SECONDS, self._sweep)

    def detach(self, peer: AgentId, path: Path) -> None:
        """That path is dead; open calls ask for another."""
        state = self._peers.get(peer)
        if state is None or not state.channel.detach(path) or self._stopped:
            return
        now = self._now()
        for pending in state.calls.asked.values():
            if not pending.sent:
                left = max(pending.deadline - now, 0.0)
                patience = route.patience(left, pending.out.reach)
                state.calls.wait_until(pending, now + patience)
        if state.calls.open:
            self._links.want(peer)

    def departed(self, peer: AgentId, incarnation: str) -> None:
        """That process is gone: sent calls end; the others may take the queue."""
        state = self._peers.get(peer)
        if state is None or state.incarnation != incarnation:
            return
        state.channel.close("the peer is gone")
        state.history.listed = False
        state.history.failed_at = self._now()
        self._perform_on(state, state.calls.gone)
        for pending in list(state.calls.asked.values()):
            self._late(pending)

    def present(self, peer: AgentId) -> None:
        """It is logged in: the next call waits for a link instead of taking the queue."""
        state = self._peers.get(peer)
        if state is not None and state.channel.path is None:
            state.history = route.PeerHistory()

    def refused(self, peer: AgentId, error: MeshError) -> None:
        """No link can be; calls that wait for one end, or take the queue."""
        state = self._peer(peer)
        state.history.refusal, state.history.failed_at = error, self._now()
        state.history.trouble = self._links.trouble(peer)
        for pending in list(state.calls.asked.values()):
            excluded = isinstance(error, Revoked | MembershipExpired) and state.channel.path is None
            if excluded or (isinstance(error, Denied) and not pending.sent):
                copy = route.copy(error)
                copy.outcome = "unknown" if pending.sent else "definite"
                self._end(state, pending, copy)
            else:
                self._late(pending)
        for waiter in state.opened:
            fail(waiter, route.copy(error))
        state.opened.clear()

    def forget(self, peer: str) -> bool:
        """Keep nothing of a peer that is gone for long, unless something of it is in use.

        An agent may come back and repeat a request, so its answers are kept for their time; a
        client's id does not come back.
        """
        state = self._peers.get(peer)
        if state is None:
            return True
        calls = state.calls
        if state.channel.path or state.looking or state.opened or calls.open:
            return False
        if calls.served and "~" not in peer:
            return False
        calls.sweep(math.inf)
        calls.account.close()
        calls.session.end()
        state.channel.end()
        del self._peers[peer]
        self._shares.add(state.holder, -1)
        return True

    def idle(self, peer: AgentId) -> bool:
        """Whether the link may close."""
        state = self._peers.get(peer)
        return state is None or state.calls.idle

    def last_frame_at(self, peer: AgentId) -> float:
        """When the last frame of that peer came."""
        state = self._peers.get(peer)
        return state.channel.last_frame_at if state is not None else 0.0

    def probe(self, peer: AgentId) -> None:
        """Send a ping."""
        state = self._peers.get(peer)
        if state is not None:
            rid = f"{self._rid()} {peer}"
            state.probed = (rid, self._now())
            state.calls.ping(rid)
            state.channel.kick()

    def round_trip(self, peer: AgentId) -> float | None:
        """Milliseconds of the last probe that was answered."""
        state = self._peers.get(peer)
        return state.round_trip if state is not None else None

    def calls(self, peer: AgentId) -> int:
        """Calls with that peer, both ways, since its present path opened."""
        state = self._peers.get(peer)
        return state.channel.count if state is not None else 0

    def _ponged(self, rid: str) -> None:
        state = self._peers.get(rid.partition(" ")[2])
        if state is not None and state.probed[0] == rid:
            state.round_trip = 1000 * (self._now() - state.probed[1])

    # -- the registry's word

    def _registry_up(self) -> bool:
        return self._registry is not None and self._registry.up

    def _registry_state(self, up: bool) -> None:
        if not up:
            return
        now = self._now()
        for peer in list(self._peers.values()):
            for pending in list(peer.calls.asked.values()):
                patience = route.patience(pending.out.timeout, pending.out.reach)
                waited = now - pending.started >= patience
                if peer.channel.path is None and waited:
                    self._late(pending)

    def _look(self, peer: PeerState) -> None:
        """Ask the directory who that is, once at a time: an unknown name need not wait."""
        if not self._registry_up() or peer.looking is not None or "~" in peer.calls.peer:
            return
        peer.looking = asyncio.ensure_future(self._ask_directory(peer))

    async def _ask_directory(self, peer: PeerState) -> None:
        try:
            ref = AgentRef(peer.calls.peer)
            record = await self._directory(ref)
        except NotFound:
            self._unknown(peer)
        except MeshError:
            pass  # the directory cannot say; the link or the deadline will
        else:
            self._listed(peer, record)
        finally:
            peer.looking = None

    async def _directory(self, ref: AgentRef) -> AgentRecord:
        assert self._registry is not None
        record: AgentRecord = await self._registry.verb("agents.get", ref, DIRECTORY_SECONDS)
        return record

    def _unknown(self, peer: PeerState) -> None:
        agent = peer.calls.peer
        text = f"No agent named {agent} is in the mesh."
        for pending in list(peer.calls.asked.values()):
            if pending.sent:
                continue
            if route.queues(pending.out, self._registry_up()):
                self._late(pending)  # a member that is away may not be listed; the queue knows it
            else:
                self._end(peer, pending, UnknownAgent(text, agent=agent))
        for waiter in peer.opened:
            fail(waiter, UnknownAgent(text, agent=agent))

    def _listed(self, peer: PeerState, record: AgentRecord) -> None:
        history = peer.history
        history.keyless = record.keyless
        history.listed = record.health != "offline" and not history.keyless
        if not history.listed and peer.channel.path is None:
            history.failed_at = self._now()
            for pending in list(peer.calls.asked.values()):
                self._late(pending)
            if history.keyless:
                for waiter in peer.opened:
                    fail(waiter, route.keyless(Outgoing(peer.calls.peer)))

    # -- within

    def _now(self) -> float:
        return self._world.monotonic()

    def _rid(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count:x}"

    def _peer(self, name: AgentId, holder: str = "") -> PeerState:
        """What there is of that peer. Who opened the link counts for its ``holder``; whom this
        process itself asked counts for nobody. Raises Overloaded."""
        state = self._peers.get(name)
        if state is None:
            self._make_room(holder)
            calls = Calls(self._me.id, name, self._wheel, self._room)
            channel = SessionChannel(calls, self._world, self._timers, self._loop)
            channel.perform = functools.partial(self._perform, channel)
            state = self._peers[name] = PeerState(calls, channel, holder)
            self._shares.add(holder)
        return state

    def _make_room(self, holder: str) -> None:
        """Forget an idle peer if there are too many: one of ``holder`` if it is over its share."""
        full = self._shares.used >= self._shares.total
        if not full and (not holder or self._shares.fits(holder)):
            return
        names = [name for name, state in self._peers.items() if full or state.holder == holder]
        if not any(self._peers[name].calls.idle and self.forget(name) for name in names):
            raise Overloaded("Too many peers at once.", retry_after=RETRY_AFTER)

    def _perform_on(self, peer: PeerState, act: Callable[[Sink], None]) -> None:
        sink: Sink = []
        act(sink)
        self._perform(peer.channel, sink)
        peer.channel.kick()

    def _end(self, peer: PeerState, pending: PendingCall, error: MeshError) -> None:
        self._perform_on(peer, lambda sink: peer.calls.end(pending, error, sink))

    def _late(self, pending: PendingCall) -> None:
        """No path in time for a call: remember it, and see whether the queue takes the call."""
        peer = self._peers[pending.owner.peer]
        if peer.channel.path is not None:
            return
        peer.history.failed_at, peer.history.trouble = (
            self._now(),
            self._links.trouble(peer.calls.peer),
        )
        try:
            way = route.late(pending.out, pending.sent, self._registry_up(), peer.history)
        except MeshError as error:
            self._end(peer, pending, error)
            return
        if way == "queue":
            self._perform_on(peer, lambda sink: peer.calls.move(pending, sink))

    def _arm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._timers.later(max(at - self._now(), 0.0), self._ring, work=True)

    def _ring(self) -> None:
        self._alarm = None
        now = self._now()
        for item in self._wheel.due(now):
            peer = self._peers[item.owner.peer]
            self._perform_on(peer, functools.partial(peer.calls.expire, item, now))
            if isinstance(item, PendingCall) and not item.sent and item.error is not None:
                # Read in the loop's next turn: the driver of the links knows more than the call.
                item.error = self._unopened(item.error, peer.calls.peer)
        upcoming = self._wheel.next()
        if upcoming is not None and self._alarm is None:
            self._arm(upcoming)

    def _unopened(self, error: MeshError, peer: AgentId) -> MeshError:
        """``error`` of a call that no link to ``peer`` took in time, with the likely cause."""
        return route.because(error, self._links.likely(peer))

    def _sweep(self) -> None:
        """Answers that nobody acknowledged: those of lost paths, and of a peer that never does."""
        self._sweeper = None
        now = self._now()
        for peer in self._peers.values():
            peer.calls.sweep(now)
        if any(peer.calls.served or peer.channel.path for peer in self._peers.values()):
            self._sweeper = self._timers.later(SWEEP_SECONDS, self._sweep)


def fail(waiter: asyncio.Future[None], error: MeshError) -> None:
    """End a wait with an error, unless it has ended."""
    with contextlib.suppress(asyncio.InvalidStateError):
        waiter.set_exception(error)
