"""Watches open links: pings, the engine's witness, verdicts, idle close, peers to forget.

One loop for all links, twice a second; a verdict that my own lateness would spoil starts over
(links.md section 3).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final
from weakref import WeakKeyDictionary

from chatixia.core.paths import is_steady
from chatixia.core.verdict import LATE_SECONDS
from chatixia.peer.engines.base import EngineRefused
from chatixia.wire.peer import Bye
from chatixia.world import World

from .effects import TICK_SECONDS, LinkEffects
from .host_watch import HostWatch
from .membership import MembershipCheck
from .opener import LinkOpener
from .peers import LinkedPeer, LinkedPeers
from .reports import LinkReports

log = logging.getLogger("chatixia.peer")

REPORT_SECONDS: Final = 5.0
RENEW_SECONDS: Final = 0.02
"""For each link, the time over which new paths begin after a change of address."""
STATS_SECONDS: Final = 60.0
"""How old an engine's figures of a link may be that nobody used since: they are dear to read."""
READINGS_AT_ONCE: Final = 4
"""Questions to the engine that one process has under way: it answers them one by one, and what
opens a link would wait behind those of all links."""
RECHECK_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 2.0
"""A link that nothing used for this long may be closed to keep the number of warm ones."""
BYE_SECONDS: Final = 5.0
FORGET_SECONDS: Final = 120.0
"""A peer without link or process is remembered this long: its offers are counted meanwhile."""
FORGET_CLIENT_SECONDS: Final = 5.0
"""A client's id is drawn for one process and does not come back."""


class LinkMonitor:
    """Looks at time for all links. ``keep``: warm links that may idle (None: all)."""

    def __init__(
        self,
        world: World,
        peers: LinkedPeers,
        effects: LinkEffects,
        reports: LinkReports,
        membership: MembershipCheck,
        keep: int | None,
    ) -> None:
        self.keep = keep
        self._world, self._peers, self._effects = world, peers, effects
        self._reports, self._membership = reports, membership
        self.last_tick = self._reported_at = self._rechecked_at = world.monotonic()
        self.host = HostWatch(world)
        self._loop: asyncio.Task[None] | None = None
        self.opener = LinkOpener(world, peers, effects) if keep is None else None

    def start(self) -> None:
        """Start the loop."""
        self.last_tick = self._world.monotonic()
        if self.opener is not None:
            self.opener.start()
        self._loop = asyncio.ensure_future(self._watch())

    async def stop(self) -> None:
        """End the loop."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        if self.opener is not None:
            self.opener.stop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.tick(self._world.monotonic())

    def tick(self, now: float) -> None:
        """Everything that is due at ``now``."""
        late = now - self.last_tick > TICK_SECONDS + LATE_SECONDS
        self.last_tick = now
        if self.host.slept(now):
            self._doubt_all("this host slept")
        if self.host.moved(now):
            self._doubt_all("this host has other addresses")
            self._renew_all(now)
        for peer in self._peers:
            if peer.open is not None:
                self._judge(peer, now, late)
            if peer.open is not None and is_steady(peer.link.slots):
                continue  # most of them, twice a second
            if not peer.quiet:
                self._effects.step(peer, now)
            elif peer.link.forgettable(now) > (
                FORGET_CLIENT_SECONDS if "~" in peer.id else FORGET_SECONDS
            ):
                self._peers.forget(peer)
        if now - self._rechecked_at >= RECHECK_SECONDS:
            self._rechecked_at = now
            self._membership.recheck()
        if self.opener is not None:
            self.opener.look()
        self._close_idle(now)
        self._report(now)

    # -- this host

    def _doubt_all(self, reason: str) -> None:
        """What was open may be dead: ask each, and the registry."""
        log.info("%s: links and login are asked whether they live", reason)
        self._effects.signals.doubt()
        for peer in self._peers.open():
            self.doubt(peer)

    def _renew_all(self, now: float) -> None:
        """A new path to each, spread so that they do not begin at once."""
        peers = list(self._peers)
        spread = len(peers) * RENEW_SECONDS
        for peer in peers:
            self._effects.renew(peer, now + self._world.jitter() * spread)

    # -- verdicts

    def doubt(self, peer: LinkedPeer) -> None:
        """The registry saw its socket close: ask the peer itself, and the engine, at once."""
        if peer.open is not None and peer.witnesses is not None:
            peer.witnesses.wants_probe(self._world.monotonic(), at_once=True)
            self._peers.listener.probe(peer.id)
            self.ask_engine(peer)

    def _judge(self, peer: LinkedPeer, now: float, late: bool) -> None:
        witnesses, listener = peer.witnesses, self._peers.listener
        assert witnesses is not None and peer.open is not None
        if late:
            witnesses.start_over(now)
        assert peer.path is not None
        witnesses.hear(peer.path.frame_at)
        if witnesses.wants_probe(now, idle=witnesses.is_quiet(now) and listener.idle(peer.id)):
            listener.probe(peer.id)
        word = peer.link.word(self._effects.signals.up)
        if witnesses.uneasy(now) or (witnesses.probed_at and word == "closed"):
            self.ask_engine(peer)
        verdict = witnesses.judge(now, word)
        if verdict == "path_down":
            self._effects.path_died(peer, peer.open)
        elif verdict == "gone":
            self._effects.depart(peer)

    def ask_engine(self, peer: LinkedPeer) -> None:
        """Read the engine's statistics of the path in use, once at a time."""
        if not peer.reading_stats and peer.witnesses is not None:
            peer.reading_stats = True
            peer.witnesses.reading(self._world.monotonic())
            self._effects.spawn(self._read_stats(peer))

    async def _read_stats(self, peer: LinkedPeer) -> None:
        attempt, witnesses = peer.open, peer.witnesses
        try:
            if attempt is None or witnesses is None:
                return
            async with _turn():
                stats = await attempt.read_stats()
            witnesses.reading(0.0)
            if stats is not None and peer.open is attempt:
                peer.stats = stats
                witnesses.witness(stats.last_answer, self._world.monotonic())
                if peer.path is not None:
                    peer.path.tier, peer.path.where = stats.tier, stats.remote_addr
        finally:
            peer.reading_stats = False

    # -- idle close

    def _close_idle(self, now: float) -> None:
        """Close idle links above the number to keep; never while signaling is down."""
        if self.keep is None:
            return
        warm = self._peers.open()
        for peer in warm:
            if not self._peers.listener.idle(peer.id):
                peer.used_at, peer.bye_at = now, 0.0
        if not self._effects.signals.up:
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
            peer.path.say(Bye(bye=self._peers.listener.received(peer.id, peer.link.session)))

    # -- reports

    def _report(self, now: float) -> None:
        if now - self._reported_at < REPORT_SECONDS:
            return
        self._reported_at = now
        live = self._peers.open()
        for peer in live:
            self._refresh_stats(peer, now)
        if live:
            self._reports.publish()

    def _refresh_stats(self, peer: LinkedPeer, now: float) -> None:
        """Read the figures of a link that was used since they were read, or that are old."""
        listener = self._peers.listener
        calls = listener.calls(peer.id)
        if (
            calls != peer.stats_calls
            or not listener.idle(peer.id)
            or now - peer.stats_at >= STATS_SECONDS
        ):
            peer.stats_calls, peer.stats_at = calls, now
            self.ask_engine(peer)


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _turn() -> asyncio.Semaphore:
    """Enter it to ask the engine."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(READINGS_AT_ONCE))
