"""People of the hub, their links and browser sessions. Secrets are kept as SHA-256, passwords as
argon2 alone. Every function runs in the writer's transaction.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from chatixia.errors import NameTaken, NotFound, Overloaded, Unauthorized

from .rows import PersonRow, SessionRow
from .tx import Transaction

MOST_PEOPLE: Final = 1000
MOST_SESSIONS: Final = 10_000
PERSON_SESSIONS: Final = 50
"""Browser sessions of one person; its oldest ends for the next."""


def put_link(tx: Transaction, digest: bytes, person: str, ttl: float, method: str = "link") -> None:
    """Keep a login link by the SHA-256 of its secret, for ``ttl`` seconds. ``method``: how the
    session that it opens was come by; the column is one of before there were roles of people."""
    row = {"digest": digest, "person": person, "role": method, "ns": "default"}
    tx.run("put_login", row | {"expires": tx.now + ttl})


def put_owner_link(tx: Transaction, digest: bytes, person: str, ttl: float) -> None:
    """The owner's own link: its person is there from now on, and an admin."""
    if tx.run("set_role", {"id": person, "role": "admin"}).rowcount == 0:
        tx.run("put_person", {"id": person, "role": "admin", "now": tx.now, "subject": ""})
    put_link(tx, digest, person, ttl)


def add_person(tx: Transaction, id: str, role: str, digest: bytes, ttl: float) -> None:
    """A new person and the link by which it comes in. Raises NameTaken and Overloaded."""
    if tx.one("person", {"id": id}) is not None:
        raise NameTaken(f"There is a person {id} already.", agent=id)
    _put_person(tx, id, role)
    put_link(tx, digest, id, ttl)


def _put_person(tx: Transaction, id: str, role: str, subject: str = "") -> None:
    if tx.one("count_people")[0] >= MOST_PEOPLE:
        raise Overloaded(f"A mesh has at most {MOST_PEOPLE} people; remove some.")
    tx.run("put_person", {"id": id, "role": role, "now": tx.now, "subject": subject})


def person_of_subject(tx: Transaction, subject: str, id: str, role: str) -> str:
    """The id of the person that an identity provider calls ``subject``; a new one is called ``id``.

    Raises NameTaken where another person has that id: who it is decides its admin, not its name.
    """
    row = tx.one("person_by_subject", {"subject": subject})
    if row is not None:
        return str(row[0])
    if tx.one("person", {"id": id}) is not None:
        raise NameTaken(f"Another person is called {id} already.", agent=id)
    _put_person(tx, id, role, subject)
    return id


def set_role(tx: Transaction, id: str, role: str) -> None:
    """What a person may do from now on. Raises NotFound."""
    if tx.run("set_role", {"id": id, "role": role}).rowcount == 0:
        raise unknown(id)


def set_password(tx: Transaction, id: str, hash: str, keep: str) -> None:
    """Another password; every browser session of the person but ``keep`` ends. Raises NotFound."""
    put_hash(tx, id, hash)
    tx.run("end_sessions", {"person": id, "keep": keep})


def put_hash(tx: Transaction, id: str, hash: str) -> None:
    """Keep a password's argon2 hash. Raises NotFound."""
    if tx.run("set_password", {"id": id, "password": hash}).rowcount == 0:
        raise unknown(id)


def remove_person(tx: Transaction, id: str) -> None:
    """Drop a person with its links and browser sessions. Raises NotFound."""
    if tx.run("remove_person", {"id": id}).rowcount == 0:
        raise unknown(id)
    tx.run("end_sessions", {"person": id, "keep": ""})
    tx.run("drop_logins_of", {"person": id})


def unknown(id: str) -> NotFound:
    """No such person."""
    return NotFound(f"No person is called {id[:80]}; `chatixia people` lists them.")


def redeem_link(tx: Transaction, digest: bytes, row: SessionRow) -> SessionRow:
    """Use a login link once and open the browser session ``row``, whose person it says.

    Raises Unauthorized (unknown, used or expired).
    """
    columns = tx.one("take_login", {"digest": digest})
    if columns is None or columns[3] <= tx.now:
        raise Unauthorized("This login link is unknown, used or expired.")
    return open_session(tx, msgspec.structs.replace(row, person=columns[0], method=columns[1]))


def open_session(tx: Transaction, row: SessionRow) -> SessionRow:
    """Open a browser session; ``row.expires`` is its length in seconds. Raises Unauthorized where
    the person is gone."""
    columns = tx.one("person", {"id": row.person})
    if columns is None:
        raise Unauthorized("This person may not log in any more.")
    row = msgspec.structs.replace(
        row, role=columns[1], created=tx.now, last_used=tx.now, expires=tx.now + row.expires
    )
    tx.run("trim_sessions_of", {"person": row.person, "keep": PERSON_SESSIONS - 1})
    tx.run("trim_sessions", {"keep": MOST_SESSIONS - 1})
    tx.run("put_session", {name: getattr(row, name) for name in row.__struct_fields__})
    tx.run("logged_in", {"id": row.person, "now": tx.now})
    return row


def end_session(tx: Transaction, id: str, person: str) -> str:
    """End a browser session by its id, of ``person`` only where that is given; whose it was.

    Raises NotFound.
    """
    row = tx.one("end_session", {"id": id, "person": person})
    if row is None:
        raise NotFound("There is no such browser session.")
    return str(row[0])


def person_row(columns: Any) -> PersonRow:
    """The statement ``person``'s columns as a struct."""
    return PersonRow(*columns)
