"""Link or queue: what happens to calls that no path takes, by what links and directory say."""

from __future__ import annotations

import asyncio
from typing import Final

from chatixia.core import route
from chatixia.core.exchange import PendingCall
from chatixia.core.ports import Outgoing
from chatixia.errors import MeshError, NotFound, UnknownAgent
from chatixia.ids import AgentId
from chatixia.peer.ports import LinkLayer, RegistryPort
from chatixia.wire.registry import AgentRecord, AgentRef
from chatixia.world import World

from .peers import PeerState, PeerTable, fail

DIRECTORY_SECONDS: Final = 5.0


class CallRouter:
    """Decides by ``core.route`` for the calls of a table. ``registry`` None: links only."""

    def __init__(
        self, peers: PeerTable, links: LinkLayer, registry: RegistryPort | None, world: World
    ) -> None:
        self._peers, self._links, self._registry, self._world = peers, links, registry, world

    @property
    def registry_up(self) -> bool:
        """Whether a login stands."""
        return self._registry is not None and self._registry.up

    def registry_state(self, up: bool) -> None:
        """A login stands, or is lost: calls that waited long enough for a path may queue now."""
        if not up:
            return
        now = self._world.monotonic()
        for peer in self._peers:
            for pending in list(peer.calls.pending.values()):
                patience = route.patience(pending.outgoing.timeout, pending.outgoing.reach)
                waited = now - pending.started >= patience
                if peer.channel.path is None and waited:
                    self.late(pending)

    def look(self, peer: PeerState) -> None:
        """Ask the directory who that is, once at a time: an unknown name need not wait."""
        if not self.registry_up or peer.looking is not None or "~" in peer.calls.peer:
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
        for pending in list(peer.calls.pending.values()):
            if pending.sent:
                continue
            if route.queues(pending.outgoing, self.registry_up):
                self.late(pending)  # a member that is away may not be listed; the queue knows it
            else:
                peer.end(pending, UnknownAgent(text, agent=agent))
        for waiter in peer.opened:
            fail(waiter, UnknownAgent(text, agent=agent))

    def _listed(self, peer: PeerState, record: AgentRecord) -> None:
        history = peer.history
        history.keyless = record.keyless
        history.listed = record.health != "offline" and not history.keyless
        if not history.listed and peer.channel.path is None:
            history.failed_at = self._world.monotonic()
            for pending in list(peer.calls.pending.values()):
                self.late(pending)
            if history.keyless:
                for waiter in peer.opened:
                    fail(waiter, route.keyless(Outgoing(peer.calls.peer)))

    def late(self, pending: PendingCall) -> None:
        """No path in time for a call: remember it, and see whether the queue takes the call."""
        peer = self._peers[pending.owner.peer]
        if peer.channel.path is not None:
            return
        peer.history.failed_at, peer.history.trouble = (
            self._world.monotonic(),
            self._links.trouble(peer.calls.peer),
        )
        try:
            way = route.late(pending.outgoing, pending.sent, self.registry_up, peer.history)
        except MeshError as error:
            peer.end(pending, error)
            return
        if way == "queue":
            peer.apply(lambda sink: peer.calls.move(pending, sink))

    def unopened(self, error: MeshError, peer: AgentId) -> MeshError:
        """``error`` of a call that no link to ``peer`` took in time, with the likely cause."""
        return route.because(error, self._links.likely(peer))
