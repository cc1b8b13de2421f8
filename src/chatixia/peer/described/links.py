"""The links with described peers: at most one open for each, kept while the peer is there.

Who comes to the registry offers and who is there waits, as that contract has it. Where both offer
at once ours goes on and theirs waits, since a described peer may take the connection that it made
last. The higher id gives way after a moment without an answer: so two of ours agree.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from chatixia.background import BackgroundTasks
from chatixia.core.described import tier_of
from chatixia.core.offers import OfferGuard
from chatixia.core.rates import TokenBucket
from chatixia.errors import MeshError, Overloaded, Unreachable
from chatixia.peer.engines.base import Engine, EngineRefused, IceServer
from chatixia.wire.signaling import MAX_CANDIDATES, DescribedSignal, LinkReport
from chatixia.world import World

from .connection import DescribedConnection

log = logging.getLogger("chatixia.peer")

OPEN_SECONDS: Final = 10.0
"""How long a connection may take to open."""
GIVE_WAY_SECONDS: Final = 1.0
"""How long the higher id holds on to an offer that crossed another."""
THEIR_TURN_SECONDS: Final = 3.0
"""How long the offer of a peer that just came is waited for."""
AGAIN_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds from one failed offer of ours to the next."""
MOST_PEERS: Final = 256
"""Described peers of which something is held."""
FAULTS: Final = 64
"""Messages over one link that mean nothing, at once; one more each second, and those beyond close
it."""
STATS_SECONDS: Final = 5.0


class DescribedPeer:
    """What is held of one. ``here``: the registry says that it is connected; ``early``: candidates
    that came before their offer; ``waiting``: an offer that waits for the end of ours."""

    def __init__(self, name: str, now: float) -> None:
        self.name, self.guard = name, OfferGuard(name, now)
        self.here = False
        self.open: DescribedConnection | None = None
        self.attempts: list[DescribedConnection] = []
        self.early: list[DescribedSignal] = []
        self.waiting: DescribedSignal | None = None
        self.waiters: list[asyncio.Future[None]] = []
        self.timer: asyncio.TimerHandle | None = None
        self.fails = self.connections = 0
        self.faults = TokenBucket(FAULTS, 1.0, now)

    @property
    def own_offer(self) -> DescribedConnection | None:
        """Our own offer that is under way."""
        return next((one for one in self.attempts if one.offers), None)

    def wake(self, error: MeshError | None = None) -> None:
        """Whoever waits for a link has one, or hears why there is none."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(error) if error else waiter.set_result(None)
        self.waiters.clear()


class DescribedLinks:
    """All of them. ``me``: my id, by which crossing offers are told apart. ``admits``: raises
    Denied for a name that no unsigned link may have. Told, on the loop: ``on_open`` and
    ``on_close`` of a name, ``on_text`` of what a peer sends. ``on_change``: links came or went."""

    def __init__(
        self,
        me: str,
        engine: Engine,
        tell: Callable[[DescribedSignal], bool],
        admits: Callable[[str], None],
        world: World,
    ) -> None:
        self.engine, self.tell, self.world = engine, tell, world
        self.servers: Sequence[IceServer] = ()
        self.relay_only = self._stopped = False
        self.on_open: Callable[[str], None] = _ignore
        self.on_close: Callable[[str], None] = _ignore
        self.on_text: Callable[[str, str], None] = _ignore
        self.on_change: Callable[[], None] = _ignore
        self.me, self._admits = me, admits
        self._peers: dict[str, DescribedPeer] = {}
        self._work = BackgroundTasks()

    # -- who is there

    def present(self, names: Sequence[str], fresh: str = "") -> None:
        """Exactly these are connected now; ``fresh`` came just now, so it will offer."""
        for peer in list(self._peers.values()):
            peer.here = peer.here and peer.name in names
            if not peer.here:
                self._absent(peer)
        for name in names[:MOST_PEERS]:
            self._arrived(name, name == fresh)

    def _arrived(self, name: str, fresh: bool) -> None:
        try:
            self._admits(name)
            peer = self._require(name)
        except MeshError as error:
            log.warning("no link with %s: %s", name, error)
            return
        if fresh or not peer.here:
            peer.here, peer.fails = True, 0
            self._offer_in(peer, THEIR_TURN_SECONDS if fresh else 0.0)

    def seek(self, name: str) -> None:
        """Offer to one that nobody listed. Raises Denied, Overloaded."""
        self._admits(name)
        peer = self._require(name)
        if peer.open is None and not peer.attempts:
            peer.here, peer.fails = True, 0
            self._offer_in(peer, 0.0)

    def unreachable(self, name: str, error: MeshError) -> None:
        """The registry reaches nobody of that name: an offer to it will not be answered."""
        peer = self._peers.get(name)
        if peer is None:
            return
        peer.here = False
        if (own_offer := peer.own_offer) is not None:
            own_offer.end(error)
        else:
            self._absent(peer)

    def _absent(self, peer: DescribedPeer) -> None:
        """An open link outlives its registry; what was not open will not be."""
        if peer.timer is not None:
            peer.timer.cancel()
            peer.timer = None
        peer.wake(Unreachable(f"{peer.name} is not connected.", agent=peer.name))
        if peer.open is None and not peer.attempts:
            self._peers.pop(peer.name, None)

    def _require(self, name: str) -> DescribedPeer:
        peer = self._peers.get(name)
        if peer is None:
            if len(self._peers) >= MOST_PEERS:
                raise Overloaded("Too many described peers at once.")
            peer = self._peers[name] = DescribedPeer(name, self.world.monotonic())
        return peer

    # -- signaling

    def signal(self, signal: DescribedSignal) -> None:
        """What the registry carries from one. Never raises."""
        if self._stopped:
            return
        try:
            self._admits(signal.peer_id)
            self._read(self._require(signal.peer_id), signal)
        except MeshError as error:
            log.warning("%s: no link: %s", signal.peer_id[:64], error)

    def _read(self, peer: DescribedPeer, signal: DescribedSignal) -> None:
        if signal.kind == "offer":
            peer.guard.offer(self.world.monotonic())
            if (own_offer := peer.own_offer) is not None:
                peer.waiting = signal
                if peer.name < self.me:
                    loop = asyncio.get_running_loop()
                    loop.call_later(GIVE_WAY_SECONDS, self._give_way, own_offer)
            else:
                self._answer(peer, signal)
        elif signal.kind == "answer":
            if (own_offer := peer.own_offer) is not None:
                self._run(own_offer, own_offer.answered(signal.sdp))
        elif peer.attempts:
            one = peer.attempts[-1]
            self._run(one, one.candidate(signal))
        elif len(peer.early) < MAX_CANDIDATES:
            peer.early.append(signal)

    def _give_way(self, own_offer: DescribedConnection) -> None:
        if not own_offer.answered_at:
            own_offer.end(Unreachable(f"{own_offer.peer} answers no offer that crosses its own."))

    def _answer(self, peer: DescribedPeer, signal: DescribedSignal) -> None:
        """Its newest offer is the one that it still knows; an open link goes on meanwhile."""
        for old in list(peer.attempts):
            self._drop(peer, old)
        early, peer.early = peer.early, []
        self._begin(peer, False, lambda one: self._answering(one, signal, early))

    async def _answering(
        self, one: DescribedConnection, signal: DescribedSignal, early: list[DescribedSignal]
    ) -> None:
        await one.answer(signal.sdp)
        for candidate in early:
            await one.candidate(candidate)

    def _offer_in(self, peer: DescribedPeer, seconds: float) -> None:
        if peer.timer is not None:
            peer.timer.cancel()
        loop = asyncio.get_running_loop()
        peer.timer = loop.call_later(seconds, self._offer, peer)

    def _offer(self, peer: DescribedPeer) -> None:
        peer.timer = None
        if self._stopped or not peer.here or peer.open is not None or peer.attempts:
            return
        self._begin(peer, True, lambda one: one.offer())

    def _begin(
        self,
        peer: DescribedPeer,
        offers: bool,
        work: Callable[[DescribedConnection], Coroutine[Any, Any, None]],
    ) -> None:
        one = DescribedConnection(self, peer.name, offers)
        peer.attempts.append(one)
        peer.connections += 1
        self._run(one, work(one))
        error = Unreachable(f"No link to {peer.name} opened in time.", agent=peer.name)
        asyncio.get_running_loop().call_later(OPEN_SECONDS, self._late, one, error)

    def _late(self, one: DescribedConnection, error: MeshError) -> None:
        if not one.open:
            one.end(error)

    def _run(self, one: DescribedConnection, work: Coroutine[Any, Any, None]) -> None:
        self._work.spawn(self._guarded(one, work))

    async def _guarded(self, one: DescribedConnection, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except MeshError as error:
            one.end(error)
        except EngineRefused as error:
            one.end(Unreachable(f"The link with {one.peer} failed: {error}.", agent=one.peer))

    # -- what connections tell (DescribedHost)

    def opened(self, connection: DescribedConnection) -> None:
        """The newest open one is the link; the others are let go."""
        peer = self._peers.get(connection.peer)
        if peer is None:
            return
        peer.guard.opened()
        peer.attempts.remove(connection)
        replaced, peer.open, peer.fails = peer.open, connection, 0
        peer.waiting = None
        for old in [*peer.attempts, *([replaced] if replaced else [])]:
            self._drop(peer, old)
        if replaced is None:
            peer.faults = TokenBucket(FAULTS, 1.0, self.world.monotonic())
            self.on_open(peer.name)
        self._work.spawn(self._watch(connection))
        peer.wake()
        self.on_change()

    async def _watch(self, connection: DescribedConnection) -> None:
        """Read the engine's figures while it lives."""
        while not connection.over:
            await connection.read_stats()
            self.on_change() if connection.stats else None
            await asyncio.sleep(STATS_SECONDS if connection.stats else 0.05)

    def received(self, connection: DescribedConnection, text: str) -> None:
        """A text frame."""
        self.on_text(connection.peer, text)

    def ended(self, connection: DescribedConnection, error: MeshError) -> None:
        """One is over: theirs is answered, or ours is tried again."""
        if self._stopped:
            return
        self._work.spawn(connection.close())
        peer = self._peers.get(connection.peer)
        if peer is None:
            return
        was_open = peer.open is connection
        if was_open:
            peer.open = None
            self.on_close(peer.name)
            self.on_change()
        elif connection in peer.attempts:
            peer.attempts.remove(connection)
            log.info("%s: no link: %s", peer.name, error)
        if peer.open is not None:
            return
        waiting, peer.waiting = peer.waiting, None
        if waiting is not None:
            self._answer(peer, waiting)
        elif peer.here and not peer.attempts:
            self._offer_in(peer, AGAIN_SECONDS[min(peer.fails, len(AGAIN_SECONDS) - 1)])
            peer.fails += 1
            if not was_open:
                peer.wake(error)
        elif not peer.here and not peer.attempts:
            self._absent(peer)

    def _drop(self, peer: DescribedPeer, one: DescribedConnection) -> None:
        """Let go of one that another took the place of."""
        if one in peer.attempts:
            peer.attempts.remove(one)
        one.over = True
        self._work.spawn(one.close())

    # -- for calls

    def is_here(self, name: str) -> bool:
        """Whether it is connected, or a link with it is open."""
        peer = self._peers.get(name)
        return peer is not None and (peer.here or peer.open is not None)

    async def reach(self, name: str, seconds: float) -> bool:
        """Whether a link is open, or opens within ``seconds``."""
        peer = self._peers.get(name)
        if peer is None or peer.open is not None or not peer.here:
            return peer is not None and peer.open is not None
        waiter = asyncio.get_running_loop().create_future()
        peer.waiters.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except (TimeoutError, MeshError):
            return False
        return peer.open is not None

    def send(self, name: str, text: str) -> None:
        """Send to one whose link is open. Raises Unreachable."""
        peer = self._peers.get(name)
        if peer is None or peer.open is None:
            raise Unreachable(f"There is no link to {name}.", agent=name)
        peer.open.send(text)

    def fault(self, name: str) -> None:
        """A message of one means nothing; too many such close its link."""
        peer = self._peers.get(name)
        if peer is not None and not peer.faults.take(self.world.monotonic()):
            self.cut(name, Overloaded(f"{name} sends what means nothing."))

    def cut(self, name: str, error: MeshError) -> None:
        """Close the link with one."""
        peer = self._peers.get(name)
        if peer is not None and peer.open is not None:
            peer.open.end(error)

    def tier(self, name: str) -> str:
        """The tier of its link."""
        peer = self._peers.get(name)
        stats = peer.open.stats if peer is not None and peer.open is not None else None
        return tier_of(stats.tier if stats is not None else "direct")

    def open_names(self) -> list[str]:
        """Whose links are open."""
        return [peer.name for peer in self._peers.values() if peer.open is not None]

    def reports(self) -> list[LinkReport]:
        """The open links."""
        return [
            self._report(peer, peer.open) for peer in self._peers.values() if peer.open is not None
        ]

    def _report(self, peer: DescribedPeer, one: DescribedConnection) -> LinkReport:
        stats = one.stats
        report = LinkReport(peer.name, self.tier(peer.name), engine=self.engine.name)
        report.opened_ms = 1000 * (one.opened_at - one.began)
        report.attempts = peer.connections
        if stats is not None:
            report.local, report.remote = stats.local, stats.remote
            report.remote_addr, report.rtt_ms = stats.remote_addr, stats.rtt_ms
            report.bytes_sent, report.bytes_received = stats.bytes_sent, stats.bytes_received
            report.relay = stats.relay
        return report

    async def stop(self) -> None:
        """Close every link, and end every task."""
        self._stopped = True
        every = []
        for peer in list(self._peers.values()):
            if peer.timer is not None:
                peer.timer.cancel()
            peer.wake(Unreachable("This process is stopping."))
            every += [*peer.attempts, *([peer.open] if peer.open else [])]
        await asyncio.gather(*(one.close() for one in every), return_exceptions=True)
        await self._work.stop()
        self._peers.clear()


def _ignore(*_: Any) -> None:
    pass
