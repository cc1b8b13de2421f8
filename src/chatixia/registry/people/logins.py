"""How people log in: by single-use links, by passwords (trust.md section 4).

The link's secret follows ``#``, so no server log has it; the page redeems it by a POST. Each login
makes new secrets and ends the session that the browser had, so none can be fixed beforehand.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from chatixia.core.ports import Principal
from chatixia.core.provider import Account, ProviderSettings, admitted
from chatixia.errors import Unauthorized
from chatixia.ids import PERSON, AgentId, person_id
from chatixia.registry.audit import AuditLog
from chatixia.registry.call import BrowserLogin, Handler, Listener, RequestContext
from chatixia.registry.digests import digest
from chatixia.registry.limits import RateLimits
from chatixia.store.control.audit import AuditEntry, acting, concerns
from chatixia.store.control.rows import SessionRow
from chatixia.store.control.store import Store
from chatixia.wire.people import LoginMethods, PasswordLogin
from chatixia.wire.registry import LoginLink, Nothing, Redeem, Session
from chatixia.wire.signed import b64
from chatixia.wire.trust import DEFAULT_NS, OWNER, Done
from chatixia.world import World

from .cookies import SESSION_SECONDS
from .passwords import Passwords
from .people import SessionsEnded
from .throttle import LoginThrottle

LINK_SECONDS: Final = 600
BACK_SECONDS: Final = 60
"""From the answer of the identity provider until the page is opened."""
OWNER_PERSON: Final = PERSON + OWNER
"""The person whom the owner's link logs in."""
WRONG: Final = "The name or the password is wrong."


class Logins:
    """Verbs ``login.*`` and ``session``.

    ``ended`` is given the browser sessions that ended, to close their sockets; ``provider``: the
    identity provider's settings where there is one.
    """

    def __init__(
        self,
        store: Store,
        mesh: str,
        world: World,
        failures: RateLimits,
        passwords: Passwords,
        audit: AuditLog,
        ended: SessionsEnded,
        provider: ProviderSettings | None = None,
    ) -> None:
        self._store, self._mesh, self._world = store, mesh, world
        self._failures, self._passwords, self._ended = failures, passwords, ended
        self._throttle, self._audit, self._provider = LoginThrottle(world), audit, provider

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "login.create": self.create,
            "login.redeem": self.redeem,
            "login.password": self.password,
            "login.methods": self.methods,
            "login.end": self.end,
            "session": self.session,
        }

    async def methods(self, call: RequestContext, request: Nothing) -> LoginMethods:
        """What the login form offers beside name and password."""
        there = self._provider
        return LoginMethods((there.name or there.issuer)[:64] if there else "")

    async def create(self, call: RequestContext, request: Nothing) -> LoginLink:
        """A link for the owner's person, once, for ten minutes; that person is an admin."""
        secret = b64(self._world.token(24))
        concerns(OWNER_PERSON)
        await self._store.people.put_owner_link(digest(secret), OWNER_PERSON, LINK_SECONDS)
        return LoginLink(secret, LINK_SECONDS)

    async def redeem(self, call: RequestContext, request: Redeem) -> Session:
        """Trade a link's secret for a browser session. Raises Unauthorized, Overloaded.

        A good secret is judged before its address: strangers' guesses keep no owner out.
        """
        link = digest(request.secret)
        person = await self._store.people.person_of(link)
        concerns(person, actor=person, kind="person")
        secrets = self._secrets()
        try:
            row = await self._store.people.redeem(link, self._row(call, person, "link", secrets))
        except Unauthorized:
            self._failures.check(call.address)
            self._failures.failed(call.address)
            raise
        return await self._opened(call, row, secrets)

    async def password(self, call: RequestContext, request: PasswordLogin) -> Session:
        """Trade a name and its password for a browser session. Raises Unauthorized, Overloaded."""
        person = person_id(request.person) or PERSON
        self._throttle.begin(person, call.address)
        row = await self._store.people.get(person)
        hash_ = row.password if row else ""
        if not await self._passwords.fits(hash_, request.password):
            if row:
                await self._record_failure(call, person)
            raise Unauthorized(WRONG)
        self._throttle.passed(person, call.address)
        session = await self.open(call, person, "password")
        if self._passwords.outdated(hash_):
            renewed = await self._passwords.hash(request.password)
            await self._store.people.renew_hash(person, renewed)
        return session

    async def _record_failure(self, call: RequestContext, person: str) -> None:
        origin = call.ip or call.address
        await self._audit.record(AuditEntry(person, "open", "login.failed", person, origin))

    async def link_of(self, call: RequestContext, account: Account) -> str:
        """The secret of a link, for a minute, for whom the identity provider has logged in.

        Raises Denied for an account that is not let in, NameTaken.
        """
        assert self._provider is not None
        entry = admitted(account, self._provider.allow)
        wanted = person_id(entry.person)
        subject = f"{self._provider.issuer}|{account.subject}"
        person = await self._store.people.subject(subject, wanted, entry.role)
        secret = b64(self._world.token(24))
        act = AuditEntry(person, "person", "login.provider", person, call.ip or call.address)
        with acting(act):
            await self._store.people.put_link(digest(secret), person, BACK_SECONDS, "provider")
        return secret

    async def open(self, call: RequestContext, person: str, method: str) -> Session:
        """A new browser session of ``person``, who proved itself. Raises Unauthorized."""
        concerns(person, actor=person, kind="person", detail=method)
        secrets = self._secrets()
        row = await self._store.people.open(self._row(call, person, method, secrets))
        return await self._opened(call, row, secrets)

    def _secrets(self) -> tuple[str, str]:
        """Those of the cookie and of the page."""
        return b64(self._world.token(24)), b64(self._world.token(24))

    def _row(
        self, call: RequestContext, person: str, method: str, secrets: tuple[str, str]
    ) -> SessionRow:
        cookie, page = secrets
        return SessionRow(
            digest(cookie),
            person,
            "",
            DEFAULT_NS,
            SESSION_SECONDS,
            self._world.token(8).hex(),
            digest(page),
            method,
            origin=call.ip or call.address,
            browser=call.browser[:128],
        )

    async def _opened(
        self, call: RequestContext, row: SessionRow, secrets: tuple[str, str]
    ) -> Session:
        """End what the browser had before, and give it its secrets."""
        before = await self._store.people.session(digest(call.secret)) if call.secret else None
        if before is not None:
            await self._store.people.end(before.id)
            self._ended(lambda p: p.incarnation == before.id)
        call.cookie = secrets[0]
        return Session(row.person, row.role, self._mesh, secrets[1], row.method)

    async def end(self, call: RequestContext, request: Nothing) -> Done:
        """Log this browser out."""
        session = call.caller.incarnation
        concerns(call.caller.id)
        await self._store.people.end(session)
        call.cookie = ""
        self._ended(lambda p: p.incarnation == session)
        return Done()

    async def session(self, call: RequestContext, request: Nothing) -> Session:
        """Who the caller is."""
        caller = call.caller
        row = await self._store.people.session(digest(call.secret)) if call.secret else None
        return Session(caller.id, caller.role, self._mesh, method=row.method if row else "")

    async def principal(self, cookie: str, page: str, listener: Listener) -> BrowserLogin:
        """The person of a browser session, and when that is over. Raises Unauthorized.

        On loopback the page's secret is wanted beside the cookie's.
        """
        row = await self._store.people.session(digest(cookie)) if len(cookie) < 64 else None
        if row is None:
            raise Unauthorized("The login is over; log in again.")
        if not listener.secure and not hmac.compare_digest(row.page, digest(page)):
            raise Unauthorized("This page is not logged in: its cookie alone is no proof here.")
        await self._store.people.touch(row)
        person = Principal(
            AgentId(row.person), "person", row.ns, "owner", row.role, incarnation=row.id
        )
        return BrowserLogin(person, row.expires)
