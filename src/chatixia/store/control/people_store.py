"""The store's part for people: each method is one item of the writer, or one read."""

from __future__ import annotations

from . import people
from .access import StoreAccess
from .rows import PersonRow, SessionRow
from .use_notes import UseNotes


class PeopleStore:
    """People, their login links and browser sessions."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access
        self._notes = UseNotes()

    async def put_owner_link(self, digest: bytes, person: str, ttl: float) -> None:
        """A one-time login link of the owner's own person, which is an admin from now on."""
        await self._access.write(people.put_owner_link, digest, person, ttl)

    async def put_link(self, digest: bytes, person: str, ttl: float, method: str = "link") -> None:
        """A one-time login link, by the SHA-256 of its secret; ``ttl`` in seconds. ``method``: how
        the session that it opens was come by."""
        await self._access.write(people.put_link, digest, person, ttl, method)

    async def add(self, id: str, role: str, digest: bytes, ttl: float) -> None:
        """A new person with its first link. Raises NameTaken and Overloaded."""
        await self._access.write(people.add_person, id, role, digest, ttl)

    async def get(self, id: str) -> PersonRow | None:
        """A person by id."""
        columns = await self._access.first("person", {"id": id, "now": self._access.now()})
        return None if columns is None else people.person_row(columns)

    async def page(self, after: str = "", limit: int = 200) -> list[PersonRow]:
        """People in order of id, from behind ``after`` on."""
        params = {"after": after, "limit": limit, "now": self._access.now()}
        return [people.person_row(row) for row in await self._access.read("people", params)]

    async def set_role(self, id: str, role: str) -> None:
        """Raises NotFound."""
        await self._access.write(people.set_role, id, role)

    async def set_password(self, id: str, hash: str, keep: str) -> None:
        """Its argon2 hash; browser sessions but the one with the id ``keep`` end. Raises
        NotFound."""
        await self._access.write(people.set_password, id, hash, keep)

    async def renew_hash(self, id: str, hash: str) -> None:
        """The same password as another hash. Raises NotFound."""
        await self._access.write(people.put_hash, id, hash)

    async def remove(self, id: str) -> None:
        """Raises NotFound."""
        await self._access.write(people.remove_person, id)

    async def subject(self, subject: str, id: str, role: str) -> str:
        """The id of whom the identity provider calls ``subject``, made as ``id`` if it is new.
        Raises NameTaken and Overloaded."""
        return str(await self._access.write(people.person_of_subject, subject, id, role))

    # ---- browser sessions

    async def person_of(self, digest: bytes) -> str:
        """Whose a login link is that was not used yet; "" if it is unknown."""
        columns = await self._access.first("login", {"digest": digest, "now": self._access.now()})
        return "" if columns is None else str(columns[0])

    async def redeem(self, digest: bytes, row: SessionRow) -> SessionRow:
        """Use a link once and open ``row``; ``expires`` is its length. Raises Unauthorized."""
        return await self._access.write(people.redeem_link, digest, row)

    async def open(self, row: SessionRow) -> SessionRow:
        """Open ``row``, whose ``expires`` is its length. Raises Unauthorized."""
        return await self._access.write(people.open_session, row)

    async def session(self, digest: bytes) -> SessionRow | None:
        """A living browser session, with the person's present role."""
        params = {"digest": digest, "now": self._access.now()}
        columns = await self._access.first("session", params)
        return None if columns is None else SessionRow(*columns)

    async def sessions(
        self, person: str = "", after: str = "", limit: int = 200
    ) -> list[SessionRow]:
        """Living browser sessions (of one person) in order of id, from behind ``after`` on."""
        params = {"person": person, "after": after, "limit": limit, "now": self._access.now()}
        name = "sessions_of" if person else "sessions"
        return [SessionRow(*row) for row in await self._access.read(name, params)]

    async def end(self, id: str, person: str = "") -> str:
        """End a session, of ``person`` only where that is given; whose it was. Raises NotFound."""
        return str(await self._access.write(people.end_session, id, person))

    async def touch(self, row: SessionRow) -> None:
        """Note its use, at most once a minute."""
        now = self._access.now()
        if self._notes.is_due(row.id, now, row.last_used):
            await self._access.put("touch_session", {"id": row.id, "now": now})
