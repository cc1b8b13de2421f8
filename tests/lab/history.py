"""What a storm's processes wrote down, held against each other and the registry's rows (tasks.md
section 10).

Every process appends events to a file of its own, before and after each act. An event names a
piece of work by its number ``n``, which no other work has; the right answer is ``answer(n)``.
``check`` is pure: events and rows in, broken promises out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

TERMINAL = frozenset({"completed", "failed", "canceled", "rejected"})


class Event(msgspec.Struct, omit_defaults=True):
    """``act``: submit, wait, call or run. ``end``: "" as it begins, then ``ok``, ``definite`` or
    ``unknown`` (of a run: ``done``). ``once``: it may be tried once only."""

    act: str
    n: int
    end: str = ""
    once: bool = False
    value: int | None = None
    code: str = ""
    worker: str = ""
    fence: str = ""


class Row(msgspec.Struct, frozen=True):
    """A task at the registry when all is over. ``outcome``: of its error."""

    state: str
    fence: str = ""
    value: int | None = None
    code: str = ""
    outcome: str = "definite"


def answer(n: int) -> int:
    """What the work of that number gives."""
    return 7 * n + 1


def noise(n: int, size: int) -> bytes:
    """Bytes that only the work of that number gives."""
    return (n.to_bytes(8, "big") * (size // 8 + 1))[:size]


def fence(text: str) -> tuple[int, int]:
    """A fence to compare by; one that is empty is the lowest."""
    high, _, low = (text or "0.0").partition(".")
    return int(high), int(low)


def read(files: Iterable[Path]) -> list[Event]:
    """The events of all files, each file in its order. A last line that was cut off is nothing."""
    found = []
    for file in files:
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        found += [msgspec.json.decode(line, type=Event) for line in lines if line[-1:] == b"\n"]
    return found


def check(events: Iterable[Event], rows: Mapping[int, Row]) -> list[str]:
    """Each promise that was broken, as a sentence; none if all held."""
    kept = list(events)
    runs = [event for event in kept if event.act == "run"]
    return [
        *_submits(kept, rows),
        *_waits(kept, rows),
        *_calls(kept, runs),
        *_runs(kept, runs),
        *_fences(runs, rows),
    ]


def _submits(events: list[Event], rows: Mapping[int, Row]) -> Iterator[str]:
    for event in events:
        if event.act != "submit" or not event.end:
            continue
        row = rows.get(event.n)
        if event.end == "ok" and row is None:
            yield f"{event.n} was acknowledged and is gone"
        elif event.end == "ok" and row is not None and row.state not in TERMINAL:
            yield f"{event.n} was acknowledged and never ended: {row.state}"
        elif event.end == "definite" and row is not None:
            yield f"{event.n} failed with {event.code}, definite, and is stored"
    for n, row in rows.items():
        if row.state == "completed" and row.value != answer(n):
            yield f"{n} was completed with the result of another: {row.value}"


def _waits(events: list[Event], rows: Mapping[int, Row]) -> Iterator[str]:
    for event in events:
        row = rows.get(event.n)
        if event.act != "wait" or not event.end or row is None:
            continue
        own = row.state != "completed" and event.code == row.code
        if event.end == "ok" and (row.state != "completed" or event.value != row.value):
            yield f"{event.n} was waited for, gave {event.value}, and is {row.state} {row.value}"
        elif event.end == "definite" and not (own and row.outcome == "definite"):
            yield f"waiting for {event.n} failed with {event.code}, definite; it is {row.state}"


def _calls(events: list[Event], runs: list[Event]) -> Iterator[str]:
    begun = {event.n for event in runs}
    for event in events:
        if event.act != "call":
            continue
        if event.end == "definite" and event.n in begun:
            yield f"the call {event.n} failed with {event.code}, definite, and was begun"
        elif event.end == "ok" and event.value != answer(event.n):
            yield f"the call {event.n} got the answer of another: {event.value}"


def _runs(events: list[Event], runs: list[Event]) -> Iterator[str]:
    once = {event.n for event in events if event.once}
    begun = Counter(event.n for event in runs if not event.end)
    for n in sorted(once):
        if begun[n] > 1:
            yield f"{n} may be tried once and was begun {begun[n]} times"
    asked = {event.n for event in events if event.act != "run"}
    for n in sorted(begun.keys() - asked):
        yield f"{n} was begun and nobody had asked for it"


def _fences(runs: list[Event], rows: Mapping[int, Row]) -> Iterator[str]:
    highest: defaultdict[tuple[str, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    granted: defaultdict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for event in runs:
        if event.end or not event.fence:
            continue
        mine, now = (event.worker, event.n), fence(event.fence)
        if now <= highest[mine]:
            yield f"{event.n} came to {event.worker} under {event.fence} after a higher fence"
        highest[mine] = max(now, highest[mine])
        granted[event.n] = max(now, granted[event.n])
    for n, row in rows.items():
        if row.state == "completed" and n in granted and fence(row.fence) < granted[n]:
            yield f"{n} was completed under {row.fence}, and a higher fence had been given out"
