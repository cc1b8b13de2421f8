"""The audit log's table: lines are added in the transaction of the act that they tell of.

A verb that is audited sets :data:`ACT`; the first write that it makes carries the line, so there is
no act without its line and no line without its act. What writes nothing is recorded by itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import msgspec

from chatixia.core.audit import AuditKeep, line_hash
from chatixia.wire.audit import AuditLine, AuditMark

from .queries import load
from .tx import Transaction

T = TypeVar("T")
DAY_MS: Final = 86_400_000
HEAD: Final = ("audit_head", "audit_head_hash")
FLOOR: Final = ("audit_floor", "audit_floor_hash")


class AuditEntry(msgspec.Struct):
    """An act that is to be recorded, in the words of ``wire.audit.AuditLine``; too long ones are
    cut. ``begun``: a write carries it."""

    actor: str
    kind: str
    act: str
    target: str = ""
    origin: str = ""
    detail: str = ""
    begun: bool = False


ACT: Final[ContextVar[AuditEntry | None]] = ContextVar("chatixia.act", default=None)
"""The act of the present verb, where it is one to be recorded."""


@contextmanager
def acting(entry: AuditEntry | None) -> Iterator[None]:
    """Let the first write that is made meanwhile carry ``entry``'s line."""
    mark = ACT.set(entry)
    try:
        yield
    finally:
        ACT.reset(mark)


def concerns(target: str, *, actor: str = "", kind: str = "", detail: str = "") -> None:
    """Say of the present act what it concerns, and who acts (and as what kind) where no credential
    says it."""
    entry = ACT.get()
    if entry is not None:
        entry.target, entry.actor, entry.kind = target, actor or entry.actor, kind or entry.kind
        entry.detail = detail or entry.detail


def with_line(
    run: Callable[..., T], args: Sequence[Any], entry: AuditEntry
) -> Callable[[Transaction], tuple[T, AuditLine]]:
    """``run`` and, if it raises nothing, the line of ``entry``."""

    def both(tx: Transaction) -> tuple[T, AuditLine]:
        result = run(tx, *args)
        return result, append(tx, entry)

    return both


def append(tx: Transaction, entry: AuditEntry) -> AuditLine:
    """Add the next line."""
    before = read_mark(tx.db, HEAD)
    line = AuditLine(
        before.n + 1,
        round(tx.now * 1000),
        entry.actor[:128],
        entry.kind[:64],
        entry.act[:64],
        entry.target[:128],
        entry.origin[:64],
        entry.detail[:1024],
    )
    line = msgspec.structs.replace(line, hash=line_hash(before.hash, line))
    tx.run("put_audit", [getattr(line, name) for name in line.__struct_fields__])
    _set_mark(tx, HEAD, line.n, line.hash)
    return line


def trim(tx: Transaction, keep: AuditKeep, limit: int) -> int:
    """Drop at most ``limit`` of the oldest lines that are not to be kept; gives how many."""
    before, below = round(tx.now * 1000) - keep.days * DAY_MS, read_mark(tx.db, HEAD).n - keep.lines
    rows = tx.all("audit_first", {"limit": limit})
    old = [(n, hash_) for n, at, hash_ in rows if n <= below or at <= before]
    if old:
        _set_mark(tx, FLOOR, *old[-1])
        tx.run("drop_audit", {"n": old[-1][0]})
    return len(old)


def read_mark(db: sqlite3.Connection, keys: tuple[str, str]) -> AuditMark:
    """The newest line's mark (``HEAD``), or that of the newest dropped one (``FLOOR``)."""
    sql = load()["meta"]
    n, hash_ = (db.execute(sql, {"key": key}).fetchone()[0] for key in keys)
    return AuditMark(int(n), str(hash_))


def _set_mark(tx: Transaction, keys: tuple[str, str], n: int, hash_: str) -> None:
    for key, value in zip(keys, (n, hash_), strict=True):
        tx.run("set_meta", {"key": key, "value": value})
