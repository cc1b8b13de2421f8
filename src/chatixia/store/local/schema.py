"""The schema of an agent's own file, as steps that are only ever added to."""

from __future__ import annotations

import sqlite3
from typing import Final

from chatixia.errors import ConfigError

STEPS: Final = (
    """
    CREATE TABLE pins (
        ns TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, sign BLOB NOT NULL,
        seal BLOB NOT NULL, serial INTEGER NOT NULL, signer BLOB NOT NULL, machine TEXT NOT NULL,
        approved INTEGER NOT NULL, not_after INTEGER NOT NULL, PRIMARY KEY (ns, id)
    ) WITHOUT ROWID;
    CREATE TABLE revocations (
        ns TEXT NOT NULL, id TEXT NOT NULL, serial INTEGER NOT NULL, version INTEGER NOT NULL,
        body BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY (ns, id)
    ) WITHOUT ROWID;
    CREATE TABLE calls (
        caller TEXT NOT NULL, key TEXT NOT NULL, expires REAL NOT NULL, answer BLOB,
        PRIMARY KEY (caller, key)
    ) WITHOUT ROWID;
    CREATE INDEX calls_expires ON calls (expires);
    CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    """,
    # What was served is remembered in memory alone (links.md section 1).
    "DROP TABLE calls",
    """
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, session TEXT NOT NULL,
        task TEXT NOT NULL, created REAL NOT NULL, used REAL NOT NULL, bytes INTEGER NOT NULL,
        messages INTEGER NOT NULL, run TEXT NOT NULL, open INTEGER NOT NULL,
        folded INTEGER NOT NULL, digest BLOB NOT NULL,
        UNIQUE (owner, session, task)
    );
    CREATE INDEX conversations_used ON conversations (used, bytes);
    CREATE TABLE messages (
        conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        n INTEGER NOT NULL, run TEXT NOT NULL, role TEXT NOT NULL, kind TEXT NOT NULL,
        tokens INTEGER NOT NULL, at REAL NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (conversation, n)
    ) WITHOUT ROWID;
    CREATE TABLE spending (
        scope TEXT NOT NULL, day INTEGER NOT NULL, requests INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, money REAL NOT NULL,
        seconds REAL NOT NULL, PRIMARY KEY (scope, day)
    ) WITHOUT ROWID;
    CREATE INDEX spending_day ON spending (day);
    """,
    """
    ALTER TABLE pins ADD COLUMN ephemeral INTEGER NOT NULL DEFAULT 0;
    UPDATE pins SET ephemeral = 1 WHERE kind = 'client';
    """,
)
"""Step n leads from version n to n + 1."""
VERSION: Final = len(STEPS)


def migrate(db: sqlite3.Connection, where: str) -> None:
    """Bring ``db`` to :data:`VERSION`, each step whole or not at all.

    Raises ConfigError for a file of a newer version.
    """
    version = _version(db)
    if version > VERSION:
        raise ConfigError(f"{where} was made by a newer version; upgrade chatixia-mesh.")
    if version == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process of the same user may have come first.
        for step in STEPS[_version(db) :]:
            for statement in step.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
