"""Who the people of the hub are, what each may do, and their browser sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from chatixia.core.ports import Principal
from chatixia.errors import Denied, Unauthorized, Unprocessable
from chatixia.ids import person_id
from chatixia.registry.call import Handler, RequestContext
from chatixia.registry.digests import digest
from chatixia.store.control.audit import concerns
from chatixia.store.control.people import unknown
from chatixia.store.control.rows import PersonRow, SessionRow
from chatixia.store.control.store import Store
from chatixia.wire.people import (
    PasswordChange,
    People,
    PeopleQuery,
    PersonAdd,
    PersonInfo,
    PersonLink,
    PersonRef,
    PersonRole,
    SessionInfo,
    SessionRef,
    Sessions,
    SessionsQuery,
)
from chatixia.wire.signed import b64
from chatixia.wire.trust import Done
from chatixia.world import World

from .passwords import Passwords, check_new

INVITED_SECONDS: Final = 24 * 3600
"""How long the link of a new person waits."""

SessionsEnded = Callable[[Callable[[Principal], bool]], None]
"""Closes the sockets of the people for whom the function holds: their browser session is over."""


class PeopleService:
    """Verbs ``people.*`` and ``sessions.*``. ``note`` tells watchers of a change."""

    def __init__(
        self,
        store: Store,
        world: World,
        passwords: Passwords,
        ended: SessionsEnded,
        note: Callable[[str, str, str], None],
    ) -> None:
        self._store, self._world = store, world
        self._passwords, self._ended, self._note = passwords, ended, note

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "people.list": self.page,
            "people.add": self.add,
            "people.link": self.link,
            "people.role": self.role,
            "people.remove": self.remove,
            "people.password": self.password,
            "sessions.list": self.sessions,
            "sessions.end": self.end,
        }

    async def page(self, call: RequestContext, query: PeopleQuery) -> People:
        """People in order of id."""
        rows = await self._store.people.page(query.cursor, query.limit + 1)
        people = [person_info(row) for row in rows[: query.limit]]
        return People(people, people[-1].id if len(rows) > query.limit else "")

    async def add(self, call: RequestContext, request: PersonAdd) -> PersonLink:
        """A new person, and the link by which it comes in once. Raises NameTaken, Unprocessable."""
        id_ = person_id(request.name)
        if not id_:
            raise Unprocessable(
                f"{request.name!r} cannot name a person: use lower-case letters, digits, . _ and -,"
                " at most 32."
            )
        concerns(id_, detail=f"role {request.role}")
        secret = b64(self._world.token(24))
        await self._store.people.add(id_, request.role, digest(secret), INVITED_SECONDS)
        self._note("person", id_, "added")
        return PersonLink(id_, secret, INVITED_SECONDS)

    async def link(self, call: RequestContext, request: PersonRef) -> PersonLink:
        """Another link for a person, who has lost its password. Raises NotFound."""
        person = await self._person(request.id)
        secret = b64(self._world.token(24))
        await self._store.people.put_link(digest(secret), person.id, INVITED_SECONDS)
        return PersonLink(person.id, secret, INVITED_SECONDS)

    async def role(self, call: RequestContext, request: PersonRole) -> Done:
        """What a person may do from now on. Raises NotFound; Denied for one's own."""
        self._another(call, request.id)
        person = await self._person(request.id)
        concerns(person.id, detail=f"{person.role} to {request.role}")
        await self._store.people.set_role(person.id, request.role)
        self._ended(lambda p: p.id == person.id)  # the page comes back, with what it may now
        self._note("person", person.id, "role")
        return Done()

    async def remove(self, call: RequestContext, request: PersonRef) -> Done:
        """A person may log in no more. Raises NotFound; Denied for oneself."""
        self._another(call, request.id)
        await self._store.people.remove(request.id)
        self._ended(lambda p: p.id == request.id)
        self._note("person", request.id, "removed")
        return Done()

    def _another(self, call: RequestContext, id_: str) -> None:
        """Nobody takes the last admin away from the page by a slip; the owner's machine may."""
        if call.caller.id == id_:
            raise Denied("Let another admin do this, or the owner with `chatixia people`.")

    async def password(self, call: RequestContext, request: PasswordChange) -> Done:
        """The caller's own password; its other browser sessions end.

        Raises Unauthorized for a wrong old one, Unprocessable for a new one that is too easy.
        """
        check_new(request.new, call.caller.id)
        person = await self._person(call.caller.id)
        session = await self._session(call)
        concerns(person.id)
        if session.method == "password" and not await self._passwords.fits(
            person.password, request.old
        ):
            raise Unauthorized("The old password is wrong.")
        hash_ = await self._passwords.hash(request.new)
        await self._store.people.set_password(person.id, hash_, session.id)
        self._ended(lambda p: p.id == person.id and p.incarnation != session.id)
        return Done()

    async def _session(self, call: RequestContext) -> SessionRow:
        row = await self._store.people.session(digest(call.secret)) if call.secret else None
        if row is None:
            raise Unauthorized("The login is over; log in again.")
        return row

    async def sessions(self, call: RequestContext, query: SessionsQuery) -> Sessions:
        """Browser sessions: one's own, and for admins and the owner everybody's."""
        person = query.person if may_see_all(call.caller) else call.caller.id
        rows = await self._store.people.sessions(person, query.cursor, query.limit + 1)
        shown = [session_info(row, call.caller) for row in rows[: query.limit]]
        return Sessions(shown, shown[-1].id if len(rows) > query.limit else "")

    async def end(self, call: RequestContext, request: SessionRef) -> Done:
        """End a browser session: an own one, and for admins and the owner anybody's.

        Raises NotFound.
        """
        own = "" if may_see_all(call.caller) else call.caller.id
        await self._store.people.end(request.id, own)
        self._ended(lambda p: p.incarnation == request.id)
        return Done()

    async def _person(self, id_: str) -> PersonRow:
        row = await self._store.people.get(id_)
        if row is None:
            raise unknown(id_)
        return row


def may_see_all(caller: Principal) -> bool:
    """Whether browser sessions of others are its business."""
    return caller.kind == "owner" or caller.role == "admin"


def person_info(row: PersonRow) -> PersonInfo:
    """A person as admins see it."""
    return PersonInfo(
        row.id,
        row.role,
        int(row.created),
        int(row.last_login),
        bool(row.password),
        bool(row.subject),
        row.sessions,
    )


def session_info(row: SessionRow, caller: Principal) -> SessionInfo:
    """A browser session without its secrets."""
    return SessionInfo(
        row.id,
        row.person,
        int(row.created),
        int(row.last_used),
        int(row.expires),
        row.origin,
        row.browser,
        row.method,
        row.id == caller.incarnation,
    )
