"""Broadcasts that the registry fans out: in clear, to logins that take such, with receipts.

One message in, one push to each agent; each confirms by a verb of its own. What is under way is
bounded, and so is how often a machine may begin one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping
from typing import Final

from chatixia.core.ports import Principal
from chatixia.core.rates import TokenBucket
from chatixia.core.shares import RETRY_AFTER, Shares, holder_of
from chatixia.errors import Denied, Overloaded, Unreachable
from chatixia.registry.call import Handler, RequestContext
from chatixia.wire.base import encode
from chatixia.wire.registry import Announce, Announced, AnnounceReceipt, AnnounceReceived
from chatixia.wire.signaling import ANNOUNCE, Announcement
from chatixia.wire.trust import Done

from .roster import Roster, listed
from .socket import Socket

CONFIRM_SECONDS: Final = 5.0
"""How long an agent has to confirm."""
UNDER_WAY: Final = 64
"""Announcements whose receipts are waited for, shared by machines."""
BURST: Final = 10
EVERY_SECONDS: Final = 3.0
"""A machine may begin so many at once, and one more every so often."""
MAX_MACHINES: Final = 1024
TURN: Final = 256
"""Pushes in one turn of the loop."""


class _UnderWay:
    """One announcement: who has not confirmed it yet, and what became of it at the others."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self.codes: dict[str, str] = {}
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, agent: str, code: str) -> None:
        """One agent confirmed, or refused."""
        if agent in self.waiting:
            self.waiting.discard(agent)
            self.codes[agent] = code
            if not self.waiting and not self.over.done():
                self.over.set_result(None)


class Announcements:
    """Verbs ``announce`` and ``announce.received``. ``now``: monotonic seconds."""

    def __init__(self, roster: Roster, now: Callable[[], float]) -> None:
        self._roster, self._now = roster, now
        self._shares = Shares(UNDER_WAY)
        self._rates: dict[str, TokenBucket] = {}
        self._under_way: dict[str, _UnderWay] = {}
        self._names = map("a{:x}".format, itertools.count(1))

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"announce": self.announce, "announce.received": self.received}

    async def announce(self, call: RequestContext, request: Announce) -> Announced:
        """Push it to each, and wait for what they confirm. Raises Overloaded."""
        holder = holder_of(call.caller)
        self._admit(holder)
        name, under_way = next(self._names), _UnderWay()
        self._under_way[name] = under_way
        try:
            await self._push(name, call.caller, request, under_way)
            if under_way.waiting:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CONFIRM_SECONDS):
                        await under_way.over
        finally:
            del self._under_way[name]
            self._shares.add(holder, -1)
        codes = under_way.codes | dict.fromkeys(under_way.waiting, Unreachable.code)
        return Announced([AnnounceReceipt(agent, codes[agent]) for agent in sorted(codes)])

    async def received(self, call: RequestContext, request: AnnounceReceived) -> Done:
        """An agent has one, or refuses it; one that is over needs no word."""
        under_way = self._under_way.get(request.id)
        if under_way is not None:
            under_way.settle(call.caller.id, request.code)
        return Done()

    def _admit(self, holder: str) -> None:
        rate = self._rates.pop(holder, None) or TokenBucket(BURST, EVERY_SECONDS, self._now())
        self._rates[holder] = rate
        if len(self._rates) > MAX_MACHINES:
            del self._rates[next(iter(self._rates))]
        if not rate.take(self._now()):
            wait = rate.wait(self._now())
            raise Overloaded("Too many announcements of this machine.", retry_after=wait)
        if not self._shares.take(holder):
            raise Overloaded("Too many announcements at once.", retry_after=RETRY_AFTER)

    async def _push(
        self, name: str, caller: Principal, request: Announce, under_way: _UnderWay
    ) -> None:
        data = encode(Announcement(name, caller.id, request.text))
        excluded = {caller.id, *request.besides}
        for n, socket in enumerate(self._roster):
            if n % TURN == TURN - 1:
                await asyncio.sleep(0)  # the others' turn
            if listed(socket) and socket.id not in excluded and _same_space(socket, caller):
                if ANNOUNCE not in socket.capabilities:
                    under_way.codes[socket.id] = Denied.code
                elif socket.spare(len(data)) and socket.send_bytes(data):
                    under_way.waiting.add(socket.id)
                else:
                    under_way.codes[socket.id] = Overloaded.code


def _same_space(socket: Socket, caller: Principal) -> bool:
    return socket.principal is not None and socket.principal.ns == caller.ns
