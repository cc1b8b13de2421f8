"""The durable task: its states, its fences, when it is tried again, and who gets it next.

Everything is decided here and carried out by the store inside one transaction
(tasks.md sections 1, 2 and 7).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import product
from typing import Final, Literal, NamedTuple, get_args

from chatixia.errors import (
    AttemptsExhausted,
    BadRequest,
    Cancelled,
    Conflict,
    DeadlineExceeded,
    Expired,
    MeshError,
    Outcome,
    Revoked,
    StaleFence,
    UnknownAgent,
    WireError,
)
from chatixia.wire.base import encode
from chatixia.wire.tasks import MAX_DELIVERIES, TERMINAL, State, Submit

from .ports import Principal

LEASE: Final = 30.0
"""Seconds of a lease; renewed every 10."""
POLL_LEASE: Final = 60.0
"""Seconds of a lease of an agent that polls."""
UNSTARTED: Final = 5.0
"""Seconds within which a pushed task is started, and a closed socket's process is back."""
OLDEST_EVERY: Final = 16
"""Every sixteenth claim takes the oldest task whatever its priority."""
RETRY_FIRST, RETRY_MOST = 1.0, 300.0

Event = Literal[
    "grant",
    "start",
    "complete",
    "fail",
    "reject",
    "retry",
    "return",
    "lose",
    "exhaust",
    "expire",
    "cancel",
    "ask",
    "answer",
]
BY_HOLDER: Final = frozenset({"start", "complete", "fail", "reject", "retry", "return", "ask"})
"""Events that only the holder of the lease may cause, under its fence."""


TRIED: Final = frozenset({"lose", "exhaust"})
"""Where :func:`after_departure` leads: the last delivery counts as an attempt."""


class Transition(NamedTuple):
    """Where an event leads. ``raises``: the fence rises, so whoever held the task is refused.

    ``attempt``: 1 counts one, -1 takes back one that had been counted.
    """

    to: State
    raises: bool = False
    attempt: int = 0


TRANSITIONS: Final[dict[tuple[State, Event], Transition]] = {
    ("pending", "grant"): Transition("assigned", raises=True),
    ("pending", "expire"): Transition("failed", raises=True),
    ("pending", "cancel"): Transition("canceled", raises=True),
    ("assigned", "start"): Transition("assigned", attempt=1),
    ("assigned", "complete"): Transition("completed"),
    ("assigned", "fail"): Transition("failed"),
    ("assigned", "reject"): Transition("rejected"),
    ("assigned", "retry"): Transition("pending", raises=True),
    ("assigned", "return"): Transition("pending", raises=True, attempt=-1),
    ("assigned", "lose"): Transition("pending", raises=True),
    ("assigned", "exhaust"): Transition("failed", raises=True),
    ("assigned", "expire"): Transition("failed", raises=True),
    ("assigned", "cancel"): Transition("canceled", raises=True),
    ("assigned", "ask"): Transition("input_required", raises=True),
    ("input_required", "answer"): Transition("pending"),
    ("input_required", "expire"): Transition("failed", raises=True),
    ("input_required", "cancel"): Transition("canceled", raises=True),
}
"""Every change a task can make; what is not here is refused. ``ask`` and ``answer`` are reserved.
"""


def step(state: State, event: Event) -> Transition:
    """The step from ``state`` on ``event``.

    Raises Cancelled or StaleFence to a holder whose task is not its own any more, and Conflict
    to anyone else who asks for what the state forbids.
    """
    found = TRANSITIONS.get((state, event))
    if found is None:
        raise refusal(state, event)
    return found


_ENDED: Final[dict[str, str]] = {
    "completed": "The task is completed",
    "failed": "The task has failed",
    "canceled": "The task was canceled",
    "rejected": "The task was rejected",
    "input_required": "The task waits for an answer",
}
_DONE: Final[dict[str, str]] = {
    "grant": "be given out",
    "lose": "lose its lease",
    "exhaust": "run out of attempts",
    "expire": "expire",
    "cancel": "be canceled",
    "answer": "be answered",
}
"""What an event that no holder causes does to a task, as a person would say it."""


def refusal(state: State, event: Event) -> MeshError:
    """Why ``event`` cannot happen in ``state``."""
    if event not in BY_HOLDER:
        return Conflict(
            f"{_ENDED.get(state, f'The task is {state}')}, so it cannot {_DONE[event]}."
        )
    return Cancelled("The task was canceled.") if state == "canceled" else StaleFence()


def every_case() -> Iterable[tuple[State, Event]]:
    """All pairs of state and event, for whoever walks the table."""
    return product(get_args(State), get_args(Event))


def lease(kind: str, full: float = LEASE) -> float:
    """Seconds of a claimed lease: ``full``, but an agent without a key of its own only polls, so
    longer."""
    return max(POLL_LEASE, full) if kind == "key" else full


# --- fences -----------------------------------------------------------------------------------


def fence_text(generation: int, n: int) -> str:
    """A fence, epoch or cursor as it travels: opaque, at most 40 characters."""
    return f"{generation}.{n}"


def fence_key(text: str) -> tuple[int, int]:
    """What fences, epochs and cursors compare by: (store generation, n). Raises BadRequest."""
    high, dot, low = text.partition(".")
    if not (dot and len(text) <= 40 and text.isascii() and high.isdigit() and low.isdigit()):
        raise BadRequest("That is no fence, epoch or cursor of this mesh.")
    return int(high), int(low)


# --- tried again or not ------------------------------------------------------------------------


class AttemptCounts(NamedTuple):
    """How often a task was given out. ``attempt`` counts started ones, the present included."""

    attempt: int
    max_attempts: int
    deliveries: int
    started: bool
    deadline: float


class RetryDecision(NamedTuple):
    """What becomes of a task that was not completed. ``run_after``: store time, for pending."""

    event: Event
    run_after: float = 0.0
    error: WireError | None = None


REFUSALS: Final = frozenset(
    {"rejected", "hop_limit", "bad_arguments", "unknown_skill", "denied", "too_large"}
)
"""Codes of a worker that refused before it started."""


def after_failure(
    tries: AttemptCounts, error: WireError, now: float, jitter: float
) -> RetryDecision:
    """The holder reported ``error``: rejected, tried again after a pause, or failed for good."""
    if error.code in REFUSALS and not error.retryable:
        return RetryDecision("reject", error=error)
    if not error.retryable:
        return RetryDecision("fail", error=error)
    if tries.attempt >= tries.max_attempts:
        return RetryDecision("fail", error=exhausted(tries, error))
    again = now + pause(tries.attempt, jitter)
    return (
        RetryDecision("fail", error=error)
        if again >= tries.deadline
        else RetryDecision("retry", again)
    )


def after_loss(tries: AttemptCounts, now: float, jitter: float) -> RetryDecision:
    """The lease ended without an answer: an unstarted task returns, a started one has tried."""
    if not tries.started:
        return after_return(tries, now)
    if tries.attempt >= tries.max_attempts:
        return RetryDecision("exhaust", error=exhausted(tries, None))
    return RetryDecision("lose", now + pause(tries.attempt, jitter))


def after_departure(tries: AttemptCounts, now: float, jitter: float) -> RetryDecision:
    """The holder's process is gone without a goodbye. What it was sent it may have begun, and the
    word for it died with it: that delivery is the last of ``tries.attempt``."""
    if tries.started:
        return after_loss(tries, now, jitter)
    tries = tries._replace(attempt=tries.attempt + 1)
    if tries.attempt >= tries.max_attempts:
        return RetryDecision("exhaust", error=exhausted(tries, None))
    back = after_return(tries, now)
    return back if back.event == "exhaust" else back._replace(event="lose")


def after_return(tries: AttemptCounts, now: float) -> RetryDecision:
    """Unstarted or released: no attempt counted, but at most twenty deliveries."""
    if tries.deliveries >= MAX_DELIVERIES:
        sentence = f"The task was given out {tries.deliveries} times and not taken up."
        outcome: Outcome = "unknown" if tries.attempt else "definite"
        return RetryDecision(
            "exhaust", error=AttemptsExhausted(sentence, outcome=outcome).to_wire()
        )
    wait = 0.0 if tries.deliveries <= 1 else min(10.0, 0.1 * 2 ** (tries.deliveries - 2))
    return RetryDecision("return", now + wait)


def pause(attempt: int, jitter: float) -> float:
    """Seconds before the next attempt: doubling from 1 s to 5 minutes, half of it by ``jitter``."""
    full = min(RETRY_MOST, RETRY_FIRST * 2.0 ** min(attempt - 1, 30))
    return full * (0.5 + 0.5 * jitter)


def exhausted(tries: AttemptCounts, last: WireError | None) -> WireError:
    """The dead letter's error; a task that may be tried once keeps its own."""
    if last is not None and tries.max_attempts == 1:
        return last
    why = "its worker was lost" if last is None else f"the last error was {last.code}"
    times = "once" if tries.attempt == 1 else f"{tries.attempt} times"
    said = f"The task was tried {times}; {why}."
    return AttemptsExhausted(said, outcome="unknown").to_wire()  # each of the tries had begun


def expired(deliveries: int) -> WireError:
    """The error of a task whose deadline passed: what a call says if a worker had it, and
    ``expired``, which is definite, if nobody ever had."""
    return (DeadlineExceeded() if deliveries else Expired()).to_wire()


def cancelled(reason: str) -> RetryDecision:
    """The end of a task that somebody canceled, saying why if that was told."""
    if not (said := reason.strip()):
        return RetryDecision("cancel")
    text = f"The task was canceled: {said}"[:1024]
    return RetryDecision("cancel", error=Cancelled(text).to_wire())


class RemovedParties(NamedTuple):
    """Who is out. ``parties``: the ids that were put out, machines, agents or API keys;
    ``names``: those, and every agent that such a machine signed."""

    parties: frozenset[str]
    names: frozenset[str]


def after_removal(
    task: TaskParties,
    state: State,
    tries: AttemptCounts,
    gone: RemovedParties,
    now: float,
    jitter: float,
) -> RetryDecision | None:
    """What becomes of an open task of whoever is out; None if it concerns nobody of them.

    What they submitted ends, what is addressed to them can never be done, what they hold returns.
    """
    maybe_ran: Outcome = "unknown" if tries.deliveries else "definite"
    if task.source in gone.names or task.machine in gone.parties:
        why = f"Its submitter {task.source} was put out of the mesh."
        return RetryDecision("cancel", error=Revoked(why, outcome=maybe_ran).to_wire())
    if task.target in gone.names:
        why = f"{task.target} was put out of the mesh."
        error = UnknownAgent(why, agent=task.target, outcome=maybe_ran)
        return RetryDecision("expire", error=error.to_wire())
    if state == "assigned" and task.worker in gone.names:
        return after_departure(tries, now, jitter)
    return None


# --- who gets it next ---------------------------------------------------------------------------


class QueueHead(NamedTuple):
    """The first claimable task of one queue. ``n`` rises with age's opposite: lower is older."""

    priority: int
    n: int


def choose(heads: Iterable[QueueHead], claims: int) -> QueueHead | None:
    """Which head is claimed: by priority, then age; on every sixteenth claim the oldest."""
    if claims % OLDEST_EVERY == OLDEST_EVERY - 1:
        return min(heads, key=lambda head: head.n, default=None)
    return min(heads, key=lambda head: (-head.priority, head.n), default=None)


def turn(last: int | None, served: int) -> int:
    """A new task's place within its queue and priority, so that submitters take turns.

    Start-time fair queuing: one past the submitter's ``last`` place, and never before the place
    ``served`` now, so that nobody gathers turns while away.
    """
    return served if last is None else max(served, last + 1)


def queue_name(skill: str, target: str) -> str:
    """The queue of a task: its target's own, else the skill's. ``@`` starts no skill's name."""
    return f"@{target}" if target else skill


# --- who may, and what is the same --------------------------------------------------------------


def party(who: str) -> str:
    """For whom an id acts: a client for all clients of its machine, anyone else for itself.

    A client's id is drawn per process; what it submitted must outlive the process.
    """
    name, mark, _ = who.partition("~")
    return name + mark


class TaskParties(NamedTuple):
    """Whom a task concerns."""

    ns: str
    source: str
    machine: str
    target: str
    worker: str


def may_read(who: Principal, task: TaskParties) -> bool:
    """Payload and result are for the two ends, the machine behind them, owners and people."""
    if who.ns != task.ns:
        return False
    return may_end(who, task) or who.id in (task.target, task.worker) or who.kind == "person"


def may_end(who: Principal, task: TaskParties) -> bool:
    """Cancelling is for the submitter, its machine's user, owners and operators."""
    if who.ns != task.ns:
        return False
    mine = party(who.id) == party(task.source)
    machine = who.kind in ("client", "machine") and bool(task.machine)
    same_user = machine and task.machine in (who.machine, who.id)
    person = who.kind == "person" and who.role in ("operator", "admin")
    return mine or same_user or person or who.kind == "owner"


def scope(ns: str, who: str, verb: str, key: str) -> bytes:
    """An idempotency key as it is stored: SHA-256 over its whole scope (tasks.md section 3)."""
    return hashlib.sha256(encode((ns, party(who), verb, key))).digest()


def sameness(said: Submit, payload: bytes) -> bytes:
    """What two submits under one key must agree on: the clear fields, and the content.

    The remaining time, the trace and the task's id differ between tries and do not count.
    """
    content = said.digest.encode() or payload
    clear = (said.skill, said.target_agent_id, said.priority, said.max_attempts)
    more = (said.idempotent, said.path, hashlib.sha256(content).hexdigest())
    return hashlib.sha256(encode((*clear, *more))).digest()


def is_terminal(state: str) -> bool:
    """Whether nothing can happen to the task any more."""
    return state in TERMINAL
