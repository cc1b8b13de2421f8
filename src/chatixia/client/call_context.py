"""The context of calls: which mesh they go to, and what is true of each of them.

One per mesh, and one per request that a skill serves, so that its calls carry its path and deadline
and end with it. A context can be shut: when its mesh was closed, and in a process that forked (an
engine does not survive a fork: links.md section 2). A call through it is an error at once then, and
so is one from another event loop than the mesh's own.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn
from weakref import WeakSet

from chatixia.core.ports import CallAnswer, MeshPort, Outgoing, Pong, Stream
from chatixia.errors import ConfigError, DeadlineExceeded, HopLimit, MeshError
from chatixia.ids import AgentId
from chatixia.wire.peer import MAX_HOPS
from chatixia.world import REAL, World

from .affinity import LoopAffinity
from .warmer import Warmer

if TYPE_CHECKING:
    from msgspec import Struct

    from chatixia.background import Pauses

    from .request_scope import RequestScope

LEAST_S: Final = 0.001
"""With less time left than this no call is begun."""
FORKED: Final = (
    "This mesh was opened before the process forked and cannot be used in the child; "
    "open one there, or start processes with the spawn method."
)
CLOSED: Final = (
    "This mesh is closed, and so is what was made of it; call inside the block of "
    "`async with connect() as mesh`."
)


class CallContext:
    """What calls are made through, and what is true of each of them.

    ``path``: the ids that caused them, the first caller first, without this process's own; a
    gateway names its own caller, as ``("mcp:name",)``. ``deadline``: on the mesh's monotonic clock,
    None for no bound. ``traceparent``: the trace that they belong to. ``scope``: the request that
    they end with. Without any of those ``call`` is the port's own method behind one comparison.
    """

    __slots__ = (
        "__weakref__",
        "_pauses",
        "_port",
        "_root",
        "_send",
        "affinity",
        "call",
        "deadline",
        "forked",
        "path",
        "scope",
        "traceparent",
        "warmer",
        "world",
    )

    def __init__(
        self,
        port: MeshPort,
        world: World = REAL,
        *,
        path: tuple[str, ...] = (),
        deadline: float | None = None,
        traceparent: str = "",
        scope: RequestScope | None = None,
        root: CallContext | None = None,
    ) -> None:
        self._port: MeshPort = port
        self.world = world
        self.path = path
        self.deadline = deadline
        self.traceparent = traceparent
        self.scope = scope
        self.warmer: Warmer = Warmer() if root is None else root.warmer
        self.affinity: LoopAffinity = LoopAffinity() if root is None else root.affinity
        self._root = root
        self.forked = False
        self._pauses: Pauses | None = None
        self._send = self.affinity.guard(port.call)
        plain = not path and deadline is None and not traceparent and scope is None
        self.call: Callable[[Outgoing], Awaitable[CallAnswer]] = (
            self._send if plain else self._call_bound
        )
        if root is None:
            _roots.add(self)

    def derive(
        self,
        *,
        path: tuple[str, ...] = (),
        deadline: float | None = None,
        traceparent: str = "",
        scope: RequestScope | None = None,
    ) -> CallContext:
        """The same mesh for calls of which more is true; what is not given stays as it is here,
        and the earlier deadline holds."""
        if deadline is None or (self.deadline is not None and self.deadline < deadline):
            deadline = self.deadline
        return CallContext(
            self.port,
            self.world,
            path=path or self.path,
            deadline=deadline,
            traceparent=traceparent or self.traceparent,
            scope=scope or self.scope,
            root=self._root or self,
        )

    @property
    def port(self) -> MeshPort:
        """What stands behind. Raises ConfigError in another loop than the mesh's own."""
        self._check_fork()
        if type(self._port) is not _ClosedPort:
            self.affinity.check()
        return self._port

    @property
    def id(self) -> AgentId:
        """The id of the caller."""
        return self._port.id

    @property
    def avoid(self) -> frozenset[str]:
        """The ids that a call by skill leaves out: the caller, and all that wait for it."""
        return frozenset((*self.path, self.id))

    def stream(self, outgoing: Outgoing) -> Stream:
        """Many items for ``outgoing``."""
        return self.port.stream(self._bind(outgoing))

    async def ping(self, target: AgentId, timeout: float) -> Pong:
        """A round trip over the present path; opens a link if there is none."""
        try:
            return await self.port.ping(target, self.budget(timeout))
        except MeshError as error:
            error.by_call = True
            raise

    async def verb(self, name: str, request: Struct, timeout: float = 10.0) -> Any:
        """A verb of ``wire.verbs`` at the registry: its reply struct, or its MeshError."""
        try:
            return await self.port.verb(name, request, self.budget(timeout))
        except MeshError as error:
            error.by_call = True
            raise

    def budget(self, timeout: float) -> float:
        """The seconds that a call may take: ``timeout``, or what is left to the deadline if less.

        Raises DeadlineExceeded, definite, once that has passed.
        """
        if self.deadline is None:
            return timeout
        left = self.deadline - self.world.monotonic()
        if left < LEAST_S:
            request = " of the request that made this call" if self.scope is not None else ""
            error = DeadlineExceeded(f"The deadline{request} has passed.", outcome="definite")
            error.by_call = True
            raise error
        return min(timeout, left)

    def _call_bound(self, outgoing: Outgoing) -> Awaitable[CallAnswer]:
        self._bind(outgoing)
        if self.scope is None:
            return self._send(outgoing)
        return self.scope.call(self._send, outgoing)

    def _bind(self, outgoing: Outgoing) -> Outgoing:
        """Put into ``outgoing`` what is true of every call. Raises Cancelled, HopLimit."""
        self._check_fork()
        if self.scope is not None:
            self.scope.check()
        if len(self.path) >= MAX_HOPS:
            raise HopLimit(
                f"The call passed through {len(self.path)} agents already; {MAX_HOPS} is the limit."
            )
        outgoing.path = self.path
        outgoing.traceparent = outgoing.traceparent or self.traceparent
        outgoing.timeout = self.budget(outgoing.timeout)
        return outgoing

    def _check_fork(self) -> None:
        if self._root is not None and self._root.forked:
            raise ConfigError(FORKED)

    async def pause(self, seconds: float) -> None:
        """Wait before another try; :meth:`lock` ends it, so that the try fails at once."""
        from chatixia.background import Pauses

        if self._pauses is None:
            self._pauses = Pauses()
        await self._pauses.sleep(seconds)

    def warm(self, name: AgentId) -> None:
        """Open a link to ``name`` for calls to come."""
        self.warmer.warm(self.port, name, self.world.monotonic())

    def lock(self, reason: str = CLOSED) -> None:
        """The mesh is closed: refuse what is called from now on with ``reason`` and its cure."""
        self.shut(reason)
        if self._pauses is not None:
            self._pauses.end()

    def shut(self, reason: str = FORKED) -> None:
        """Refuse whatever is called from now on; touches no loop, for a process that forked."""
        self._port = _ClosedPort(self.id, reason)
        self.call = self._port.call


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


_roots: WeakSet[CallContext] = WeakSet()
"""Those that belong to a mesh, not to a request: these are too many and too short-lived."""


def _after_fork() -> None:
    for context in list(_roots):
        context.forked = True
        context.shut()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
