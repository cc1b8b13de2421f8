"""A mesh port over the registry's REST routes alone: verbs and the queue, and never a link."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from chatixia.agent.threads import Threads
from chatixia.core.ports import CallAnswer, Handler, Outgoing, Pong, Stream
from chatixia.core.tries import RetryHistory, may_repeat
from chatixia.errors import MeshError, RegistryUnreachable, Unauthorized, Unreachable
from chatixia.ids import AgentId
from chatixia.wire.peer import SkillInfo
from chatixia.wire.signaling import LinkReport, TaskDone, TaskProgress
from chatixia.wire.tasks import TERMINAL, Ref, Task
from chatixia.world import REAL, World

from .rest import RegistryClient

TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.5
"""Seconds between looks at a task that is waited for."""
MAX_SHOWN: Final = 1024
"""Tasks whose last step is remembered, the latest ones."""
POLLS: Final = 64
"""Tasks that are looked at so often; who waits for more looks less often at each."""


class RestPort(ABC):
    """``core.ports.MeshPort`` as far as REST goes. A subclass brings ``_call``, run in a thread."""

    def __init__(self, name: str, world: World = REAL) -> None:
        self._name, self._world = AgentId(name), world
        # One thread: a cancelled verb still ends before the next one uses the connection.
        self._thread = Threads(1)
        self._watched = self._steps = 0
        self._shown: dict[str, TaskProgress] = {}

    @property
    def id(self) -> AgentId:
        """My name."""
        return self._name

    @abstractmethod
    def _call(self, name: str, request: msgspec.Struct, timeout: float) -> Any:
        """A verb's reply struct, within ``timeout`` seconds. Blocks."""

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = TIMEOUT_S) -> Any:
        """A verb at the registry, one at a time."""
        return await self._thread.run(self._call, name, request, timeout)

    async def call(self, outgoing: Outgoing) -> CallAnswer:
        """Not without a link. Raises Unreachable."""
        raise Unreachable("A call needs a link or a place in the queue; call as a client.")

    def stream(self, outgoing: Outgoing) -> Stream:
        """Not without a link. Raises Unreachable."""
        raise Unreachable("A stream needs a link, and a link needs a key; join the mesh.")

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        """Not without a link. Raises Unreachable."""
        raise Unreachable("A ping needs a link, and a link needs a key; join the mesh.")

    def links(self) -> Sequence[LinkReport]:
        """None."""
        return ()

    def serve(  # noqa: B027 - who only asks has nothing to serve
        self, handler: Handler, skills: Sequence[SkillInfo], slots: int
    ) -> None:
        """Nothing comes over REST by itself."""

    async def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """How far a task is and its end, by looking; a look that fails is taken again."""
        until = self._world.monotonic() + timeout
        reported: TaskProgress | None = None
        self._watched += 1
        try:
            while self._world.monotonic() < until:
                row = await self._look(task_id)
                if row is not None and row.state in TERMINAL:
                    yield TaskDone(row)
                    return
                if row is not None and (step := self._step(row)) not in (None, reported):
                    reported = step
                    yield step
                await asyncio.sleep(POLL_S * max(1.0, self._watched / POLLS))
        finally:
            self._watched -= 1

    def _step(self, row: Task) -> TaskProgress | None:
        """How far it is; the same step under the same number in each watch, so that one who
        watches anew sees what was passed on before. None before the first step."""
        last = self._shown.pop(row.id, None)
        if last is None and row.progress is None and not row.note:
            return None
        if last is None or (last.fence, last.fraction, last.note) != (
            row.fence,
            row.progress,
            row.note,
        ):
            self._steps += 1  # rises over all watches: a lower one was passed on before
            last = TaskProgress(row.id, row.fence, self._steps, row.progress, row.note)
        self._shown[row.id] = last
        while len(self._shown) > MAX_SHOWN:
            del self._shown[next(iter(self._shown))]
        return last

    async def _look(self, task_id: str) -> Task | None:
        try:
            row: Task = await self.verb("tasks.get", Ref(task_id))
        except MeshError as error:
            if not may_repeat(error):
                raise
            return None
        return row


class OwnerPort(RestPort):
    """Reads and cancels whatever is in the queue, as the owner. ``rest``: logged in by its key."""

    def __init__(self, rest: RegistryClient, name: str = "owner") -> None:
        super().__init__(name)
        self._rest = rest

    def _call(self, name: str, request: msgspec.Struct, timeout: float) -> Any:
        was_open, tries = self._rest.is_open, RetryHistory()
        try:
            return self._rest.call(name, request)
        except (RegistryUnreachable, Unauthorized) as error:
            tries.failed(error)
            if not was_open:
                raise  # the same again would take as long and say the same
            # The line broke, or its token is over: one new login tells.
            self._rest.close()
        try:
            return self._rest.call(name, request)
        except MeshError as error:
            last = tries.failed(error)
            raise last from last.__cause__

    async def stop(self) -> None:
        """Hang up."""
        await self._thread.run(self._rest.close)
        self._thread.close()
