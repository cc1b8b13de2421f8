"""Which links are open, for the registry and for whoever asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from chatixia.wire.signaling import LinkReport, Links

from .peers import LinkedPeer, LinkedPeers

CHANGE_SECONDS: Final = 0.05
MAX_REPORTED: Final = 256


class LinkReports:
    """Reports of the open links. ``send``: carries them to the registry; ``engine``: its name."""

    def __init__(self, peers: LinkedPeers, engine: str, send: Callable[[Links], object]) -> None:
        self._peers, self._engine, self._send = peers, engine, send
        self.beside: Callable[[], list[LinkReport]] = list
        """Links that are not of this layer."""
        self._timer: asyncio.TimerHandle | None = None
        self._running = False

    def start(self) -> None:
        """Changes are reported from now on."""
        self._running = True

    def stop(self) -> None:
        """And no more."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()

    def changed(self) -> None:
        """A link opened or closed: tell the registry soon, once for several."""
        if self._timer is None and self._running:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(CHANGE_SECONDS, self.publish)

    def publish(self) -> None:
        """Tell the registry now."""
        self._timer = None
        self._send(Links(self.all()[:MAX_REPORTED]))

    def all(self) -> list[LinkReport]:
        """Every open link."""
        return [*map(self.report_of, self._peers.open()), *self.beside()]

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
            rtt_ms=self._round_trip(peer),
            bytes_sent=stats.bytes_sent if stats else 0,
            bytes_received=stats.bytes_received if stats else 0,
            engine=self._engine,
            opened_ms=peer.path.link_ms,
            calls=self._peers.listener.calls(peer.id),
            attempts=peer.attempt_count,
            relay=stats.relay if stats else "",
            resends=self._peers.listener.resends(peer.id),
            status=self._peers.listener.status(peer.id),
        )

    def _round_trip(self, peer: LinkedPeer) -> float | None:
        """As the engine has it, or, where it measures none, as our ping had it."""
        rtt = peer.stats.rtt_ms if peer.stats else None
        return self._peers.listener.round_trip(peer.id) if rtt is None else rtt
