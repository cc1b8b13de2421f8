"""Who gets which task: pushed within declared slots, claimed, or polled by heartbeat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from chatixia.core import task as core
from chatixia.core.ports import Principal
from chatixia.wire import tasks as t
from chatixia.wire.base import encode

from .queues import Queues
from .tx import Tx
from .work import DAY, Given, Row, find, is_held, to_task

PER_GROUP: Final = 256
BYTES_PER_GROUP: Final = 4 * 1024 * 1024
POLLED: Final = 16
"""Tasks that a polling agent may hold at once."""


class Seat(NamedTuple):
    """A worker that takes pushed work: ``slots`` tasks at once, held ones included."""

    id: str
    ns: str
    incarnation: str
    slots: int
    skills: frozenset[str]


class Taker(NamedTuple):
    """Who takes one task, and under which lease. ``started``: no word of it is awaited."""

    id: str
    ns: str
    incarnation: str
    queues: tuple[str, ...]
    lease: float = core.LEASE
    started: bool = True


def serves(me: str, skills: Iterable[str]) -> tuple[str, ...]:
    """The queues that an agent serves: its own, and its skills'."""
    return (core.queue_name("", me), *skills)


def assign(tx: Tx, queues: Queues, seats: Sequence[Seat]) -> int:
    """Give waiting tasks to free seats in turn, told as notices; gives how many."""
    given, size = 0, 0
    waiting = [(seat, free) for seat in seats if (free := _free(tx, queues, seat)) > 0]
    while waiting and given < PER_GROUP and size < BYTES_PER_GROUP:
        still = []
        for seat, free in waiting:
            row = take(tx, queues, _pushed(seat))
            if row is None:
                continue
            given, size = given + 1, size + row.size
            if free > 1:
                still.append((seat, free - 1))
        waiting = still
    return given


def _pushed(seat: Seat) -> Taker:
    names = serves(seat.id, seat.skills)
    return Taker(seat.id, seat.ns, seat.incarnation, names, started=False)


def _free(tx: Tx, queues: Queues, seat: Seat) -> int:
    if not queues.holding(seat.ns, _pushed(seat).queues):
        return 0
    held: int = tx.one("held_count", {"worker": seat.id})[0]
    return seat.slots - held


def take(tx: Tx, queues: Queues, who: Taker) -> Row | None:
    """Assign the next task that ``who`` may have, if there is one."""
    name = _next(tx, queues, who)
    if name is None:
        return None
    due = tx.now + (who.lease if who.started else core.UNSTARTED)
    found = tx.one("grant", {
        "n": name, "worker": who.id, "incarnation": who.incarnation, "started": int(who.started),
        "lease": tx.now + who.lease, "due": due, "now": tx.now,
    })  # fmt: skip
    row, payload = Row._make(found[:-1]), found[-1]
    if payload is None:
        payload = tx.one("payload", {"n": row.n})[0]
    queues.serve(row.ns, row.queue, row.priority, row.turn)
    _tell(tx, row, payload, who)
    return row


def _tell(tx: Tx, row: Row, payload: bytes, who: Taker) -> None:
    attempt = row.attempt + (0 if who.started else 1)
    tx.count(row.ns, "pending", -1)
    tx.count(row.ns, "assigned", 1)
    note = {"state": "assigned", "agent": who.id, "attempt": attempt}
    tx.event(row.ns, "task", row.id, "assigned", encode(note), row.n)
    task = to_task(row, tx.generation, tx.now, payload)
    tx.notices.append(Given(task, row, attempt, not who.started))


def _next(tx: Tx, queues: Queues, who: Taker) -> int | None:
    """The number of the next task: one probe per queue that may hold work."""
    oldest = queues.claims % core.OLDEST_EVERY == core.OLDEST_EVERY - 1
    probe = "queue_oldest" if oldest else "queue_head"
    heads = []
    for name in queues.holding(who.ns, who.queues):
        found = tx.one(probe, {"ns": who.ns, "queue": name, "me": who.id})
        if found is not None:
            heads.append(core.Head(found[1], found[0]))
        elif tx.one("queue_any", {"ns": who.ns, "queue": name}) is None:
            queues.empty(who.ns, name)
    best = core.choose(heads, queues.claims)
    return None if best is None else best.n


# --- claims ---------------------------------------------------------------------------------------

_grants: Final = msgspec.json.Decoder(list[tuple[str, int]])


def claim(tx: Tx, queues: Queues, who: Principal, said: t.Claim, skills: Iterable[str]) -> t.Grants:
    """Up to ``limit`` tasks; the same claim id gets the same grant, as far as it is still held."""
    scope = core.scope(who.ns, who.id, "tasks.claim", said.claim_id)
    known = tx.one("remembered", {"scope": scope})
    if known is not None:
        return t.Grants(
            [g for id, n in _grants.decode(known[1]) if (g := _regrant(tx, who, id, n))]
        )
    me = Taker(who.id, who.ns, who.incarnation, serves(who.id, skills))
    rows = _several(tx, queues, me, said.limit)
    if rows:
        answer = encode([(row.id, row.fence) for row in rows])
        kept = tx.now + DAY
        tx.run("remember", {"scope": scope, "same": b"", "answer": answer, "expires": kept})
    return t.Grants([_grant(tx, row) for row in rows])


def _several(tx: Tx, queues: Queues, me: Taker, limit: int) -> list[Row]:
    rows: list[Row] = []
    size = 0
    # What goes into one answer must fit one message.
    while len(rows) < limit and size < t.MAX_PAYLOAD and (row := take(tx, queues, me)):
        rows.append(row)
        size += row.size
    return rows


def _grant(tx: Tx, row: Row) -> t.Grant:
    task = to_task(row, tx.generation, tx.now, _payload(tx, row))
    lease = max(0, int((row.lease - tx.now) * 1000))
    return t.Grant(task, lease, task.fence, row.attempt)


def _payload(tx: Tx, row: Row) -> bytes:
    small = tx.one("task_bodies", {"n": row.n})[0]
    return bytes(small if small is not None else tx.one("payload", {"n": row.n})[0])


def _regrant(tx: Tx, who: Principal, id: str, fence: int) -> t.Grant | None:
    row = find(tx, who.ns, id)
    return _grant(tx, row) if row is not None and is_held(row, who.id, fence) else None


def poll(tx: Tx, queues: Queues, who: Principal, skills: Iterable[str]) -> list[t.Task]:
    """The described heartbeat: each one renews the agent's leases, then takes more work."""
    lease = tx.now + core.POLL_LEASE
    held: int = tx.run("renew_all", {"worker": who.id, "ns": who.ns, "lease": lease}).rowcount
    names = serves(who.id, skills)
    me = Taker(who.id, who.ns, who.incarnation, names, core.POLL_LEASE)
    rows = _several(tx, queues, me, POLLED - held)
    return [to_task(row, tx.generation, tx.now, _payload(tx, row)) for row in rows]
