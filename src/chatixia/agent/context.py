"""Ctx: the request that a skill serves, and the calls that it makes on that request's behalf.

A parameter annotated ``Ctx`` is given one; it is not in the schema. Calls through it carry the
request's path, deadline, trace and cancellation (trust.md section 5: a path takes rights away).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, TypeVar, overload

from chatixia.client.call_context import CallContext
from chatixia.client.gather import gather
from chatixia.client.handle import CALL_S, AgentHandle
from chatixia.client.mesh import Mesh
from chatixia.core.callers import carried
from chatixia.core.ports import Incoming, Queue, Responder
from chatixia.errors import BadRequest

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

    from chatixia.client.anyone import AnyHandle
    from chatixia.client.stub import AgentStub

T = TypeVar("T")
L = TypeVar("L", bound="AgentStub")


class Ctx:
    """One request. Made by the runtime; good until the skill returns."""

    __slots__ = (
        "_closed",
        "_incoming",
        "_loop",
        "_mesh",
        "_nested",
        "_owner",
        "_responder",
        "_root",
        "deadline",
    )

    def __init__(
        self,
        incoming: Incoming,
        responder: Responder,
        root: CallContext,
        deadline: float | None,
        owner: Task[object] | None = None,
    ) -> None:
        self._owner = owner
        self._incoming = incoming
        self._responder = responder
        self._root = root
        self._nested: CallContext | None = None
        self._closed = False
        self._mesh: Mesh | None = None
        self._loop: AbstractEventLoop | None = None
        self.deadline = deadline
        """When the answer must be there, on the mesh's monotonic clock; None for no bound."""

    @property
    def caller(self) -> str:
        """The caller's id: proved by its key on a link; in the queue (``via`` is ``queue, plain``)
        as the registry reports it, without proof."""
        return self._incoming.caller

    @property
    def trust(self) -> str:
        """Who let the caller in, as its link proved: the ``owner``, or the ``registry`` where an
        owner delegated that; ``unverified`` for what came by the queue or from a described peer."""
        return self._incoming.trust

    @property
    def path(self) -> tuple[str, ...]:
        """The ids whose requests led here, the first caller first, this one's caller last."""
        return self._incoming.path

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, 0 when it passed; infinite without one."""
        if self.deadline is None:
            return math.inf
        return max(0.0, self.deadline - self._root.world.monotonic())

    @property
    def via(self) -> str:
        """The tier that brought the request: ``direct``, or ``queue, plain``."""
        return self._incoming.via

    @property
    def skill(self) -> str:
        """The skill that was asked for; empty for a prompt."""
        return self._incoming.skill

    @property
    def request_id(self) -> str:
        """The request's id, the same on every try."""
        return self._incoming.request_id

    @property
    def idempotency_key(self) -> str:
        """The same for every try of the same work: give it to what must not happen twice."""
        return self._incoming.key or self._incoming.request_id

    @property
    def fence(self) -> str:
        """Rises with each grant of a queued task; empty over a link. For stores that compare."""
        return self._incoming.fence

    @property
    def attempt(self) -> int:
        """Which try of a queued task this is, from 1."""
        return self._incoming.attempt

    @property
    def task_id(self) -> str:
        """The queued task, empty over a link."""
        return self._incoming.task_id

    @property
    def traceparent(self) -> str:
        """The W3C trace context that came with the request."""
        return self._incoming.traceparent

    @property
    def cancelled(self) -> bool:
        """Whether the answer is no longer waited for. A skill that is a plain function runs in
        a thread, which nothing can stop: it should look here from time to time."""
        return self._closed or self.remaining <= 0

    @property
    def incoming(self) -> Incoming:
        """The request as the mesh brought it."""
        return self._incoming

    @property
    def call_context(self) -> CallContext:
        """The context of the calls that this request makes."""
        if self._nested is None:
            from chatixia.client.request_scope import RequestScope

            scope = RequestScope(self._owner)
            scope.closed = self._closed  # a Ctx kept beyond its request makes no calls
            self._nested = self._root.derive(
                path=carried(self._incoming.path, self._incoming.via),
                deadline=self.deadline,
                traceparent=self._incoming.traceparent,
                scope=scope,
            )
        return self._nested

    @property
    def mesh(self) -> Mesh:
        """The mesh as this request may use it: :meth:`Mesh.submit`, :meth:`Mesh.agents` ..."""
        if self._mesh is None:
            self._mesh = Mesh(self.call_context)
        return self._mesh

    @overload
    def agent(
        self,
        name: str,
        *,
        like: None = None,
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> AgentHandle: ...

    @overload
    def agent(
        self,
        name: str,
        *,
        like: type[L],
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> L: ...

    def agent(
        self,
        name: str,
        *,
        like: type[L] | None = None,
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> AgentHandle | L:
        """A handle on an agent whose calls carry this request's path and end with it."""
        return self.mesh.agent(name, like=like, timeout=timeout, idempotent=idempotent, queue=queue)

    def any(
        self,
        skill: str,
        *,
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> AnyHandle:
        """A handle on the agents with ``skill``, without this one and those that wait for it."""
        return self.mesh.any(skill, timeout=timeout, idempotent=idempotent, queue=queue)

    async def gather(
        self, work: Iterable[Awaitable[T]], *, limit: int = 8, return_exceptions: bool = False
    ) -> list[T]:
        """The results of many calls in their order, at most ``limit`` at once.

        The first error cancels the rest and is raised, unless ``return_exceptions``.
        """
        return await gather(work, limit, return_exceptions)

    async def progress(self, fraction: float, note: str = "") -> None:
        """Report to the caller how far the work is, from 0 to 1; a report may be dropped."""
        part = (
            min(1.0, max(0.0, fraction)) if fraction == fraction else 0.0
        )  # NaN is not a fraction
        self._responder.progress(part, note[:1024].encode(errors="replace").decode())

    def wait(self, work: Awaitable[T]) -> T:
        """For a skill that is a plain function: wait in its thread for one of the calls above."""
        from asyncio import run_coroutine_threadsafe

        if self._loop is None:
            getattr(work, "close", bool)()  # so that Python does not warn of it too
            raise BadRequest("ctx.wait is for skills that are plain functions; use await.")

        async def awaited() -> T:
            return await work

        return run_coroutine_threadsafe(awaited(), self._loop).result()

    def enter_thread(self, loop: AbstractEventLoop) -> None:
        """Called by the runtime before the skill runs in a thread beside ``loop``."""
        self._loop = loop
        _ = self.call_context  # made here, so that two threads never both make one

    def close(self) -> None:
        """The request has ended: calls still made on its behalf end too."""
        self._closed = True
        if self._nested is not None and self._nested.scope is not None:
            self._nested.scope.close()

    def __repr__(self) -> str:
        return f"<request {self._incoming.skill or self._incoming.kind} of {self._incoming.caller}>"
