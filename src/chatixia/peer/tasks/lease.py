"""A task in hand: its lease, what its skill answers, and what is known of those just lost."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from chatixia.core.ports import ArtifactSource
from chatixia.core.queued_artifacts import pack
from chatixia.core.task import fence_key
from chatixia.errors import BadRequest, Cancelled, MeshError
from chatixia.peer.artifacts import queued
from chatixia.peer.ports import RegistryPort
from chatixia.peer.sessions.steps import ProgressPacer
from chatixia.peer.timers import TimerHandle, Timers
from chatixia.wire import tasks as t
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.base import MIB
from chatixia.world import World

OUTCOMES: Final = 256
OUTCOME_BYTES: Final = 8 * MIB


class HeldTask(msgspec.Struct, eq=False):
    """A task in hand. ``until``: when the lease ends, ``ends``: when the task does at the latest,
    both on ``World.boottime``'s clock.

    ``sure``: the delivery is so young that its fence is in force. ``confirmed``: the registry knows
    that it was taken up; ``confirming``: a report of that is on its way. ``begun``: its skill was
    started, ``reporting``: it is done. ``lost``: the fence is another's by now, or nobody's;
    ``over``: nothing is left to report. ``renewing_fence``: whose renewal was asked for last.
    """

    task: t.Task
    fence: str
    until: float
    renewed: float
    attempt: int = 1
    ends: float = math.inf
    sure: bool = True
    confirmed: bool = False
    confirming: bool = False
    begun: bool = False
    reporting: bool = False
    lost: bool = False
    over: bool = False
    renewing_fence: str = ""
    run: asyncio.Task[Any] | None = None
    grace: TimerHandle | None = None

    def task_fence(self) -> t.Held:
        """Task and fence, as the verbs name them."""
        return t.Held(self.task.id, self.fence)


def newer(fence: str, than: str) -> bool:
    """Whether a delivery under ``fence`` replaces one under ``than``: not the same, nor older."""
    try:
        return fence_key(fence) > fence_key(than)
    except BadRequest:  # opaque: what comes later counts
        return fence != than


class QueueResponder:
    """``core.ports.Responder`` for a task: keeps the one answer for the worker to report."""

    def __init__(
        self,
        lease: HeldTask,
        registry: RegistryPort,
        world: World,
        timers: Timers,
        spawn: Callable[[Coroutine[Any, Any, Any]], object],
    ) -> None:
        self._lease, self._registry, self._spawn = lease, registry, spawn
        self._world, self._timers = world, timers
        self._steps: ProgressPacer | None = None
        """Made with the first step: it refers back to this, and few tasks report any."""
        self.result: bytes | None = None
        self.error: MeshError | None = None
        self._n = 0

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.result is not None or self.error is not None

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        """End with JSON bytes, those of its artifacts inside. Raises TooLarge."""
        self._end_steps()
        if not self.answered:
            self.result = pack(result, table)

    async def lend(self, artifacts: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
        """Their bytes, to go with the answer. Raises TooLarge."""
        return await queued.inline(artifacts)

    def fail(self, error: MeshError) -> None:
        """End with an error."""
        self._end_steps()
        if not self.answered:
            self.error = error

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """Partial output, for those who watch the task; without the bytes of artifacts."""
        report = t.Report(
            self._lease.task.id, self._lease.fence, self._next(), item=msgspec.Raw(chunk)
        )
        if event:
            report.event = msgspec.Raw(event)
        await self._tell(report)  # may be dropped; the result says it all

    def progress(self, fraction: float, note: str) -> None:
        """Report progress, at most five times a second."""
        if self.answered or self._lease.lost:
            return
        if self._steps is None:
            self._steps = ProgressPacer(self._world, self._timers, self._step)
        self._steps.step(fraction, note)

    def _end_steps(self) -> None:
        if self._steps is not None:
            self._steps.end()

    def _step(self, fraction: float, note: str) -> None:
        lease = self._lease
        report = t.Report(lease.task.id, lease.fence, self._next(), fraction, note[:1024])
        self._spawn(self._tell(report))

    def report(self) -> tuple[str, msgspec.Struct]:
        """The verb and its body under the fence that is in force now."""
        id_, fence = self._lease.task.id, self._lease.fence
        if self.error is not None or self.result is None:
            error = self.error or Cancelled()
            return "tasks.fail", t.Fail(id_, fence, error.to_wire())
        return "tasks.complete", t.Complete(id_, fence, t.Body(plain=msgspec.Raw(self.result)))

    def _next(self) -> int:
        self._n += 1
        return self._n - 1

    async def _tell(self, report: t.Report) -> None:
        with contextlib.suppress(MeshError):
            await self._registry.verb("tasks.progress", report)


class Outcome(NamedTuple):
    """What became of a task here that the registry may give out again. ``begun``: how often."""

    begun: int
    result: bytes | None = None
    error: MeshError | None = None

    @property
    def size(self) -> int:
        """Bytes of the result."""
        return len(self.result or b"")


class Outcomes:
    """The last tasks that were begun here and whose end the registry does not know.

    At most ``most`` and ``size`` bytes of results; the oldest goes first.
    """

    def __init__(self, most: int = OUTCOMES, size: int = OUTCOME_BYTES) -> None:
        self._most, self._size = most, size
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()
        self._bytes = 0

    def get(self, task_id: str) -> Outcome | None:
        """What is known of that task."""
        return self._outcomes.get(task_id)

    def keep(self, task_id: str, outcome: Outcome) -> None:
        """Remember it as the latest."""
        self.drop(task_id)
        self._outcomes[task_id] = outcome
        self._bytes += outcome.size
        while len(self._outcomes) > self._most or self._bytes > self._size:
            self._bytes -= self._outcomes.popitem(last=False)[1].size

    def drop(self, task_id: str) -> None:
        """The registry knows its end."""
        removed = self._outcomes.pop(task_id, None)
        self._bytes -= 0 if removed is None else removed.size
