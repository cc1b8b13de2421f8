"""One run for one request, by whichever door it comes first (links.md section 1).

An idempotent call moves to the queue also when a link has carried it. Then its request may come
here twice: over the link, where its skill may still run, and as a task; or as a task first, and
over the link when that is back and repeats what was not acknowledged. Whichever comes second waits
for the first and gives its answer.

A task names its key as the registry keeps it, hashed with its scope; a link's request id is that
key before it was hashed.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from chatixia.core import exchange, route
from chatixia.core.budget import REMEMBER_SECONDS
from chatixia.core.exchange import ServedRequest
from chatixia.core.ports import Handler, Incoming, Responder
from chatixia.core.queued_artifacts import unpack
from chatixia.core.task import scope
from chatixia.errors import Cancelled, SkillFailed, from_wire
from chatixia.peer.sessions.dispatch import stop
from chatixia.wire import messages as m
from chatixia.wire import tasks as t
from chatixia.wire.base import MIB
from chatixia.world import World

from .lease import HeldTask, Outcome, QueueResponder

MAX_ENDED_RUNS: Final = 256
ENDED_RUNS_BYTES: Final = 8 * MIB
"""Ends of idempotent tasks, and their results, in case a link brings the request again."""
STOPPED: Final = ("canceled", "deadline_exceeded")
"""How a request ends that its link or its time stopped: no answer of its skill."""


class IdempotentRun(msgspec.Struct, eq=False):
    """An idempotent task whose skill runs, until ``over``, which has what it answered."""

    over: asyncio.Future[Outcome]
    until: float

    @property
    def size(self) -> int:
        """Bytes of the result."""
        return self.over.result().size


class DuplicateGuard:
    """What links and queue know of each other. ``served``: the requests of one peer's links."""

    def __init__(
        self, ns: str, world: World, served: Callable[[str], Mapping[str, ServedRequest]]
    ) -> None:
        self._ns, self._world, self._served = ns, world, served
        self._running: dict[str, IdempotentRun] = {}
        self._ended: OrderedDict[str, IdempotentRun] = OrderedDict()
        self._bytes = 0

    # -- a task, after its request came over a link

    async def answered(self, lease: HeldTask, responder: QueueResponder) -> bool:
        """Whether a link has brought the request of this task, and its answer is the task's.

        What was stopped has none; an error is reported once, so that the next try runs.
        """
        served = self._carried(lease.task)
        if served is None:
            return False
        if served.flow is not None:
            stop(served)  # its items go where nobody reads any more; the task has a whole answer
        await _end(served, lease)
        return served.flow is None and _tell(served.answer, lease, responder)

    def _carried(self, task: t.Task) -> ServedRequest | None:
        if not task.scope:
            return None
        for rid, served in self._served(task.source_agent_id).items():
            same = served.incoming.skill == task.skill
            if same and self._scope(task.source_agent_id, rid) == task.scope:
                return served
        return None

    def _scope(self, caller: str, key: str) -> str:
        return scope(self._ns, caller, "tasks.submit", key).hex()

    # -- a request of a link, after its task came

    @contextlib.contextmanager
    def running(self, task: t.Task, responder: QueueResponder) -> Iterator[None]:
        """While the skill of a task runs, and for some time after, a link's request finds it."""
        if not task.scope:
            yield
            return
        name = f"{task.source_agent_id} {task.scope}"
        until = self._world.monotonic() + task.deadline_ms / 1000 + REMEMBER_SECONDS
        run = IdempotentRun(asyncio.get_running_loop().create_future(), until)
        self._running[name] = run
        try:
            yield
        finally:
            del self._running[name]
            # A copy: the error that was raised holds on to all that its skill had.
            error = None if responder.error is None else route.copy(responder.error)
            run.over.set_result(Outcome(1, responder.result, error))
            if responder.answered:
                self._keep(name, run)

    def follow(self, incoming: Incoming) -> Handler | None:
        """Who answers a link's request whose task was here before it; None: it is new."""
        if not (self._running or self._ended):
            return None
        self._forget()
        name = f"{incoming.caller} {self._scope(incoming.caller, incoming.key)}"
        run = self._running.get(name) or self._ended.get(name)
        return None if run is None else functools.partial(_repeat, run)

    def _keep(self, name: str, run: IdempotentRun) -> None:
        before = self._ended.pop(name, None)
        self._bytes += run.size - (0 if before is None else before.size)
        self._ended[name] = run
        self._forget()

    def _forget(self) -> None:
        now = self._world.monotonic()
        while self._ended:
            oldest = next(iter(self._ended.values()))
            full = len(self._ended) > MAX_ENDED_RUNS or self._bytes > ENDED_RUNS_BYTES
            if oldest.until > now and not full:
                return
            self._bytes -= self._ended.popitem(last=False)[1].size


async def _end(served: ServedRequest, lease: HeldTask) -> None:
    """Wait until the handler of a link's request has ended, and what it ended with is known."""
    if served.task is None or (served.task.done() and served.answer is not None):
        return
    try:
        await asyncio.wait((served.task,))
    except asyncio.CancelledError as stopped:
        # The task is taken away, and what the link began goes on: that is no try that was lost.
        lease.begun = False
        if lease.over:  # nobody wants an answer by any door
            served.task.cancel(*stopped.args)
        raise


def _tell(answer: bytes | None, lease: HeldTask, responder: QueueResponder) -> bool:
    read = None if answer is None else m.read(answer)
    if not isinstance(read, m.TaskAnswer | m.PromptAnswer):
        return False
    if read.error is None and exchange.table(read):
        text = "The answer holds artifacts, and only the link that brought it can bring them."
        responder.fail(SkillFailed(text, outcome="unknown"))
    elif read.error is None:
        responder.reply(bytes(exchange.outcome(read)[0]))
    elif lease.attempt > 1 or read.error.code in STOPPED:
        return False
    else:
        responder.fail(from_wire(read.error))
    return True


async def _repeat(run: IdempotentRun, incoming: Incoming, responder: Responder) -> None:
    """A handler that gives the answer of a task."""
    await asyncio.wait((run.over,))
    outcome = run.over.result()
    if outcome.result is not None:
        responder.reply(*unpack(outcome.result))
    else:
        responder.fail(outcome.error or Cancelled())
