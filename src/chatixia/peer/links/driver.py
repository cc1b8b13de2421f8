"""The link driver: the parts of the link layer, put together for the mesh and the login."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from chatixia.core.paths import DIRECT, RELAY, Sink
from chatixia.core.ports import LocalIdentity
from chatixia.errors import Overloaded
from chatixia.ids import AgentId
from chatixia.peer.engines.base import Engine, EngineRefused, IceServer
from chatixia.peer.ports import LinkListener
from chatixia.peer.records import RemotePeers
from chatixia.wire.signaling import LinkReport
from chatixia.wire.trust import Signed
from chatixia.world import REAL, World

from .attempt import UNANSWERED
from .effects import LinkEffects, Signals
from .membership import MembershipCheck
from .monitor import LinkMonitor
from .peers import LinkedPeers, Records
from .relay_attempt import RelayAttempt
from .relay_streams import RelayMultiplexer
from .reports import LinkReports
from .signaling import LinkSignaling

DRAIN_SECONDS: Final = 1.0


class LinkDriver:
    """All links of one principal, a :class:`~chatixia.peer.ports.LinkLayer`.

    ``keep``: warm links that may idle (None: all). ``ttl``: seconds that links live without the
    registry's confirmation. ``records``: the table of peers, shared with the mesh.
    ``streams``: those of the relay, None for a driver that uses none.
    """

    def __init__(
        self,
        me: LocalIdentity,
        engine: Engine,
        signals: Signals,
        *,
        world: World = REAL,
        keep: int | None = 32,
        ttl: float = 7 * 86_400.0,
        records: Records | None = None,
        streams: RelayMultiplexer | None = None,
    ) -> None:
        self.engine, self.world = engine, world
        self.records: Records = RemotePeers() if records is None else records
        self.peers = LinkedPeers(me.id, world, self.records)
        self.reports = LinkReports(self.peers, engine.name, signals.send)
        self.effects = LinkEffects(me, engine, signals, world, self.peers, self.reports)
        self._streams = streams
        if streams is not None:
            self.peers.kinds = (DIRECT, RELAY)
            self.effects.attempt_types[RELAY.name] = partial(RelayAttempt, streams=streams)
        self.membership = MembershipCheck(me, world, self.peers, self.effects, ttl)
        self.monitor = LinkMonitor(
            world, self.peers, self.effects, self.reports, self.membership, keep
        )
        self.signaling = LinkSignaling(self.peers, self.effects, self.monitor)
        self.signal = self.signaling.receive
        self.recheck = self.membership.recheck
        self.revocations = self.effects.revocations

    @property
    def listener(self) -> LinkListener:
        """The mesh, which is told of paths and verdicts."""
        return self.peers.listener

    @listener.setter
    def listener(self, listener: LinkListener) -> None:
        self.peers.listener = listener

    # -- for the mesh

    async def start(self) -> None:
        """Begin to watch what is open, and wake the engine: its first connection is slow."""
        self.reports.start()
        self.monitor.start()
        self.effects.spawn(self._warm())

    async def _warm(self) -> None:
        with contextlib.suppress(EngineRefused):
            await (await self.engine.connection()).close(0)

    async def stop(self) -> None:
        """Leave the list, close every link with a drain, end every task."""
        self.effects.stopping = True
        if self._streams is not None:  # its socket ends with the login
            await self._streams.drain(DRAIN_SECONDS)
        self.effects.signals.leave()
        self.reports.stop()
        await self.monitor.stop()
        attempts = [attempt for peer in self.peers for attempt in peer.attempts.values()]
        for attempt in attempts:
            attempt.over = True
        await asyncio.gather(*(attempt.close() for attempt in attempts), return_exceptions=True)
        await self.engine.close()
        await self.effects.end_tasks()
        self.peers.clear()

    def want(self, peer: AgentId) -> None:
        """Start to open a link unless there is one or an attempt runs.

        With the next turn of the loop: a refusal must not reach the mesh before it waits for one.
        """
        asyncio.get_running_loop().call_soon(self._want, peer)

    def _want(self, name: AgentId) -> None:
        if self.effects.stopping:
            return
        sink: Sink = []
        try:
            peer = self.peers.require(name)
        except Overloaded as error:
            self.listener.refused(name, error)
            return
        now = self.world.monotonic()
        if self.effects.signals.up:
            peer.link.want(now, sink)
            self.effects.perform(peer, sink)
        else:
            peer.link.want_when_present(now)

    def trouble(self, peer: AgentId) -> str:
        """What the try to open a link waits for, or waited for when it failed."""
        linked = self.peers.get(peer)
        if linked is None:
            return ""
        for attempt in linked.attempts.values():
            if not (attempt.open or attempt.over):
                linked.trouble = attempt.trouble or linked.trouble
        return linked.trouble or UNANSWERED

    def likely(self, peer: AgentId) -> str:
        """The likely cause of no link, as the end of a sentence."""
        linked = self.peers.get(peer)
        if linked is None:
            return ""
        for attempt in linked.attempts.values():
            if not (attempt.open or attempt.over):
                linked.likely = attempt.likely or linked.likely
        return linked.likely

    def report(self) -> Sequence[LinkReport]:
        """The open links as their engines saw them last."""
        return self.reports.all()

    def cut(self, peer: str) -> None:
        """For tests: the connection dies under the living session, as if its path had."""
        attempt = self.peers[peer].open
        assert attempt and attempt.channel
        if attempt.connection is not None:
            self.effects.spawn(attempt.connection.close(0))
        else:
            attempt.channel.close()

    # -- for signaling

    def registry(self, up: bool) -> None:
        """The login stands, or is lost."""
        self.membership.confirm()
        if up:
            self.monitor.tick(self.world.monotonic())

    def revoked(self, statement: Signed) -> None:
        """A revocation is new here: it goes on, and links to whoever is out end."""
        self.revocations.tell(statement)
        self.membership.recheck()

    def use(self, servers: Iterable[IceServer]) -> None:
        """STUN and TURN servers for new connections."""
        self.effects.servers = tuple(servers)
