"""One SQLite file of a principal's own: pins and revocations.

Small and seldom written, so it is called straight from the loop: a write is one transaction in
WAL mode without a sync (it survives kill -9; after a power cut the last moments may be missing,
which a pin can bear). Several clients of one user share a file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from chatixia.core.pins import newer
from chatixia.core.ports import Pin, RevocationBook
from chatixia.errors import ConfigError, MeshError, Overloaded, Unavailable
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import Revocation, Signed

from .database import connected, in_memory, prepare

MAX_PINS: Final = 50_000
MAX_REVOCATIONS: Final = 50_000

_PIN = (
    "INSERT OR REPLACE INTO pins (ns, id, kind, sign, seal, serial, signer, machine, approved,"
    " not_after, ephemeral) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_BODY = msgspec.json.Decoder(Revocation)


class LocalStore:
    """An opened file; a :class:`chatixia.core.ports.PinBook`. Any thread may call it."""

    def __init__(self, db: sqlite3.Connection, where: str) -> None:
        self._db, self._where, self._mutex = db, where, threading.Lock()
        self._revocations: dict[tuple[str, str], Revocation] = {}
        self._confirmed = -1
        for (body,) in self._rows("SELECT body FROM revocations"):
            entry = _BODY.decode(body)
            self._revocations[entry.ns, entry.id] = entry

    @classmethod
    def open(cls, path: Path, now: float) -> LocalStore:
        """The file at ``path`` (made with mode 0600), rid of what ended before mesh time ``now``.

        Raises ConfigError for a file that is damaged, unreadable or of a newer version.
        """
        return cls._prepare(connected(path), str(path), now)

    @classmethod
    def copy(cls, path: Path, now: float) -> LocalStore:
        """What the file at ``path`` holds, in memory: for a disk that has no room for a change.

        Raises ConfigError as ``open``.
        """
        db = in_memory()
        try:
            # Immutable: not even the files beside it that a reader needs could be made.
            address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
            with closing(sqlite3.connect(address, uri=True)) as source:
                source.backup(db)
        except sqlite3.Error as error:
            db.close()
            raise ConfigError(f"{path} cannot be read: {error}.") from error
        return cls._prepare(db, str(path), now)

    @classmethod
    def memory(cls) -> LocalStore:
        """One that dies with its process."""
        db = in_memory()
        return cls._prepare(db, "memory", 0.0)

    @classmethod
    def _prepare(cls, db: sqlite3.Connection, where: str, now: float) -> LocalStore:
        try:
            prepare(db, where)
            store = cls(db, where)
            store.prune(now)
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            db.close()
            raise ConfigError(f"{where} cannot be used: {error}.") from error
        except BaseException:
            db.close()
            raise
        return store

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._mutex:
            self._db.close()

    # Pins (trust.md section 1)

    def pin(self, ns: str, name: str) -> Pin | None:
        """The pin of an id, if it has one."""
        rows = self._rows("SELECT * FROM pins WHERE ns = ? AND id = ?", (ns, name))
        return Pin(*rows[0]) if rows else None

    def keep(self, pins: Iterable[Pin]) -> None:
        """Write pins, each over the one of its id. Raises Overloaded above :data:`MAX_PINS`."""
        rows = [msgspec.structs.astuple(pin) for pin in pins]
        with self._change() as db:
            db.executemany(_PIN, rows)
            if db.execute("SELECT count(*) FROM pins").fetchone()[0] > MAX_PINS:
                raise Overloaded(f"{self._where} holds {MAX_PINS} pins; no new peer is accepted.")

    # Revocations

    @property
    def revocations(self) -> RevocationBook:
        """The revocations held, by (namespace, id)."""
        return self._revocations

    @property
    def version(self) -> int:
        """The highest version of the revocation list that was ever seen here."""
        rows = self._rows("SELECT value FROM facts WHERE name = 'revocations'")
        return int(rows[0][0]) if rows else 0

    @property
    def confirmed(self) -> int:
        """Mesh time at which the owner last confirmed the list that is held here; 0 for never."""
        if self._confirmed < 0:
            rows = self._rows("SELECT value FROM facts WHERE name = 'confirmed'")
            self._confirmed = int(rows[0][0]) if rows else 0
        return self._confirmed

    def confirm(self, issued: int) -> None:
        """Keep a later such time."""
        if issued <= self.confirmed:
            return
        with self._change() as db:
            db.execute(
                "INSERT INTO facts VALUES ('confirmed', ?) ON CONFLICT (name)"
                " DO UPDATE SET value = max(value, excluded.value)",
                (issued,),
            )
        self._confirmed = issued

    def revoke(self, statement: Signed, revocation: Revocation) -> bool:
        """Keep a revocation that was checked; False if it was known."""
        key = (revocation.ns, revocation.id)
        if not newer(revocation, self._revocations.get(key)):
            return False
        if len(self._revocations) >= MAX_REVOCATIONS and key not in self._revocations:
            raise Overloaded(f"{self._where} holds {MAX_REVOCATIONS} revocations.")
        row = (*key, revocation.serial, revocation.version, unb64(statement.b), unb64(statement.s))
        with self._change() as db:
            db.execute("INSERT OR REPLACE INTO revocations VALUES (?, ?, ?, ?, ?, ?)", row)
            db.execute(
                "INSERT INTO facts VALUES ('revocations', ?) ON CONFLICT (name)"
                " DO UPDATE SET value = max(value, excluded.value)",
                (revocation.version,),
            )
        self._revocations[key] = revocation
        return True

    def statements(self, above: int = 0) -> list[Signed]:
        """The signed revocations of a version above ``above``, for a peer that knows less."""
        rows = self._rows(
            "SELECT body, signature FROM revocations WHERE version > ? ORDER BY version", (above,)
        )
        return [Signed(b64(body), b64(signature)) for body, signature in rows]

    def prune(self, now: float) -> None:
        """Forget clients and ephemeral members whose records ended before mesh time ``now``."""
        with self._change() as db:
            db.execute(
                "DELETE FROM pins WHERE ephemeral AND not_after > 0 AND not_after < ?", (now,)
            )

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        with self._mutex:
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise self._failed(error) from error

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        with self._mutex:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    # After a full disk SQLite may have rolled back already.
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> MeshError:
        return Unavailable(f"{self._where} cannot be used: {error}.")
