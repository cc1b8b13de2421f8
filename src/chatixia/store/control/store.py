"""The registry's store: one writer thread, few readers, every method durable when it returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Self

from chatixia.core import task as core
from chatixia.core.shares import ShareLimits
from chatixia.world import World

from .access import StoreAccess
from .audit_store import AuditStore
from .clock import DiskFloor
from .devices import DeviceStore
from .event_store import EventStore
from .lease_store import LeaseStore
from .pairing import PairingStore
from .people_store import PeopleStore
from .resources import StoreResources, open_resources
from .task_rows import Notice
from .task_store import TaskStore
from .trust_store import InvitationStore, KeyStore, MemberStore, OwnerStore, RevocationStore
from .upkeep import StoreUpkeep
from .writer import end_process


class Store:
    """All tables of a registry, each noun a part of it. Async methods run on the caller's loop and
    answer after fsync.

    Each raises Overloaded (a queue is full), Unavailable (closed, or a read took over 1 s),
    DiskFull (definite) and OutcomeUnknown (the commit failed; the process ends). ``bounds``: what
    holders share; ``access``, ``memory`` and ``resources``: what the parts stand on. ``now()``:
    store time in seconds, which never steps back, also over restarts; mesh time is this.
    """

    def __init__(self, resources: StoreResources, world: World, bounds: ShareLimits) -> None:
        self.resources, self._writer = resources, resources.writer
        tx, clock, memory, file = resources.state
        self.bounds, self.memory = bounds, memory
        access = StoreAccess(self._writer, resources.readers, clock, tx.generation)
        self.access, self.now = access, clock.now
        self.tasks = TaskStore(access, memory, self.disk_low)
        self.leases = LeaseStore(access, memory, world)
        self.audit = AuditStore(access)
        self.upkeep = StoreUpkeep(access, memory, world, self.audit)
        self.members, self.invitations = MemberStore(access), InvitationStore(access)
        self.keys, self.pairings = KeyStore(access), PairingStore(access)
        self.devices = DeviceStore(access)
        self.people, self.owners = PeopleStore(access), OwnerStore(access)
        self.revocations, self.events = RevocationStore(access, file), EventStore(access)
        self._listeners: list[Callable[[list[Notice]], None]] = []
        self._writer.tail = self.leases.assign
        self._writer.start()

    @classmethod
    def open(
        cls,
        folder: Path,
        world: World,
        *,
        on_death: Callable[[str], None] | None = None,
        floor: DiskFloor = DiskFloor(),  # noqa: B008 - frozen
        lease: float = core.LEASE,
        bounds: ShareLimits = ShareLimits(),  # noqa: B008 - frozen
    ) -> Self:
        """Take the lock on ``folder``, migrate ``registry.db`` and start the threads.

        ``on_death`` gets one sentence, in the writer's thread, when the store cannot go on; by
        default it is printed and the process ends. ``floor``: free room below which submits get
        DiskFull. ``lease``: seconds of a worker's lease; ``bounds``: what holders share. Raises
        AlreadyRunning and ConfigError.
        """
        death = on_death or end_process
        return cls(open_resources(folder, world, death, floor, lease, bounds), world, bounds)

    async def close(self) -> None:
        """Finish what is queued, checkpoint, let the lock go."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.resources.readers.close)
        await self._writer.close()
        self.resources.lock.release()

    @property
    def generation(self) -> int:
        """The store generation: the high part of fences, epochs and cursors."""
        return self.access.generation

    def disk_free(self) -> int:
        """Bytes free on the data directory's file system."""
        return self.resources.disk.free()

    def disk_low(self) -> str:
        """Why new work is refused for want of room, as a sentence; "" while there is enough."""
        disk = self.resources.disk
        return disk.sentence() if disk.low() else ""

    def fault(self) -> str:
        """What is wrong with the database's files, as a sentence; "" if they are our own."""
        return self.resources.files.fault()

    def commits(self) -> int:
        """Groups written since this process started."""
        return self._writer.commits

    def waiting(self) -> int:
        """Items that wait for the writer."""
        return self._writer.waiting

    def listen(self, listener: Callable[[list[Notice]], None]) -> Callable[[], None]:
        """Call ``listener`` on this loop with what each group changed, in commit order; gives the
        end of it.

        Notices are ``task_rows.TaskSubmitted``, ``TaskAssigned`` and ``TaskChanged``.
        """
        self._listeners.append(listener)
        self._writer.hear = (asyncio.get_running_loop(), self._notify)
        return lambda: self._listeners.remove(listener)

    def _notify(self, notices: list[Notice]) -> None:
        for listener in tuple(self._listeners):
            listener(notices)
