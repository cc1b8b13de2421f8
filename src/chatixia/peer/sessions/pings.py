"""Round trips to a peer, over a link that opens for them if there is none."""

from __future__ import annotations

import asyncio

from chatixia.core.ports import Pong
from chatixia.errors import Unreachable
from chatixia.ids import AgentId
from chatixia.peer.timers import Timers
from chatixia.world import World

from .dispatch import CallDispatcher
from .peers import PeerState, PeerTable, fail
from .router import CallRouter


class PeerPings:
    """Those of one mesh; ``dispatcher`` tells of the pongs."""

    def __init__(
        self,
        peers: PeerTable,
        router: CallRouter,
        dispatcher: CallDispatcher,
        timers: Timers,
        world: World,
    ) -> None:
        self._peers, self._router, self._dispatcher = peers, router, dispatcher
        self._timers, self._world = timers, world

    def __len__(self) -> int:
        """How many are under way over a link."""
        return len(self._dispatcher.pongs)

    async def ping(self, peer: PeerState, target: AgentId, timeout: float) -> Pong:
        """One, within ``timeout`` seconds with the opening. Raises Unreachable."""
        deadline = self._world.monotonic() + timeout
        if peer.channel.path is None:
            await self._open(peer, target, timeout)
        rid, started = self._peers.request_id(), self._world.monotonic()
        waiter = self._dispatcher.pongs[rid] = peer.channel.loop.create_future()
        peer.calls.ping(rid)
        peer.channel.kick()
        try:
            await self._until(waiter, deadline - started, target)
        finally:
            self._dispatcher.pongs.pop(rid, None)
        where = peer.channel.path.where if peer.channel.path is not None else ""
        return Pong(target, peer.calls.via, 1000 * (self._world.monotonic() - started), where)

    async def _open(self, peer: PeerState, target: AgentId, timeout: float) -> None:
        waiter: asyncio.Future[None] = peer.channel.loop.create_future()
        peer.opened.append(waiter)
        self._peers.want(target)
        self._router.look(peer)
        await self._until(waiter, timeout, target)

    async def _until(self, waiter: asyncio.Future[None], seconds: float, target: AgentId) -> None:
        error = Unreachable(f"No link to {target} opened in time.", agent=target)
        timer = self._timers.later(
            seconds, lambda: fail(waiter, self._router.unopened(error, target))
        )
        try:
            await waiter
        finally:
            timer.cancel()
