"""The store's methods for workers: tasks given, taken up, renewed, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from chatixia.core.ports import Principal
from chatixia.errors import WireError
from chatixia.wire import tasks as t
from chatixia.world import World

from . import grants, leases, outcomes
from .access import StoreAccess
from .memory import WriterMemory
from .task_rows import StoredTask
from .tx import Transaction
from .writer import Lane

T = TypeVar("T")


class LeaseStore:
    """Each method is one item of the writer, but ``leased``."""

    def __init__(self, access: StoreAccess, memory: WriterMemory, world: World) -> None:
        self._access, self._memory, self._world = access, memory, world
        self._seats: tuple[grants.WorkerSeat, ...] = ()

    def seats(self, seats: Iterable[grants.WorkerSeat]) -> None:
        """Who takes pushed work from now on. Each group ends by giving waiting tasks to them."""
        self._seats = tuple(seats)

    def assign(self, tx: Transaction) -> int:
        """The end of each group; gives how many tasks were given to seats."""
        return grants.assign(tx, self._memory, self._seats) if self._memory.queues.any() else 0

    async def poke(self) -> None:
        """An empty group, so that its end gives waiting tasks to new seats."""
        await self._access.write(lambda tx: None)

    async def claim(
        self, principal: Principal, request: t.Claim, skills: Iterable[str]
    ) -> t.Grants:
        """Up to ``limit`` tasks; the same claim id gets the same grant."""
        return await self._access.write(
            grants.claim, self._memory, principal, request, tuple(skills)
        )

    async def poll(self, principal: Principal, skills: Iterable[str]) -> list[t.Task]:
        """The described heartbeat: renew what it holds for 60 s, then take more."""
        return await self._access.write(grants.poll, self._memory, principal, tuple(skills))

    async def leased(self) -> list[StoredTask]:
        """All leased tasks."""
        return [StoredTask(*row) for row in await self._access.read("held", {})]

    async def started(self, principal: Principal, id: str, fence: str) -> None:
        """The holder took it up. Raises as ``complete``."""
        await self._urgent(leases.started, principal, id, fence)

    async def renew(self, principal: Principal, requests: list[t.Held]) -> t.Renewed:
        """All leases of one worker, each answered for itself."""
        return await self._urgent(leases.renew, principal, requests)

    async def complete(self, principal: Principal, id: str, fence: str, result: bytes) -> t.Ended:
        """Raises NotFound, StaleFence, Cancelled; repeated, the first answer."""
        size = len(result) + 256
        return await self._urgent(outcomes.complete, principal, id, fence, result, size=size)

    async def fail(self, principal: Principal, id: str, fence: str, error: WireError) -> t.Ended:
        """As ``complete``; tried again if the error is retryable and attempts are left."""
        return await self._urgent(outcomes.fail, principal, id, fence, error, self._world.jitter())

    async def release(self, principal: Principal, id: str, fence: str) -> t.Ended:
        """Give it back without an attempt counted."""
        return await self._urgent(outcomes.release, principal, id, fence)

    async def update(self, principal: Principal, request: t.Update) -> None:
        """The described report; raises as ``complete``, and Denied."""
        size = 256 if request.result is msgspec.UNSET else len(bytes(request.result))
        await self._urgent(outcomes.update, principal, request, self._world.jitter(), size=size)

    async def end(
        self,
        worker: str,
        incarnation: str,
        marks: Iterable[tuple[str, int]] = (),
        clean: bool = False,
    ) -> int:
        """That process is gone: its tasks go back or have failed; gives how many.

        ``marks``: tasks said to be started that are not yet written so; else an attempt would
        not count, and a task that may be tried once would run twice. ``clean``: it said goodbye.
        """
        jitter = self._world.jitter()
        return await self._urgent(
            leases.end_leases, worker, incarnation, list(marks), jitter, clean
        )

    async def _urgent(self, run: Callable[..., T], *args: Any, size: int = 256) -> T:
        return await self._access.write(run, self._memory, *args, lane=Lane.URGENT, size=size)
