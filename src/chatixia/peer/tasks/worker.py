"""The queue's worker: takes pushed tasks within its slots, runs them, reports under their fence.

tasks.md section 2. A lease is counted on a clock that runs through sleep, from before it was
asked for; the skill is cancelled when it ends or a renewal is refused. A report is repeated until
the registry has answered it, however long that is away.

While a loop stands still, what the registry gives out waits unread and is given out again under
later fences. So a delivery that is not fresh is begun only after the registry confirmed that its
fence is in force, and one task is never run twice at once: a later fence takes over what runs or
has its result.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import msgspec

from chatixia.background import BackgroundTasks, ends
from chatixia.core.ports import Handler, Incoming, Responder
from chatixia.core.queued import VIA
from chatixia.core.queued_artifacts import unpack
from chatixia.errors import (
    AttemptsExhausted,
    HopLimit,
    MeshError,
    SkillFailed,
    Untrusted,
)
from chatixia.ids import AgentId
from chatixia.peer.artifacts import queued
from chatixia.peer.ports import RegistryPort
from chatixia.peer.sessions.stop import interrupted, stopping
from chatixia.peer.timers import TimerHandle, Timers, sleep
from chatixia.wire import tasks as t
from chatixia.wire.base import MIB
from chatixia.wire.peer import MAX_HOPS
from chatixia.wire.signaling import TaskHint, TaskPush
from chatixia.world import World

from .dedup import DuplicateGuard
from .lease import HeldTask, Outcome, Outcomes, QueueResponder, newer
from .leases import LeaseSet
from .reports import RETRY, SURE, ResultReporter

log = logging.getLogger("chatixia.peer")

POLL: Final = 30.0
"""Seconds between claims while slots are free: the safety net under lost pushes."""
FRESH: Final = 0.5
"""A delivery older than this many seconds may have been taken back: the registry is asked."""
GIVE_BACK: Final = 1.0
"""Seconds in which a stop tells the registry what it did not end."""
UNREPORTED: Final = 64
UNREPORTED_BYTES: Final = 32 * MIB
"""Results that wait for the registry; beyond this no more work is taken."""


class QueueWorker:
    """Everything this process holds of the queue. ``clock``: mesh time, for a delivery's age.
    ``duplicates``: what it must know of links."""

    def __init__(
        self,
        me: AgentId,
        registry: RegistryPort,
        world: World,
        timers: Timers,
        clock: Callable[[], float] | None = None,
        duplicates: DuplicateGuard | None = None,
    ) -> None:
        self.me, self.registry, self.world, self.timers = me, registry, world, timers
        self._clock, self._ahead = clock, -math.inf
        self._duplicates = duplicates or DuplicateGuard("", world, lambda caller: {})
        self._handler: Handler | None = None
        self._skills: frozenset[str] = frozenset()
        self._slots = 0
        self._outcomes = Outcomes()
        self._claim: t.Claim | None = None
        self._background = BackgroundTasks()
        self.leases = LeaseSet(me, registry, world, timers, self._background)
        self._reports = ResultReporter(me, registry, world, timers)
        self._poller: TimerHandle | None = None
        self._stopped = False

    # -- what the mesh tells

    def serve(self, handler: Handler, skills: Sequence[str], slots: int) -> None:
        """Take tasks for these skills, at most ``slots`` at once."""
        self._handler, self._skills, self._slots = handler, frozenset(skills), slots

    def registry_up(self) -> None:
        """A login stands: look for work that no push announced, now and every 30 s."""
        self._again(1.0)

    def pushed(self, push: msgspec.Struct) -> None:
        """A push from the registry; others than to workers are not ours."""
        if self._stopped or self._handler is None:
            return
        if isinstance(push, TaskPush):
            # An unstarted task goes back after 5 s, so its lease began at most 5 s ago.
            began = self.world.boottime() - t.UNSTARTED_MS / 1000
            self.leases.pace(push.lease_ms)
            self._take(push.task, push.fence, push.attempt, began + push.lease_ms / 1000)
        elif isinstance(push, TaskHint):
            lease = self.leases.in_hand.get(push.task_id)
            if lease is not None and lease.fence == push.fence and push.state != "assigned":
                self.leases.refused(lease, push.state == "pending", push.reason)

    # -- taking

    def _take(
        self, task: t.Task, fence: str, attempt: int, until: float, confirmed: bool = False
    ) -> None:
        old = self.leases.in_hand.get(task.id)
        if old is not None:
            if newer(fence, old.fence):
                self._adopt(old, fence, attempt, until)
            return
        if not self._fits(task):
            self.spawn(self._release(t.Held(task.id, fence)))
            return
        now = self.world.boottime()
        lease = HeldTask(task, fence, until, now, max(attempt, 1))
        if task.deadline_ms:
            lease.ends = now + task.deadline_ms / 1000
        lease.sure = self._fresh(task) and task.id not in self.leases.ending
        lease.confirmed = confirmed and lease.sure
        self.leases.add(lease)
        lease.run = self._background.eager(self._run(lease))
        if lease.sure and not (lease.confirmed or lease.run.done() or lease.reporting):
            self.spawn(self._started(lease))

    def _fits(self, task: t.Task) -> bool:
        """Whether it is ours, and a slot is free."""
        fits = not task.skill or task.skill in self._skills or task.target_agent_id == self.me
        # The registry deals the next task out with the commit of a report, so its push may come
        # before the report's answer: that slot is free. So is that of one that is being stopped.
        busy = len([one for one in self.leases.in_hand.values() if not one.reporting])
        waiting = len(self.leases.in_hand) - busy + len(self.leases.ending)
        full = busy >= self._slots or waiting >= self._slots + UNREPORTED
        return fits and not full and self._reports.waiting < UNREPORTED_BYTES

    def _fresh(self, task: t.Task) -> bool:
        """Whether it was given out just now, by the highest store time that is known here: what a
        grant itself says corrects a mesh time that was learned late."""
        if self._clock is None:
            return True
        here = self.world.boottime()
        self._ahead = max(self._ahead, task.updated_at - here)
        return max(self._clock(), here + self._ahead) - task.updated_at < FRESH

    def _adopt(self, lease: HeldTask, fence: str, attempt: int, until: float) -> None:
        """It was given out again, to us: what is in hand goes on under the new fence."""
        lease.fence, lease.until, lease.attempt = fence, until, max(attempt, 1)
        lease.lost = lease.confirmed = False
        lease.renewed = self.world.boottime()
        self.leases.spare(lease)
        if lease.begun and not lease.reporting and not lease.confirming:
            self.spawn(self._started(lease))

    async def _release(self, claimed: t.Held) -> None:
        with contextlib.suppress(MeshError):
            await self.registry.verb("tasks.release", claimed)

    async def _started(self, lease: HeldTask) -> bool:
        """Tell that it is taken up, until that is answered; whether the fence is in force."""
        lease.confirming = True
        pauses = iter(RETRY)
        try:
            while not (lease.confirmed or lease.lost or lease.reporting):
                fence = lease.fence
                code = await self._report_started(lease)
                if lease.fence != fence:
                    continue
                if not code:
                    lease.confirmed = True
                elif code in SURE:
                    self.leases.refused(lease, back=code == "stale_fence")
                elif self.world.boottime() > lease.until:
                    return False
                else:
                    await sleep(self.timers, next(pauses, RETRY[-1]))
        finally:
            lease.confirming = False
        return lease.confirmed and not lease.lost

    async def _report_started(self, lease: HeldTask) -> str:
        try:
            await self.registry.verb("tasks.started", lease.task_fence())
        except MeshError as error:
            return error.code
        return ""

    def _incoming(self, lease: HeldTask) -> Incoming:
        task = lease.task
        plain = task.payload.plain
        body = plain if isinstance(plain, msgspec.Raw) else msgspec.Raw(b"{}")
        value, table = unpack(bytes(body))
        caller = AgentId(task.source_agent_id)
        deadline = self.world.monotonic() + task.deadline_ms / 1000 if task.deadline_ms else None
        return Incoming(
            caller,
            task.id,
            "task" if task.skill else "prompt",
            task.skill,
            msgspec.Raw(value),
            False,
            (*task.path, caller),
            deadline,
            task.traceparent,
            VIA,
            task.id,
            holder=caller.partition("~")[0],
            fence=lease.fence,
            attempt=lease.attempt,
            task_id=task.id,
            artifacts=queued.feeds(table),
        )

    async def _run(self, lease: HeldTask) -> None:
        """One task from its delivery to its acknowledged report."""
        responder = QueueResponder(lease, self.registry, self.world, self.timers, self.spawn)
        try:
            if await self._may_begin(lease, responder):
                lease.begun = True
                if not await self._duplicates.answered(lease, responder):
                    with self._duplicates.running(lease.task, responder):
                        await self._work(lease, responder)
            if responder.answered and not lease.lost:
                self.leases.spare(lease)
                await self._reports.deliver(lease, responder)
        finally:
            self._done(lease, responder)

    async def _may_begin(self, lease: HeldTask, responder: QueueResponder) -> bool:
        """Whether to start the skill; else there is an answer, or nothing to do."""
        before = self.leases.ending.get(lease.task.id)
        if before is not None and before.run is not None:
            self.spawn(self._started(lease))  # it may take long, and it is ours
            await asyncio.wait((before.run,))
        outcome = self._outcomes.get(lease.task.id)
        if outcome is not None:
            responder.result, responder.error = outcome.result, outcome.error
            if not responder.answered and outcome.begun >= lease.task.max_attempts:
                responder.fail(_exhausted(outcome.begun))
        if len(lease.task.path) + 1 > MAX_HOPS:
            responder.fail(HopLimit(agent=self.me))
        if responder.answered:
            return False
        return lease.sure or (await self._started(lease) and not lease.lost)

    async def _work(self, lease: HeldTask, responder: QueueResponder) -> None:
        assert self._handler is not None
        me = asyncio.current_task()
        try:
            await self._handler(self._incoming(lease), responder)
        except MeshError as error:
            responder.fail(error)
        except BaseException as error:
            if ends(error, me):
                self._interrupted(lease, error)
                raise
            log.error("a handler failed: %s", type(error).__name__)
            responder.fail(SkillFailed(agent=self.me))
        if not responder.answered:
            responder.fail(SkillFailed("The skill ended without an answer.", agent=self.me))

    def _interrupted(self, lease: HeldTask, error: BaseException) -> None:
        """Tell now, and beside, of a task that was cancelled by somebody else than us."""
        if isinstance(error, asyncio.CancelledError) and not (lease.lost or self._stopped):
            log.warning("%s was cancelled from inside", lease.task.skill or "a prompt")
            self.spawn(self._give_back(lease, interrupted(self.me)))

    def _done(self, lease: HeldTask, responder: QueueResponder) -> None:
        """Nothing runs any more; what the registry does not know is remembered."""
        name = lease.task.id
        self.leases.remove(lease)
        outcome = self._outcomes.get(name) or Outcome(0)
        if lease.over:
            self._outcomes.drop(name)
        elif lease.begun or outcome.begun:
            begun = outcome.begun + lease.begun
            self._outcomes.keep(name, Outcome(begun, responder.result, responder.error))

    # -- the safety net

    def _again(self, delay: float) -> None:
        if self._poller is not None:
            self._poller.cancel()
        self._poller = None
        if not self._stopped and self._handler is not None and self._slots:
            self._poller = self.timers.later(delay, self._poll)

    def _poll(self) -> None:
        self._poller = None
        if not self.registry.up:
            return  # the next login begins anew
        self.spawn(self._look_safely())
        self._again(POLL)

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except MeshError as error:
            log.debug("no claim: %s", error)

    async def look(self) -> int:
        """Claim as much as slots are free; how many tasks came. Raises MeshError.

        A claim without an answer is repeated as it was: what it was granted is not lost.
        """
        free = self._slots - len(self.leases.in_hand)
        if self._claim is None and free > 0:
            skills = sorted(self._skills)[:256]
            self._claim = t.Claim(self.world.token(12).hex(), min(free, 64), skills)
        if self._claim is None:
            return 0
        sent_at = self.world.boottime()
        try:
            reply = await self.registry.verb("tasks.claim", self._claim)
        except MeshError as error:
            if not (error.retryable or error.outcome == "unknown"):
                self._claim = None
            raise
        self._claim = None
        for one in reply.grants:
            until = sent_at + one.lease_ms / 1000
            self._take(one.task, one.fence, one.attempt, until, confirmed=True)
        return len(reply.grants)

    # -- tasks

    @property
    def working(self) -> int:
        """Tasks in hand."""
        return len(self.leases.in_hand)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run beside, until :meth:`stop`."""
        self._background.spawn(work)

    @property
    def runs(self) -> list[asyncio.Task[Any]]:
        """What is at work now, or tells how it ended."""
        return self.leases.runs

    def drain(self) -> None:
        """Take no more work; what is given out to us goes back."""
        self._slots = 0

    async def stop(self) -> None:
        """Cancel what runs and give it back; the registry ends other leases with our goodbye."""
        self._stopped = True
        if self._poller is not None:
            self._poller.cancel()
        left = self.leases.stop()
        await self._background.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_BACK):
                await asyncio.gather(*(self._give_back(lease) for lease in left))

    async def _give_back(self, lease: HeldTask, reason: MeshError | None = None) -> None:
        """Say that it was stopped, so that it goes on elsewhere at once, or is known as unknown."""
        if not self.registry.up or lease.reporting:
            return
        with contextlib.suppress(MeshError):
            if lease.begun:
                error = (reason or stopping(self.me)).to_wire()
                await self.registry.verb("tasks.fail", t.Fail(lease.task.id, lease.fence, error))
            else:
                await self.registry.verb("tasks.release", lease.task_fence())


def _exhausted(begun: int) -> AttemptsExhausted:
    times = "once" if begun == 1 else f"{begun} times"
    text = f"The task was begun {times} and stopped when its lease was lost."
    return AttemptsExhausted(text, outcome="unknown")


async def untrusted(incoming: Incoming, responder: Responder) -> None:
    """Answers what the registry brought, where only what a link proved is taken."""
    raise Untrusted(
        "This agent takes no work of the queue and no broadcast of the registry, which prove nobody"
        " (`trust: owner`); call it over a link (`--direct`)."
    )
