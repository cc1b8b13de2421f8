"""A door: what handles call through. One per mesh, and one per request that a skill serves.

A handle never sees the mesh port itself, so that a skill's calls carry its path and deadline, and
a door can be shut: when its mesh was closed, and in a process that forked (an engine does not
survive a fork: links.md section 2). Whoever still calls through it hears so at once, and so does
whoever calls from another event loop than the mesh's own.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn
from weakref import WeakSet

from chatixia.core.ports import CallAnswer, MeshPort, Outgoing, Stream
from chatixia.errors import ConfigError, DeadlineExceeded
from chatixia.ids import AgentId
from chatixia.world import REAL, World

from .affinity import LoopAffinity
from .warmer import Warmer

if TYPE_CHECKING:
    from asyncio import Future

FORKED: Final = (
    "This mesh was opened before the process forked and cannot be used in the child; "
    "open one there, or start processes with the spawn method."
)
CLOSED: Final = (
    "This mesh is closed, and so is what was made of it; call inside the block of "
    "`async with connect() as mesh`."
)


class CallContext:
    """The root door of a mesh. ``call`` is the port's own method behind one comparison."""

    __slots__ = ("__weakref__", "_pauses", "_port", "affinity", "call", "warmer", "world")

    def __init__(
        self,
        port: MeshPort,
        world: World = REAL,
        warmer: Warmer | None = None,
        affinity: LoopAffinity | None = None,
    ) -> None:
        self._port: MeshPort = port
        self.world = world
        self.warmer = warmer or Warmer()
        self.affinity = affinity or LoopAffinity()
        self._pauses: set[Future[None]] = set()
        self.call: Callable[[Outgoing], Awaitable[CallAnswer]] = self.affinity.guard(port.call)
        _open.add(self)

    @property
    def port(self) -> MeshPort:
        """What stands behind. Raises ConfigError in another loop than the mesh's own."""
        if type(self._port) is not _ClosedPort:
            self.affinity.check()
        return self._port

    @property
    def id(self) -> AgentId:
        """Who calls."""
        return self._port.id

    @property
    def avoid(self) -> frozenset[str]:
        """Whom a call by skill does not pick: the asker."""
        return frozenset((self.id,))

    def stream(self, outgoing: Outgoing) -> Stream:
        """Many items for ``outgoing``."""
        return self.port.stream(outgoing)

    def budget(self, timeout: float) -> float:
        """The seconds that a call may take: what was asked for."""
        return timeout

    def caused_by(self) -> tuple[str, ...]:
        """The path of ids that caused what is called here."""
        return ()

    @property
    def traceparent(self) -> str:
        """The trace that what is called here belongs to."""
        return ""

    async def pause(self, seconds: float) -> None:
        """Wait before another try; :meth:`lock` ends it, so that the try hears of it at once."""
        from asyncio import get_running_loop

        loop = get_running_loop()
        waiter: Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _end, waiter)
        self._pauses.add(waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._pauses.discard(waiter)

    def warm(self, name: AgentId) -> None:
        """Open a link to ``name`` for calls to come."""
        self.warmer.warm(self.port, name, self.world.monotonic())

    def lock(self, reason: str = CLOSED) -> None:
        """The mesh is closed: refuse what is called from now on with ``reason`` and its cure."""
        self.shut(reason)
        for waiter in self._pauses:
            _end(waiter)

    def shut(self, reason: str = FORKED) -> None:
        """Refuse whatever is called from now on; touches no loop, for a process that forked."""
        self._port = _ClosedPort(self.id, reason)
        self.call = self._port.call


class BoundedContext(CallContext):
    """A door through which nothing waits beyond a moment, ``seconds`` from now."""

    __slots__ = ("_root", "_until")

    def __init__(self, root: CallContext, seconds: float) -> None:
        super().__init__(root.port, root.world, root.warmer, root.affinity)
        self._root = root
        self._until = root.world.monotonic() + seconds
        self.call = self._call

    def budget(self, timeout: float) -> float:
        """``timeout``, or what is left if less. Raises DeadlineExceeded."""
        left = self._until - self.world.monotonic()
        if left <= 0:
            raise DeadlineExceeded(outcome="definite")
        return min(self._root.budget(timeout), left)

    def stream(self, outgoing: Outgoing) -> Stream:
        """Many items for ``outgoing``, within what is left."""
        outgoing.timeout = self.budget(outgoing.timeout)
        return self._root.stream(outgoing)

    def _call(self, outgoing: Outgoing) -> Awaitable[CallAnswer]:
        outgoing.timeout = self.budget(outgoing.timeout)
        return self._root.call(outgoing)


def _end(waiter: Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class _ClosedPort:
    """In the place of a port that is no more: each use raises ConfigError."""

    def __init__(self, me: AgentId, reason: str) -> None:
        self.id = me
        self._reason = reason

    def call(self, outgoing: Outgoing) -> NoReturn:
        """Refuse."""
        raise ConfigError(self._reason)

    def __getattr__(self, name: str) -> Any:
        raise ConfigError(self._reason)


_open: WeakSet[CallContext] = WeakSet()


def _after_fork() -> None:
    for context in list(_open):
        context.shut()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
