"""The registry's queue in memory: the real task service over the real store, on a fake clock.

Only the sockets, which carry a push after a frame's time, and the clock that triggers the sweeps
are made here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatixia.core.ports import Principal
from chatixia.core.task import UNSTARTED
from chatixia.errors import UnknownAgent
from chatixia.ids import AgentId
from chatixia.registry.work.ports import WorkerLogin
from chatixia.registry.work.service import TICK_SECONDS, TaskService
from chatixia.store.control.in_memory import MemoryStore
from chatixia.wire.tasks import Submit

from .clock import FakeWorld

Deliver = Callable[[msgspec.Struct], None]
FLIGHT: Final = 0.001
"""Fake seconds from the registry to a socket."""


class MemoryLogin:
    """One node's login: who it is, and where its pushes go."""

    def __init__(self, name: AgentId, incarnation: str, deliver: Deliver) -> None:
        machine = name.partition("~")[0]
        kind = "client" if "~" in name else "agent"
        self.principal = Principal(
            name, kind, machine=machine, epoch=incarnation, incarnation=incarnation
        )
        self.deliver = deliver


class MemoryQueue:
    """All ``tasks.*`` verbs for the logins of one network. ``busy``: verbs under way."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world
        self._logins: dict[str, MemoryLogin] = {}
        self._members: set[str] = set()
        self._store: MemoryStore
        self._tasks: _Tasks
        self.busy = 0

    async def start(self) -> None:
        """Open the store and begin to sweep."""
        self._store = MemoryStore(self._world)
        self._tasks = _Tasks(self._store, self._world, self)
        self._tasks.pushed = lambda by: setattr(self, "busy", self.busy + by)
        await self._tasks.start()

    async def stop(self) -> None:
        """End; all is gone."""
        await self._tasks.stop()
        await self._store.close()

    def login(self, name: AgentId, incarnation: str, deliver: Deliver) -> None:
        """A process is there."""
        self._logins[name] = MemoryLogin(name, incarnation, deliver)
        self._members.add(name)

    def offer(self, name: AgentId, slots: int, skills: frozenset[str]) -> None:
        """As an agent's heartbeat does: it takes queued work."""
        login = self._logins.get(name)
        if login is not None and login.principal.kind == "agent":
            mark = login.principal.incarnation
            self._tasks.online(WorkerLogin(name, mark, slots, skills, epoch=mark))

    def logout(self, name: AgentId, clean: bool) -> None:
        """Its socket closed; not ``clean``: the same process would have 5 s to return."""
        login = self._logins.pop(name, None)
        if login is None:
            return
        self._tasks.login_ended(name, login.principal.epoch)
        mark = login.principal.incarnation
        # No timer of the loop's own: the five seconds are the fake clock's.
        self._tasks.offline(name, mark, clean, silent=not clean)
        if not clean:
            self._world.later(UNSTARTED, lambda: self._tasks.lost(name, mark))

    def serves(self, name: str) -> bool:
        """Whether that verb is the queue's."""
        return name in self._tasks.handlers

    async def verb(self, name: AgentId, verb: str, request: msgspec.Struct) -> Any:
        """The verb's reply to the login ``name``. The clock stands meanwhile."""
        target = request.target_agent_id if isinstance(request, Submit) else ""
        if target and target not in self._members:
            raise UnknownAgent(f"No agent named {target} is in the mesh.", agent=target)
        self.busy += 1
        self._world.stir()
        try:
            return await self._tasks.handlers[verb](self._logins[name].principal, request)
        finally:
            self.busy -= 1
            self._world.stir()

    # -- registry.work.ports.Pushes

    def push(self, name: AgentId, message: msgspec.Struct, epoch: str = "") -> bool:
        """Bring ``message`` to the login ``name``."""
        login = self._logins.get(name)
        if login is None or (epoch and epoch != login.principal.epoch):
            return False
        self._world.later(FLIGHT, lambda: self._arrive(login, message), frame=True)
        return True

    def _arrive(self, login: MemoryLogin, message: msgspec.Struct) -> None:
        if self._logins.get(login.principal.id) is login:
            login.deliver(message)


class _Tasks(TaskService):
    """The task service, whose sweeps come by the fake clock, for members without rows."""

    pushed: Callable[[int], None]
    _wake: asyncio.Future[None] | None = None

    async def _run(self) -> None:
        world = self._world
        assert isinstance(world, FakeWorld)
        while not self._stopping.is_set():
            self._wake = asyncio.get_running_loop().create_future()
            timer = world.later(TICK_SECONDS, self._end_pause)
            await self._wake
            timer.cancel()
            self.pushed(1)
            try:
                await self.sweep()
            finally:
                self.pushed(-1)
                world.stir()

    def _end_pause(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def stop(self) -> None:
        """Stop sweeping and pushing."""
        self._stopping.set()
        self._end_pause()
        await super().stop()

    async def _know(self, ns: str, target: str) -> None:
        """The network knows its members."""
