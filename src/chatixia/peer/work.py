"""The queue's worker: takes pushed tasks within its slots, runs them, reports under their fence.

tasks.md section 2. A lease is counted on a clock that runs through sleep, from before it was
asked for; the skill is cancelled when it ends or a renewal is refused. A report is repeated under
the same fence until the registry has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from chatixia.core.ports import Handler, Incoming
from chatixia.errors import (
    Cancelled,
    HopLimit,
    MeshError,
    SkillFailed,
    TooLarge,
)
from chatixia.ids import AgentId
from chatixia.wire import tasks as t
from chatixia.wire.peer import MAX_HOPS
from chatixia.wire.signaling import TaskHint, TaskPush
from chatixia.world import World

from .calls import EAGER
from .channel import Handle, Registry, Timers
from .renewal import Renewer

log = logging.getLogger("chatixia.peer")

VIA: Final = "queue, plain"
TICK: Final = 1.0
"""Seconds between looks at the leases, and signs that the loop lives."""
MAX_BLOCK: Final = 60.0
"""A loop that was not seen for this long counts as dead: its leases are renewed no more."""
UNRENEWED: Final = 13.0
"""After this long without a renewal by the thread the loop asks over the login, too."""
RETRY: Final = (0.2, 0.5, 1.0, 2.0)
KEPT: Final = 60.0
"""Seconds past a task's deadline for which a report is repeated."""
POLL: Final = 30.0
"""Seconds between claims while slots are free: the safety net under lost pushes."""
PROGRESS_GAP: Final = 0.2

_SURE: Final = ("stale_fence", "canceled", "not_found", "conflict", "denied", "unauthorized")
"""Answers to a report after which nothing is left to say."""


class Lease(msgspec.Struct, eq=False):
    """A task in hand. ``until``: when the lease ends, on ``World.boottime``'s clock.

    ``lost``: it is another's by now. ``reporting``: its skill is done.
    """

    task: t.Task
    fence: str
    until: float
    renewed: float
    run: asyncio.Task[Any] | None = None
    lost: bool = False
    reporting: bool = False


class QueueResponder:
    """``core.ports.Responder`` for a task: keeps the one answer for the worker to report."""

    def __init__(self, worker: Worker, lease: Lease) -> None:
        self._worker, self._lease = worker, lease
        self.result: bytes | None = None
        self.error: MeshError | None = None
        self._n = 0
        self._told = float("-inf")

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.result is not None or self.error is not None

    def reply(self, result: bytes) -> None:
        """End with JSON bytes."""
        if not self.answered:
            self.result = result

    def fail(self, error: MeshError) -> None:
        """End with an error."""
        if not self.answered:
            self.error = error

    async def item(self, chunk: bytes) -> None:
        """Partial output, to whoever watches."""
        report = t.Report(
            self._lease.task.id, self._lease.fence, self._next(), item=msgspec.Raw(chunk)
        )
        with contextlib.suppress(MeshError):  # may be dropped; the result says it all
            await self._worker.registry.verb("tasks.progress", report)

    def progress(self, fraction: float, note: str) -> None:
        """Tell how far it is, at most five times a second."""
        now = self._worker.world.monotonic()
        if now - self._told < PROGRESS_GAP and fraction < 1:
            return
        self._told = now
        lease = self._lease
        report = t.Report(lease.task.id, lease.fence, self._next(), fraction, note[:1024])
        self._worker.spawn(self._worker.tell("tasks.progress", report))

    def _next(self) -> int:
        self._n += 1
        return self._n - 1


class Worker:
    """Everything this process holds of the queue."""

    def __init__(self, me: AgentId, registry: Registry, world: World, timers: Timers) -> None:
        self.me, self.registry, self.world, self._timers = me, registry, world, timers
        self._handler: Handler | None = None
        self._skills: frozenset[str] = frozenset()
        self._slots = 0
        self._leases: dict[str, Lease] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ticker: Handle | None = None
        self._poller: Handle | None = None
        self._ticked = 0.0
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._renewer = Renewer(
            self._held, lambda: registry.access, self._renewed_aside, world.boottime
        )

    # -- what the mesh tells

    def serve(self, handler: Handler, skills: Sequence[str], slots: int) -> None:
        """Take tasks for these skills, at most ``slots`` at once."""
        self._handler, self._skills, self._slots = handler, frozenset(skills), slots

    def registry_up(self) -> None:
        """A login stands: look for work that no push told of, now and every 30 s."""
        self._again(1.0)

    def pushed(self, push: msgspec.Struct) -> None:
        """A push from the registry; others than to workers are not ours."""
        if self._stopped or self._handler is None:
            return
        if isinstance(push, TaskPush):
            # An unstarted task goes back after 5 s, so its lease began at most 5 s ago.
            began = self.world.boottime() - t.UNSTARTED_MS / 1000
            self._take(push.task, push.fence, push.attempt, began + push.lease_ms / 1000)
        elif isinstance(push, TaskHint):
            lease = self._leases.get(push.task_id)
            if lease is not None and lease.fence == push.fence and push.state != "assigned":
                self._lose(lease)

    # -- taking

    def _take(self, task: t.Task, fence: str, attempt: int, until: float) -> None:
        old = self._leases.get(task.id)
        if old is not None and old.fence == fence:
            return
        if old is not None:
            self._lose(old)
        ours = not task.skill or task.skill in self._skills or task.target_agent_id == self.me
        # The registry deals the next task out with the commit of a report, so its push may come
        # before the report's answer: that slot is free.
        busy = sum(not lease.reporting for lease in self._leases.values())
        if busy >= self._slots or not ours:
            self.spawn(self.tell("tasks.release", t.Held(task.id, fence)))
            return
        lease = self._leases[task.id] = Lease(task, fence, until, self.world.boottime())
        lease.run = self._spawn_eager(self._run(lease, attempt))
        if not lease.run.done():
            if not lease.reporting:  # else its report says it
                self.spawn(self._started(lease))
            self._tick_soon()

    async def _started(self, lease: Lease) -> None:
        """Tell that it runs; a refusal says that the task is another's by now."""
        try:
            await self.registry.verb("tasks.started", t.Held(lease.task.id, lease.fence))
        except MeshError as error:
            if error.code in _SURE:
                self._lose(lease)

    def _incoming(self, lease: Lease, attempt: int) -> Incoming:
        task = lease.task
        plain = task.payload.plain
        body = plain if isinstance(plain, msgspec.Raw) else msgspec.Raw(b"{}")
        caller = AgentId(task.source_agent_id)
        deadline = self.world.monotonic() + task.deadline_ms / 1000 if task.deadline_ms else None
        return Incoming(
            caller, task.id, "task" if task.skill else "prompt", task.skill, body, False,
            (*task.path, caller), deadline, task.traceparent, VIA, task.id,
            lease.fence, max(attempt, 1), task.id,
        )  # fmt: skip

    async def _run(self, lease: Lease, attempt: int) -> None:
        """One task from start to its acknowledged report."""
        responder = QueueResponder(self, lease)
        incoming = self._incoming(lease, attempt)
        try:
            if len(incoming.path) > MAX_HOPS:
                responder.fail(HopLimit(agent=self.me))
            else:
                await self._work(incoming, responder)
            if not lease.lost:
                await self._report(lease, responder)
        finally:
            if self._leases.get(lease.task.id) is lease:
                del self._leases[lease.task.id]

    async def _work(self, incoming: Incoming, responder: QueueResponder) -> None:
        assert self._handler is not None
        try:
            await self._handler(incoming, responder)
        except MeshError as error:
            responder.fail(error)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its answer
            log.error("a handler failed: %s", type(error).__name__)
            responder.fail(SkillFailed(agent=self.me))
        if not responder.answered:
            responder.fail(SkillFailed("The skill ended without an answer.", agent=self.me))

    # -- reporting

    async def _report(self, lease: Lease, responder: QueueResponder) -> None:
        lease.reporting = True
        result = responder.result
        if result is not None and len(result) > t.MAX_PAYLOAD:
            responder.error = TooLarge(
                f"The result has {len(result)} bytes; the queue takes at most"
                f" {t.MAX_PAYLOAD} (1 MiB).",
                agent=self.me,
            )
        name, id_ = "tasks.complete", lease.task.id
        said: msgspec.Struct
        if responder.error is not None or result is None:
            error = responder.error or Cancelled(agent=self.me)
            name, said = "tasks.fail", t.Fail(id_, lease.fence, error.to_wire())
        else:
            said = t.Complete(id_, lease.fence, t.Body(plain=msgspec.Raw(result)))
        await self._insist(name, said, lease)

    async def _insist(self, name: str, said: msgspec.Struct, lease: Lease) -> None:
        """The same report under the same fence until it is answered: repeated, it is one."""
        last = self.world.boottime() + lease.task.deadline_ms / 1000 + KEPT
        pauses = iter(RETRY)
        while True:
            try:
                await self.registry.verb(name, said)
            except MeshError as error:
                again = error.retryable or error.outcome == "unknown"
                if error.code in _SURE or not again or self.world.boottime() > last:
                    log.info("the report of %s was refused: %s", lease.task.id, error)
                    return
            else:
                return
            await self._sleep(next(pauses, RETRY[-1]))

    async def tell(self, name: str, said: msgspec.Struct) -> None:
        """A verb whose failure changes nothing."""
        with contextlib.suppress(MeshError):
            await self.registry.verb(name, said)

    # -- leases

    def _held(self) -> list[t.Held]:
        """Called in the renewing thread: what to renew, while the loop counts as alive."""
        if self.world.boottime() - self._ticked > MAX_BLOCK:
            return []
        return [t.Held(name, lease.fence) for name, lease in list(self._leases.items())][:256]

    def _renewed_aside(self, renewals: Sequence[t.Renewal], asked: float) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(self._renewed, renewals, asked)

    def _renewed(self, renewals: Sequence[t.Renewal], asked: float) -> None:
        for renewal in renewals:
            lease = self._leases.get(renewal.task_id)
            if lease is None:
                continue
            if renewal.code:
                self._lose(lease)
            else:
                lease.until = max(lease.until, asked + renewal.lease_ms / 1000)
                lease.renewed = max(lease.renewed, asked)

    def _lose(self, lease: Lease) -> None:
        """The task is not ours any more: stop, and report nothing."""
        lease.lost = True
        if self._leases.get(lease.task.id) is lease:
            del self._leases[lease.task.id]
        if lease.run is not None:
            lease.run.cancel()

    def _tick_soon(self) -> None:
        self._ticked = self.world.boottime()
        if self._ticker is None:
            self._loop = asyncio.get_running_loop()
            self._renewer.start()
            self._ticker = self._timers.later(TICK, self._tick)

    def _tick(self) -> None:
        """While something is held: the loop lives, no lease is past, renewals come."""
        self._ticker = None
        now = self._ticked = self.world.boottime()
        for lease in list(self._leases.values()):
            if lease.until < now:
                log.warning("the lease of %s is over; its skill is stopped", lease.task.id)
                self._lose(lease)
        late = [one for one in self._leases.values() if now - one.renewed > UNRENEWED]
        if late and self.registry.up:
            for lease in late:
                lease.renewed = now
            self.spawn(self._renew_here([t.Held(one.task.id, one.fence) for one in late], now))
        if self._leases:
            self._ticker = self._timers.later(TICK, self._tick)

    async def _renew_here(self, leases: list[t.Held], asked: float) -> None:
        with contextlib.suppress(MeshError):
            said = await self.registry.verb("tasks.renew", t.Renew(leases[:256]))
            self._renewed(said.leases, asked)

    # -- the safety net

    def _again(self, delay: float) -> None:
        if self._poller is not None:
            self._poller.cancel()
        self._poller = None
        if not self._stopped and self._handler is not None and self._slots:
            self._poller = self._timers.later(delay, self._poll)

    def _poll(self) -> None:
        self._poller = None
        if not self.registry.up:
            return  # the next login begins anew
        free = self._slots - len(self._leases)
        if free > 0:
            self.spawn(self._claim(min(free, 64)))
        self._again(POLL)

    async def _claim(self, limit: int) -> None:
        asked = self.world.boottime()
        claim = t.Claim(self.world.token(12).hex(), limit, sorted(self._skills)[:256])
        try:
            grants = await self.registry.verb("tasks.claim", claim)
        except MeshError as error:
            log.debug("no claim: %s", error)
            return
        for grant in grants.grants:
            self._take(grant.task, grant.fence, grant.attempt, asked + grant.lease_ms / 1000)

    # -- tasks

    @property
    def working(self) -> int:
        """Tasks in hand."""
        return len(self._leases)

    def spawn(self, work: Any) -> None:
        """Run beside, until :meth:`stop`."""
        self._keep(asyncio.ensure_future(work))

    def _spawn_eager(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), **EAGER)
        self._keep(task)
        return task

    def _keep(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _sleep(self, seconds: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        timer = self._timers.later(seconds, _setter(waiter))
        try:
            await waiter
        finally:
            timer.cancel()

    async def stop(self) -> None:
        """Cancel what runs; the registry ends our leases with our goodbye."""
        self._stopped = True
        self._renewer.stop()
        for timer in (self._ticker, self._poller):
            if timer is not None:
                timer.cancel()
        for lease in list(self._leases.values()):
            self._lose(lease)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _setter(waiter: asyncio.Future[None]) -> Callable[[], None]:
    return lambda: None if waiter.done() else waiter.set_result(None)
