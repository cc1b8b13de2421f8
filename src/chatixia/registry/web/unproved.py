"""The connections that have proved nothing: their sockets, timers and the line in the log.

:mod:`chatixia.core.admission` decides; this closes whom it names. One for all listeners.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Protocol

from chatixia.core.admission import Admission, AdmissionLimits
from chatixia.core.shares import Shares, ShareUse
from chatixia.registry.call import BinaryLine
from chatixia.registry.limits import is_loopback, origin
from chatixia.registry.meter import Meter
from chatixia.wire.base import MIB
from chatixia.world import World

log = logging.getLogger("chatixia.registry")

CONNECTION: Final = "chatixia.connection"
"""Where a request's scope has its :class:`Connection`."""
TICK_SECONDS: Final = 0.25
"""Seconds between looks at the clock; nobody is cut off later than this."""
GRACE_SECONDS: Final = 1.0
"""Seconds for a last answer to a connection whose time is over."""
STARTS_PER_TURN: Final = 16
"""Connections begun in one turn of the loop; between turns those that left are noticed."""
MEMBER_BYTES: Final = 256 * MIB
UNCOUNTED_BYTES: Final = 16 * 1024
"""What a member's socket has under way counts from here on."""
NOTE_SECONDS: Final = 60.0
"""Closed connections are logged as a number, at most this often."""


class Ends(Protocol):
    """What a connection runs on, as far as it is of interest here."""

    def abort(self) -> None:
        """End at once."""
        ...


def _nothing() -> None:
    pass


def _refuses(message: bytes) -> bool:
    return False


class UnprovedConnection:
    """One connection as its protocols see it; ``close`` and ``late`` are what they make of it.

    ``proven``: the request or socket that runs on it has proved itself. ``line``: the socket, to
    write binary messages at once. ``take``: gets those that come; False where one has to wait for
    its turn, among all that the application receives. It never raises.
    """

    __slots__ = (
        "_all",
        "_use",
        "address",
        "key",
        "late",
        "line",
        "near",
        "proven",
        "start",
        "take",
        "transport",
    )

    def __init__(self, every: UnprovedConnections, key: int, ip: str, transport: Ends):
        self._all, self.key, self.transport = every, key, transport
        self.address = origin(ip)
        self.near = is_loopback(self.address)
        self.proven = False
        self._use: ShareUse | None = None
        self.line: BinaryLine | None = None
        self.take: Callable[[bytes], bool] = _refuses
        self.start: Callable[[], None] = _nothing
        self.late: Callable[[], None] = _nothing

    @property
    def bounds(self) -> AdmissionLimits:
        """What it has to keep to."""
        return self._all.bounds

    def ready(self) -> None:
        """There is something to serve: ``start`` is called when it is its turn."""
        self._all.ready(self.key)

    def proved(self) -> None:
        """A credential held, or will have by the time this request is answered."""
        if not self.proven:
            self.proven = True
            self._all.proved(self.key)

    def again(self, seconds: float | None = None) -> None:
        """It has proved nothing from now on, and its time begins anew."""
        self.proven = False
        self._all.enter(self, seconds)

    def spend(self) -> bool:
        """Pay for a request that proved nothing; False above its address's rate."""
        return self._all.spend(self.key)

    def hold(self, size: int) -> bool:
        """Say how many bytes it holds, half read or unsent. False if its machine has no room."""
        if not self.proven:
            self._all.hold(self.key, size)
        elif self._use is not None:
            return self._use.take(size if size > UNCOUNTED_BYTES else 0)
        return True

    def belong(self, holder: str) -> ShareUse:
        """A member's socket runs on it from now on; gives what its outbox has of the same share."""
        self._use = ShareUse(self._all.members, holder)
        return ShareUse(self._all.members, holder)

    def left(self) -> float:
        """Seconds it still has to prove itself."""
        return self._all.left(self.key)

    def closed(self) -> None:
        """It ended."""
        self._all.remove(self.key)
        if self._use is not None:
            self._use.owe(0)
            self._use = None
        # They refer back to this, and hold what was read: that is freed now, not by a collection.
        self.start = self.late = _nothing
        self.take, self.line = _refuses, None

    def abort(self) -> None:
        """End it now, with nothing more sent."""
        self.closed()
        self.transport.abort()


class UnprovedConnections:
    """All connections of a registry that have proved nothing."""

    def __init__(self, bounds: AdmissionLimits, meter: Meter, world: World) -> None:
        self.bounds = bounds
        self._admission, self._meter, self._world = Admission(bounds), meter, world
        self._connections: dict[int, UnprovedConnection] = {}
        self.members = Shares(MEMBER_BYTES)
        self._keys = 0
        self._tick: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None
        self._closed, self._noted = 0, -NOTE_SECONDS
        meter.gauge("unproved", "Connections that have proved nothing", lambda: len(self))

    def __len__(self) -> int:
        return len(self._admission)

    def arrive(self, ip: str, transport: Ends) -> UnprovedConnection:
        """A connection was accepted; others may be closed for it."""
        self._keys += 1
        connection = self._connections[self._keys] = UnprovedConnection(
            self, self._keys, ip, transport
        )
        self.enter(connection)
        return connection

    def enter(self, connection: UnprovedConnection, seconds: float | None = None) -> None:
        """It has proved nothing (any more)."""
        now = self._world.monotonic()
        self._close(
            self._admission.enter(connection.key, connection.address, connection.near, now, seconds)
        )
        if self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(TICK_SECONDS, self._look)

    def ready(self, key: int) -> None:
        """It waits for its turn."""
        self._admission.wait(key)
        self._soon()

    def proved(self, key: int) -> None:
        """It is bounded as a member from now on."""
        self._admission.prove(key, self._world.monotonic())

    def spend(self, key: int) -> bool:
        """Whether its address is within its rate."""
        return self._admission.spend(key, self._world.monotonic())

    def hold(self, key: int, size: int) -> None:
        """It holds so many bytes."""
        self._close(self._admission.hold(key, size))

    def left(self, key: int) -> float:
        """Seconds it has."""
        return self._admission.left(key, self._world.monotonic())

    def remove(self, key: int) -> None:
        """It ended."""
        self._connections.pop(key, None)
        self._admission.leave(key)

    def stop(self) -> None:
        """End the timers and whatever still waits for its turn."""
        for handle in (self._tick, self._turn):
            if handle is not None:
                handle.cancel()
        for connection in list(self._connections.values()):
            if not connection.proven:
                connection.abort()

    # ---- inside

    def _soon(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        """Begin those whose turn it is; then the loop may notice who has left."""
        self._turn = None
        now = self._world.monotonic()
        for key in self._admission.turns(now, STARTS_PER_TURN):
            connection = self._connections.get(key)
            if connection is not None:
                connection.start()
        wait = self._admission.next_turn(now)
        if wait is not None and self._turn is None:
            loop = asyncio.get_running_loop()
            later = loop.call_later(wait, self._serve) if wait else loop.call_soon(self._serve)
            self._turn = later

    def _look(self) -> None:
        """Answer connections whose time is over; abort those that were answered a while ago."""
        self._tick = None
        now = self._world.monotonic()
        for key in self._admission.overdue(now, GRACE_SECONDS):
            connection = self._connections.get(key)
            if connection is None:
                self._admission.leave(key)
                continue
            late, connection.late = connection.late, connection.abort
            late()
            self._count(late != connection.abort)
        self._note(now)
        if len(self._admission) or self._closed:
            self._tick = asyncio.get_running_loop().call_later(TICK_SECONDS, self._look)

    def _close(self, keys: list[int]) -> None:
        for key in keys:
            connection = self._connections.get(key)
            if connection is not None:
                connection.abort()
        self._count(len(keys))

    def _count(self, closed: int) -> None:
        """One line for many: a flood must not fill the log either."""
        self._closed += closed
        for _ in range(closed):
            self._meter.refused("connection", "busy")

    def _note(self, now: float) -> None:
        if self._closed and now - self._noted >= NOTE_SECONDS:
            log.warning("closed %d connections that proved nothing", self._closed)
            self._closed, self._noted = 0, now


def proved(scope: MutableMapping[str, Any]) -> None:
    """The request or socket of ``scope`` carried a credential that held."""
    connection = scope.get(CONNECTION)
    if connection is not None:
        connection.proved()
