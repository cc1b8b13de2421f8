"""The tables of conversations: who spoke with the agent, and what was said, message by message.

A message is bytes that nobody reads here; what is needed to keep bounds stands beside it. Each
function is one transaction on a connection that only one thread uses.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal

import msgspec

from chatixia.errors import TooLarge

MIB: Final = 1024 * 1024
MAX_CONVERSATIONS: Final = 256
"""Of one owner; the one not used for longest goes first."""
MAX_MESSAGE_BYTES: Final = 20 * MIB
"""Above what a link carries, so that whatever was asked can be kept."""
MAX_CONVERSATION_BYTES: Final = 32 * MIB
MAX_AGENT_BYTES: Final = 256 * MIB
MAX_DIGEST_BYTES: Final = 64 * 1024
TASK_SECONDS: Final = 86_400.0
"""How long the messages of a task that has ended are kept, for one that is served again."""
PAGE: Final = 1_000

RunState = Literal["new", "resumed", "finished"]


class ConversationKey(msgspec.Struct, frozen=True, order=True):
    """Whose conversation it is and which. ``task``: the task of one that has no session."""

    owner: str
    session: str = ""
    task: str = ""


class StoredMessage(msgspec.Struct):
    """``body`` as it came. A turn begins with ``role`` ``user``; ``run`` is set when it is kept."""

    body: bytes
    role: str = ""
    kind: str = ""
    tokens: int = 0
    run: str = ""
    n: int = 0
    at: float = 0.0


class ConversationRow(msgspec.Struct):
    """One conversation without its messages. ``size``: their bytes. ``run``: the last one;
    ``open``: it has not ended. ``digest``: what stands for the messages up to number ``folded``,
    of which the oldest may be gone."""

    id: int
    owner: str
    session: str
    task: str
    created: float
    used: float
    size: int
    messages: int
    run: str
    open: bool
    folded: int
    digest: bytes

    @property
    def key(self) -> ConversationKey:
        """Its place."""
        return ConversationKey(self.owner, self.session, self.task)


class OpenedRun(msgspec.Struct):
    """A run that begins, goes on, or had ended before: then its answer is among ``messages``.
    In the first two cases these begin behind what is folded."""

    conversation: ConversationRow
    messages: list[StoredMessage]
    state: RunState


_ROW: Final = (
    "SELECT id, owner, session, task, created, used, bytes, messages, run, open,"
    " folded, digest FROM conversations "
)
_MESSAGE: Final = "SELECT body, role, kind, tokens, run, n, at FROM messages "


def open_run(db: sqlite3.Connection, key: ConversationKey, run: str, now: float) -> OpenedRun:
    """Begin ``run`` in the conversation of ``key``, made if need be, or take it up again."""
    with changing(db):
        _forget_tasks(db, now)
        row = find(db, key) or _insert(db, key, now)
        state: RunState = "new"
        if row.run == run:
            state = "resumed" if row.open else "finished"
        elif _knows(db, row.id, run):
            state = "finished"
        messages = read(db, row.id, after=row.folded if state != "finished" else 0)
        if state != "finished":
            row.run, row.open, row.used = run, True, now
            db.execute(
                "UPDATE conversations SET run = ?, open = 1, used = ? WHERE id = ?",
                (run, now, row.id),
            )
        return OpenedRun(row, messages, state)


def append(
    db: sqlite3.Connection,
    conversation: int,
    run: str,
    messages: Sequence[StoredMessage],
    now: float,
) -> int:
    """Keep what a run brought; the number of its last message, 0 if the conversation was forgotten
    meanwhile.

    The oldest whole turns of the conversation go beyond its bound, then the conversations that were
    not used for longest. Raises TooLarge for a message, or a last turn, beyond the bounds.
    """
    for message in messages:
        if len(message.body) > MAX_MESSAGE_BYTES:
            raise TooLarge(f"A message of a conversation is longer than {MAX_MESSAGE_BYTES} bytes.")
    with changing(db):
        if not db.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation,)).fetchone():
            return 0
        (last,) = db.execute(
            "SELECT coalesce(max(n), 0) FROM messages WHERE conversation = ?", (conversation,)
        ).fetchone()
        db.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (conversation, n, run, m.role, m.kind, m.tokens, now, len(m.body), m.body)
                for n, m in enumerate(messages, last + 1)
            ],
        )
        db.execute("UPDATE conversations SET used = ? WHERE id = ?", (now, conversation))
        _shorten(db, conversation)
        _make_room(db, conversation)
        return int(last) + len(messages)


def end_run(db: sqlite3.Connection, conversation: int, run: str) -> None:
    """The run has ended: what comes again under its name hears its answer."""
    with changing(db):
        db.execute(
            "UPDATE conversations SET open = 0 WHERE id = ? AND run = ?", (conversation, run)
        )


def fold(db: sqlite3.Connection, conversation: int, through: int, digest: bytes) -> bool:
    """``digest`` stands for the messages up to number ``through`` from now on, in runs to come;
    they stay to be read until they make room. False if forgotten. Raises TooLarge."""
    if len(digest) > MAX_DIGEST_BYTES:
        raise TooLarge(f"A digest is longer than {MAX_DIGEST_BYTES} bytes.")
    with changing(db):
        changed = db.execute(
            "UPDATE conversations SET digest = ?, folded = ? WHERE id = ?",
            (digest, through, conversation),
        )
        return changed.rowcount > 0


def find(db: sqlite3.Connection, key: ConversationKey) -> ConversationRow | None:
    """The conversation of ``key``."""
    where = "WHERE owner = ? AND session = ? AND task = ?"
    rows = db.execute(_ROW + where, (key.owner, key.session, key.task)).fetchall()
    return _row(rows[0]) if rows else None


def read(db: sqlite3.Connection, conversation: int, after: int = 0) -> list[StoredMessage]:
    """Its messages of a number above ``after``, the oldest first."""
    query = _MESSAGE + "WHERE conversation = ? AND n > ? ORDER BY n"
    return [StoredMessage(*row) for row in db.execute(query, (conversation, after))]


def list_conversations(
    db: sqlite3.Connection, owner: str | None = None, limit: int = PAGE
) -> list[ConversationRow]:
    """Those of an owner, or of all, the last used first."""
    where = "WHERE ?1 IS NULL OR owner = ?1 ORDER BY used DESC, id DESC LIMIT ?2"
    return [_row(row) for row in db.execute(_ROW + where, (owner, min(limit, PAGE)))]


def forget(db: sqlite3.Connection, owner: str | None = None, session: str | None = None) -> int:
    """Delete one conversation, those of an owner, or all; how many. The bytes leave the file."""
    with changing(db):
        forgotten = db.execute(
            "DELETE FROM conversations WHERE (?1 IS NULL OR owner = ?1)"
            " AND (?2 IS NULL OR (session = ?2 AND task = '') OR task = ?2)",
            (owner, session),
        ).rowcount
    # What was forgotten is still in the write-ahead file until it is folded back.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return forgotten


@contextmanager
def changing(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction: all of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # After a full disk SQLite may have rolled back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _row(row: tuple[object, ...]) -> ConversationRow:
    return msgspec.convert(
        dict(zip(ConversationRow.__struct_fields__, row, strict=True)),
        ConversationRow,
        strict=False,
    )


def _insert(db: sqlite3.Connection, key: ConversationKey, now: float) -> ConversationRow:
    """A new one, in the place of the owner's that was not used for longest."""
    db.execute(
        "DELETE FROM conversations WHERE id IN (SELECT id FROM conversations WHERE owner = ?"
        " ORDER BY used DESC, id DESC LIMIT -1 OFFSET ?)",
        (key.owner, MAX_CONVERSATIONS - 1),
    )
    db.execute(
        "INSERT INTO conversations (owner, session, task, created, used, bytes, messages, run,"
        " open, folded, digest) VALUES (?, ?, ?, ?, ?, 0, 0, '', 0, 0, x'')",
        (key.owner, key.session, key.task, now, now),
    )
    row = find(db, key)
    assert row is not None
    return row


def _knows(db: sqlite3.Connection, conversation: int, run: str) -> bool:
    query = "SELECT 1 FROM messages WHERE conversation = ? AND run = ? LIMIT 1"
    return db.execute(query, (conversation, run)).fetchone() is not None


def _forget_tasks(db: sqlite3.Connection, now: float) -> None:
    db.execute(
        "DELETE FROM conversations WHERE used < ? AND task <> '' AND open = 0",
        (now - TASK_SECONDS,),
    )


def _shorten(db: sqlite3.Connection, conversation: int) -> None:
    """Drop the oldest turns until it fits. The last turn stays whole."""
    while _count(db, conversation) > MAX_CONVERSATION_BYTES:
        rows = db.execute(
            "SELECT n FROM messages WHERE conversation = ? AND role = 'user' ORDER BY n LIMIT 2",
            (conversation,),
        ).fetchall()
        first = db.execute(
            "SELECT min(n) FROM messages WHERE conversation = ?", (conversation,)
        ).fetchone()[0]
        later = [n for (n,) in rows if n > first]
        if not later:
            raise TooLarge(
                f"A turn of a conversation is longer than {MAX_CONVERSATION_BYTES} bytes."
            )
        db.execute(
            "DELETE FROM messages WHERE conversation = ? AND n < ?", (conversation, later[0])
        )


def _make_room(db: sqlite3.Connection, conversation: int) -> None:
    """Drop whole conversations, the one not used for longest first, until all fit."""
    (total,) = db.execute("SELECT coalesce(sum(bytes), 0) FROM conversations").fetchone()
    while total > MAX_AGENT_BYTES:
        oldest = db.execute(
            "SELECT id, bytes FROM conversations WHERE id <> ? ORDER BY used LIMIT 1",
            (conversation,),
        ).fetchone()
        if oldest is None:
            return
        db.execute("DELETE FROM conversations WHERE id = ?", (oldest[0],))
        total -= oldest[1]


def _count(db: sqlite3.Connection, conversation: int) -> int:
    """Its bytes, counted and written down; so are its messages."""
    size, number = db.execute(
        "SELECT coalesce(sum(bytes), 0), count(*) FROM messages WHERE conversation = ?",
        (conversation,),
    ).fetchone()
    db.execute(
        "UPDATE conversations SET bytes = ?, messages = ? WHERE id = ?",
        (size, number, conversation),
    )
    return int(size)
