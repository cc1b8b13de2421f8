"""What the link driver reports, done to the sessions: paths that come and go, peers that end."""

from __future__ import annotations

from collections.abc import Callable

from chatixia.core import route
from chatixia.errors import Denied, MembershipExpired, MeshError, Revoked
from chatixia.ids import AgentId
from chatixia.peer.ports import LinkLayer, Path
from chatixia.wire.peer import Status
from chatixia.world import World

from .peers import PeerState, PeerTable
from .router import CallRouter


class SessionListener:
    """The ``LinkListener`` (``peer.ports``) over a table of sessions. ``stopped``: the mesh stops,
    so a path that goes is asked for no more. ``on_open``: a path is in use; ``on_datagram``: what
    came beside the session."""

    def __init__(
        self, peers: PeerTable, router: CallRouter, links: LinkLayer, world: World
    ) -> None:
        self._peers, self._router, self._links, self._world = peers, router, links, world
        self.stopped = False
        self.on_open: Callable[[PeerState], None] = lambda state: None
        self.on_datagram: Callable[[PeerState, bytes | str], None] = lambda state, data: None

    def received(self, peer: AgentId, incarnation: str) -> int:
        """``hello.a`` for a session with that process."""
        state = self._peers.get(peer)
        same = state is not None and state.incarnation == incarnation
        return state.calls.session.a if state is not None and same else 0

    def attach(self, peer: AgentId, incarnation: str, path: Path, acked: int | None) -> None:
        """A path is open: the session goes on over it, or a new one starts."""
        state = self._peers.open(peer, path.holder or f"@{peer}")
        if state.incarnation and state.incarnation != incarnation:
            # What the old process still has under way is no part of the new session.
            state.channel.close("its process restarted")
            state.apply(state.calls.restart)
            state.status = Status()
            state.channel.lose_artifacts()
        state.incarnation = incarnation
        state.history = route.PeerHistory()
        state.round_trip = None
        state.calls.belongs(path.holder, path.trust)
        state.agree(path.capabilities)
        state.channel.attach(path, acked)
        path.on_datagram(lambda data: self.on_datagram(state, data))
        self.on_open(state)
        for waiter in state.opened:
            if not waiter.done():
                waiter.set_result(None)
        state.opened.clear()
        self._peers.sweep_soon()

    def read(self, peer: AgentId, path: Path) -> None:
        """A path is open beside the one in use."""
        state = self._peers.get(peer)
        if state is not None:
            state.channel.read(path)

    def detach(self, peer: AgentId, path: Path) -> None:
        """That path is dead; open calls ask for another."""
        state = self._peers.get(peer)
        if state is None or not state.channel.detach(path) or self.stopped:
            return
        now = self._world.monotonic()
        for pending in state.calls.pending.values():
            if not pending.sent:
                left = max(pending.deadline - now, 0.0)
                patience = route.patience(left, pending.outgoing.reach)
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
        state.history.failed_at = self._world.monotonic()
        state.apply(state.calls.peer_lost)
        state.channel.lose_artifacts()
        for pending in list(state.calls.pending.values()):
            self._router.late(pending)
        if state.holder:
            self._peers.forget(peer)  # it came by itself, and whoever it was need not come back

    def present(self, peer: AgentId) -> None:
        """It is logged in: the next call waits for a link instead of taking the queue."""
        state = self._peers.get(peer)
        if state is not None and state.channel.path is None:
            state.history = route.PeerHistory()

    def refused(self, peer: AgentId, error: MeshError) -> None:
        """No link can be; calls that wait for one end, or take the queue."""
        state = self._peers.open(peer)
        # Remembered for as long as the peer is: a copy, since what was raised holds each frame that
        # it passed, and with those the path and its engine's connection.
        state.history.refusal = route.copy(error)
        state.history.failed_at = self._world.monotonic()
        state.history.trouble = self._links.trouble(peer)
        for pending in list(state.calls.pending.values()):
            excluded = isinstance(error, Revoked | MembershipExpired) and state.channel.path is None
            if excluded or (isinstance(error, Denied) and not pending.sent):
                copy = route.copy(error)
                copy.outcome = "unknown" if pending.sent else "definite"
                state.end(pending, copy)
            else:
                self._router.late(pending)
        state.refuse_waiters(error)
        state.opened.clear()

    def forget(self, peer: AgentId) -> bool:
        """Keep nothing of it, unless something of it is in use."""
        return self._peers.forget(peer)

    def idle(self, peer: AgentId) -> bool:
        """Whether the link may close."""
        state = self._peers.get(peer)
        if state is None:
            return True
        transfers = state.channel.transfers
        return state.calls.idle and (transfers is None or transfers.idle)

    def probe(self, peer: AgentId) -> None:
        """Send a ping."""
        state = self._peers.get(peer)
        if state is not None:
            rid = f"{self._peers.request_id()} {peer}"
            state.probed = (rid, self._world.monotonic())
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

    def resends(self, peer: AgentId) -> int:
        """Frames of the present session that went again."""
        state = self._peers.get(peer)
        return state.calls.session.resent if state is not None else 0

    def status(self, peer: AgentId) -> str:
        """What that peer says of itself."""
        state = self._peers.get(peer)
        return state.status.status if state is not None else ""

    def ponged(self, rid: str) -> None:
        """A pong of a probe came."""
        state = self._peers.get(rid.partition(" ")[2])
        if state is not None and state.probed[0] == rid:
            state.round_trip = 1000 * (self._world.monotonic() - state.probed[1])
