"""Watches open links: pings, the engine's witness, verdicts, reports, idle close.

One loop for all links, twice a second; a verdict that my own lateness would spoil starts over
(links.md section 3).
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any, Final

from chatixia.core.link import Link
from chatixia.core.verdict import LATE, PathWitnesses
from chatixia.ids import AgentId
from chatixia.peer.engines.base import Engine, EngineRefused, PathStats
from chatixia.peer.ports import LinkListener
from chatixia.wire.peer import Bye
from chatixia.wire.signaling import LinkReport
from chatixia.world import World

from .attempt import LinkAttempt
from .path import LinkPath

TICK: Final = 0.5
REPORT_SECONDS: Final = 5.0
RECHECK_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 2.0
"""A link that nothing used for this long may be closed to keep the number of warm ones."""
BYE_SECONDS: Final = 5.0
MOST_REPORTED: Final = 256
FORGET_SECONDS: Final = 120.0
"""A peer without link or process is remembered this long: its offers are counted meanwhile."""
FORGET_CLIENT_SECONDS: Final = 5.0
"""A client's id is drawn for one process and does not come back."""
CHANGE_SECONDS: Final = 0.05


class LinkedPeer:
    """What the driver holds of one peer. ``open``: the birth whose path is in use."""

    def __init__(self, name: AgentId, link: Link) -> None:
        self.id, self.link = name, link
        self.births: dict[int, LinkAttempt] = {}
        self.paths: dict[int, LinkPath] = {}
        self.open: LinkAttempt | None = None
        self.path: LinkPath | None = None
        self.watch: PathWitnesses | None = None
        self.stats: PathStats | None = None
        self.attempts = 0
        self.trouble = self.likely = ""
        self.used_at = self.bye_at = 0.0
        self.agreed = self.asking = False

    @property
    def quiet(self) -> bool:
        """Whether forgetting this peer loses nothing."""
        return self.link.quiet and not self.births


class LinkMonitor:
    """The half of the driver that looks at time. The other half gives the abstract methods."""

    engine: Engine
    listener: LinkListener

    def __init__(self, world: World, keep: int | None, ttl: float) -> None:
        self.world, self.keep, self.ttl = world, keep, ttl
        self.peers: dict[str, LinkedPeer] = {}
        now = world.monotonic()
        self.confirmed_at = self._last = self._reported_at = self._rechecked_at = now
        self._had_links = False
        self._attempts = 0
        self._watcher: asyncio.Task[None] | None = None
        self._change: asyncio.TimerHandle | None = None

    @property
    @abstractmethod
    def up(self) -> bool:
        """Whether the registry can be asked."""

    @abstractmethod
    def path_died(self, peer: LinkedPeer, birth: LinkAttempt) -> None:
        """The open path is dead."""

    @abstractmethod
    def declare_gone(self, peer: LinkedPeer) -> None:
        """The verdict *gone*."""

    @abstractmethod
    def step(self, peer: LinkedPeer, now: float) -> None:
        """What is due for one peer by time."""

    @abstractmethod
    def recheck(self) -> None:
        """Close links to members that are out."""

    @abstractmethod
    def publish(self, reports: list[LinkReport]) -> None:
        """Tell the registry which links are open."""

    @abstractmethod
    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that ends before the driver does."""

    # -- the loop

    def begin_watching(self) -> None:
        """Start the loop."""
        self._last = self.world.monotonic()
        self._watcher = asyncio.ensure_future(self._watch())

    async def end_watching(self) -> None:
        """End the loop."""
        if self._change is not None:
            self._change.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.tick(self.world.monotonic())

    def tick(self, now: float) -> None:
        """Everything that is due at ``now``."""
        late = now - self._last > TICK + LATE
        self._last = now
        for peer in list(self.peers.values()):
            if peer.open is not None:
                self._judge(peer, now, late)
            if not peer.quiet:
                self.step(peer, now)
            elif peer.link.forgettable(now) > (
                FORGET_CLIENT_SECONDS if "~" in peer.id else FORGET_SECONDS
            ):
                self.forget(peer)
        if now - self._rechecked_at >= RECHECK_SECONDS:
            self._rechecked_at = now
            self.recheck()
        self._tidy(now)
        self._report(now)

    def forget(self, peer: LinkedPeer) -> bool:
        """As if that peer had never been there, unless something of it is in use.

        Attempts never fall: the peer may remember them.
        """
        if not self.listener.forget(peer.id):
            return False
        self._attempts = max(self._attempts, peer.link.attempt)
        del self.peers[peer.id]
        return True

    # -- verdicts

    def opened(self, peer: LinkedPeer, birth: LinkAttempt, path: LinkPath) -> None:
        """A path is open: watch it."""
        now = self.world.monotonic()
        peer.open, peer.path, peer.stats = birth, path, birth.stats
        peer.paths[birth.key] = path
        peer.watch = PathWitnesses(now)
        peer.used_at, peer.bye_at, peer.agreed = now, 0.0, False
        if birth.stats is not None:
            peer.watch.witness(birth.stats.last_heard, now)

    def _timed(self, peer: LinkedPeer) -> float | None:
        """The round trip as the engine has it, or, where it measures none, as our ping had it."""
        rtt = peer.stats.rtt_ms if peer.stats else None
        return self.listener.round_trip(peer.id) if rtt is None else rtt

    def doubt(self, peer: LinkedPeer) -> None:
        """The registry saw its socket close: ask the peer itself, and the engine, at once."""
        if peer.open is not None and peer.watch is not None:
            peer.watch.wants_probe(self.world.monotonic(), at_once=True)
            self.listener.probe(peer.id)
            self._ask_engine(peer)

    def _judge(self, peer: LinkedPeer, now: float, late: bool) -> None:
        watch = peer.watch
        assert watch is not None and peer.open is not None
        if late:
            watch.start_over(now)
        watch.hear(self.listener.last_frame_at(peer.id))
        if watch.wants_probe(now):
            self.listener.probe(peer.id)
        word = peer.link.word(self.up)
        if watch.uneasy(now) or (watch.asked and word == "closed"):
            self._ask_engine(peer)
        verdict = watch.judge(now, word)
        if verdict == "path_down":
            self.path_died(peer, peer.open)
        elif verdict == "gone":
            self.declare_gone(peer)

    def _ask_engine(self, peer: LinkedPeer) -> None:
        if not peer.asking:
            peer.asking = True
            self.spawn(self._read_stats(peer))

    async def _read_stats(self, peer: LinkedPeer) -> None:
        birth, watch = peer.open, peer.watch
        try:
            if birth is None or birth.connection is None or watch is None:
                return
            stats = await birth.connection.stats()
            if stats is not None and peer.open is birth:
                peer.stats = stats
                watch.witness(stats.last_heard, self.world.monotonic())
                if peer.path is not None:
                    peer.path.tier, peer.path.where = stats.tier, stats.remote_addr
        finally:
            peer.asking = False

    # -- idle close

    def _tidy(self, now: float) -> None:
        """Close idle links above the number to keep; never while signaling is down."""
        warm = [peer for peer in self.peers.values() if peer.open is not None]
        for peer in warm:
            if not self.listener.idle(peer.id):
                peer.used_at, peer.bye_at = now, 0.0
        if self.keep is None or not self.up:
            return
        warm.sort(key=lambda peer: peer.used_at)
        for peer in warm[: max(0, len(warm) - self.keep)]:
            self._say_bye(peer, now)

    def _say_bye(self, peer: LinkedPeer, now: float) -> None:
        waited = now - (peer.bye_at or -BYE_SECONDS)
        if now - peer.used_at < IDLE_SECONDS or waited < BYE_SECONDS or peer.path is None:
            return
        peer.bye_at = now
        with contextlib.suppress(EngineRefused):
            peer.path.say(Bye(bye=self.listener.received(peer.id, peer.link.session)))

    # -- reports

    def changed(self) -> None:
        """A link opened or closed: tell the registry soon, once for several."""
        if self._change is None and self._watcher is not None:
            loop = asyncio.get_running_loop()
            self._change = loop.call_later(CHANGE_SECONDS, self._publish)

    def _report(self, now: float) -> None:
        if now - self._reported_at < REPORT_SECONDS:
            return
        self._reported_at = now
        live = [peer for peer in self.peers.values() if peer.open is not None]
        for peer in live:
            self._ask_engine(peer)
        if live:
            self._publish()

    def _publish(self) -> None:
        self._change = None
        live = [peer for peer in self.peers.values() if peer.open is not None]
        self.publish([self.report_of(peer) for peer in live[:MOST_REPORTED]])

    def report_of(self, peer: LinkedPeer) -> LinkReport:
        """One open link as its engine saw it last."""
        assert peer.open is not None and peer.path is not None
        stats = peer.stats
        return LinkReport(
            peer=peer.id,
            tier=peer.path.tier,
            link=peer.open.link,
            local=stats.local if stats else "",
            remote=stats.remote if stats else "",
            remote_addr=stats.remote_addr if stats else "",
            rtt_ms=self._timed(peer),
            bytes_sent=stats.bytes_sent if stats else 0,
            bytes_received=stats.bytes_received if stats else 0,
            engine=self.engine.name,
            opened_ms=peer.path.link_ms,
            calls=self.listener.calls(peer.id),
            attempts=peer.attempts,
            relay=stats.relay if stats else "",
        )
