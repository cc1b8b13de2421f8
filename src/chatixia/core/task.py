"""The durable task: its states, its fences, when it is tried again, and who gets it next.

Everything is decided here and carried out by the store inside one transaction
(tasks.md sections 1, 2 and 7).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

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
    transition = TRANSITIONS.get((state, event))
    if transition is None:
        raise refusal(state, event)
    return transition


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
    counts: AttemptCounts, error: WireError, now: float, jitter: float
) -> RetryDecision:
    """The holder reported ``error``: rejected, tried again after a pause, or failed for good."""
    if error.code in REFUSALS and not error.retryable:
        return RetryDecision("reject", error=error)
    if not error.retryable:
        return RetryDecision("fail", error=error)
    if counts.attempt >= counts.max_attempts:
        return RetryDecision("fail", error=exhausted(counts, error))
    again = now + pause(counts.attempt, jitter)
    return (
        RetryDecision("fail", error=error)
        if again >= counts.deadline
        else RetryDecision("retry", again)
    )


def after_loss(counts: AttemptCounts, now: float, jitter: float) -> RetryDecision:
    """The lease ended without an answer: an unstarted task returns, a started one has tried."""
    if not counts.started:
        return after_return(counts, now)
    if counts.attempt >= counts.max_attempts:
        return RetryDecision("exhaust", error=exhausted(counts, None))
    return RetryDecision("lose", now + pause(counts.attempt, jitter))


def after_departure(counts: AttemptCounts, now: float, jitter: float) -> RetryDecision:
    """The holder's process is gone without a goodbye. What it was sent it may have begun, and the
    word for it died with it: that delivery is the last of ``counts.attempt``."""
    if counts.started:
        return after_loss(counts, now, jitter)
    counts = counts._replace(attempt=counts.attempt + 1)
    if counts.attempt >= counts.max_attempts:
        return RetryDecision("exhaust", error=exhausted(counts, None))
    back = after_return(counts, now)
    return back if back.event == "exhaust" else back._replace(event="lose")


def after_return(counts: AttemptCounts, now: float) -> RetryDecision:
    """Unstarted or released: no attempt counted, but at most twenty deliveries."""
    if counts.deliveries >= MAX_DELIVERIES:
        sentence = f"The task was given out {counts.deliveries} times and not taken up."
        outcome: Outcome = "unknown" if counts.attempt else "definite"
        return RetryDecision(
            "exhaust", error=AttemptsExhausted(sentence, outcome=outcome).to_wire()
        )
    wait = 0.0 if counts.deliveries <= 1 else min(10.0, 0.1 * 2 ** (counts.deliveries - 2))
    return RetryDecision("return", now + wait)


def pause(attempt: int, jitter: float) -> float:
    """Seconds before the next attempt: doubling from 1 s to 5 minutes, half of it by ``jitter``."""
    full = min(RETRY_MOST, RETRY_FIRST * 2.0 ** min(attempt - 1, 30))
    return full * (0.5 + 0.5 * jitter)


def exhausted(counts: AttemptCounts, last: WireError | None) -> WireError:
    """The dead letter's error; a task that may be tried once keeps its own."""
    if last is not None and counts.max_attempts == 1:
        return last
    reason = "its worker was lost" if last is None else f"the last error was {last.code}"
    times = "once" if counts.attempt == 1 else f"{counts.attempt} times"
    message = f"The task was tried {times}; {reason}."
    return AttemptsExhausted(message, outcome="unknown").to_wire()  # each of the tries had begun


def expired(deliveries: int) -> WireError:
    """The error of a task whose deadline passed: what a call says if a worker had it, and
    ``expired``, which is definite, if nobody ever had."""
    return (DeadlineExceeded() if deliveries else Expired()).to_wire()


def cancelled(reason: str) -> RetryDecision:
    """The end of a task that somebody canceled, saying why if that was told."""
    if not (message := reason.strip()):
        return RetryDecision("cancel")
    text = f"The task was canceled: {message}"[:1024]
    return RetryDecision("cancel", error=Cancelled(text).to_wire())


class RemovedParties(NamedTuple):
    """Who is out. ``parties``: the ids that were put out, machines, agents or API keys;
    ``names``: those, and every agent that such a machine signed."""

    parties: frozenset[str]
    names: frozenset[str]


def after_removal(
    task: TaskParties,
    state: State,
    counts: AttemptCounts,
    removed: RemovedParties,
    now: float,
    jitter: float,
) -> RetryDecision | None:
    """What becomes of an open task of whoever is out; None if it concerns nobody of them.

    What they submitted ends, what is addressed to them can never be done, what they hold returns.
    """
    maybe_ran: Outcome = "unknown" if counts.deliveries else "definite"
    if task.source in removed.names or task.machine in removed.parties:
        reason = f"Its submitter {task.source} was put out of the mesh."
        return RetryDecision("cancel", error=Revoked(reason, outcome=maybe_ran).to_wire())
    if task.target in removed.names:
        reason = f"{task.target} was put out of the mesh."
        error = UnknownAgent(reason, agent=task.target, outcome=maybe_ran)
        return RetryDecision("expire", error=error.to_wire())
    if state == "assigned" and task.worker in removed.names:
        return after_departure(counts, now, jitter)
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


def party(address: str) -> str:
    """For whom an id acts: a client for all clients of its machine, anyone else for itself.

    A client's id is drawn per process; what it submitted must outlive the process.
    """
    name, mark, _ = address.partition("~")
    return name + mark


class TaskParties(NamedTuple):
    """Whom a task concerns."""

    ns: str
    source: str
    machine: str
    target: str
    worker: str


def may_read(principal: Principal, task: TaskParties) -> bool:
    """Payload and result are for the two ends, the machine behind them, owners and people."""
    if principal.ns != task.ns:
        return False
    return (
        may_end(principal, task)
        or principal.id in (task.target, task.worker)
        or principal.kind == "person"
    )


def may_end(principal: Principal, task: TaskParties) -> bool:
    """Cancelling is for the submitter, its machine's user, owners and operators."""
    if principal.ns != task.ns:
        return False
    own = party(principal.id) == party(task.source)
    machine = principal.kind in ("client", "machine") and bool(task.machine)
    same_user = machine and task.machine in (principal.machine, principal.id)
    person = principal.kind == "person" and principal.role in ("operator", "admin")
    return own or same_user or person or principal.kind == "owner"


def scope(ns: str, caller: str, verb: str, key: str) -> bytes:
    """An idempotency key as it is stored: SHA-256 over its whole scope (tasks.md section 3)."""
    return hashlib.sha256(encode((ns, party(caller), verb, key))).digest()


def sameness(message: Submit, payload: bytes) -> bytes:
    """What two submits under one key must agree on: the clear fields, and the content.

    The remaining time, the trace and the task's id differ between tries and do not count.
    """
    content = message.digest.encode() or payload
    clear = (message.skill, message.target_agent_id, message.priority, message.max_attempts)
    more = (message.idempotent, message.path, hashlib.sha256(content).hexdigest())
    return hashlib.sha256(encode((*clear, *more))).digest()


def is_terminal(state: str) -> bool:
    """Whether nothing can happen to the task any more."""
    return state in TERMINAL
