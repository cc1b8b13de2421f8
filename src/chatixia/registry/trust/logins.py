"""People: single-use login links and browser sessions (trust.md section 4).

The link's secret follows ``#``, so no server log has it; the page redeems it by a POST. The cookie
is HttpOnly and SameSite=Strict; over TLS it is ``__Host-`` and Secure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from chatixia.core.ports import Principal
from chatixia.errors import Unauthorized
from chatixia.ids import AgentId
from chatixia.registry.call import Handler, Listener, RequestContext
from chatixia.registry.limits import RateLimits
from chatixia.store.control.audit import concerns
from chatixia.store.control.store import Store
from chatixia.wire.registry import LoginLink, Nothing, Redeem, Session
from chatixia.wire.signed import b64
from chatixia.wire.trust import DEFAULT_NS, OWNER, Done
from chatixia.world import World

from .keys import digest

LINK_SECONDS: Final = 600
SESSION_SECONDS: Final = 12 * 3600
ROLE: Final = "admin"


class Logins:
    """Verbs ``login.*`` and ``session``.

    ``on_ended`` is given the person who logged out, to close its sockets; other browsers come back.
    """

    def __init__(
        self,
        store: Store,
        mesh: str,
        world: World,
        failures: RateLimits,
        on_ended: Callable[[str], None],
    ) -> None:
        self._store, self._mesh, self._world = store, mesh, world
        self._failures, self._on_ended = failures, on_ended

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "login.create": self.create,
            "login.redeem": self.redeem,
            "login.end": self.end,
            "session": self.session,
        }

    async def create(self, call: RequestContext, request: Nothing) -> LoginLink:
        """A link for the owner's person, once, for ten minutes."""
        secret = b64(self._world.token(24))
        await self._store.logins.put(digest(secret), OWNER, ROLE, DEFAULT_NS, LINK_SECONDS)
        return LoginLink(secret, LINK_SECONDS)

    async def redeem(self, call: RequestContext, request: Redeem) -> Session:
        """Trade a link's secret for a browser session. Raises Unauthorized, Overloaded.

        A good secret is judged before its address: strangers' guesses keep no owner out.
        """
        cookie = b64(self._world.token(24))
        person = await self._store.logins.person_of(digest(request.secret))
        concerns(person, actor=person, kind="person")
        try:
            row = await self._store.logins.redeem(
                digest(request.secret), digest(cookie), SESSION_SECONDS
            )
        except Unauthorized:
            self._failures.check(call.address)
            self._failures.failed(call.address)
            raise
        call.cookie = cookie
        return Session(row.person, row.role, self._mesh)

    async def end(self, call: RequestContext, request: Nothing) -> Done:
        """Log this browser out."""
        await self._store.logins.end_session(digest(call.secret))
        call.cookie = ""
        self._on_ended(call.caller.id)
        return Done()

    async def session(self, call: RequestContext, request: Nothing) -> Session:
        """Who the caller is."""
        return Session(call.caller.id, call.caller.role, self._mesh)

    async def principal(self, secret: str) -> Principal:
        """The person of a browser session. Raises Unauthorized."""
        row = await self._store.logins.session(digest(secret)) if len(secret) < 64 else None
        if row is None:
            raise Unauthorized("The login is over; open a new link.")
        return Principal(AgentId(row.person), "person", row.ns, "owner", row.role)


def cookie_name(mesh: str, listener: Listener) -> str:
    """Cookies ignore ports, so on loopback the mesh's id keeps two registries apart."""
    return "__Host-chatixia" if listener.secure else f"chatixia-{mesh[:16]}"


def set_cookie(mesh: str, listener: Listener, secret: str) -> str:
    """A Set-Cookie header's value; an empty secret clears it."""
    age = SESSION_SECONDS if secret else 0
    secure = "; Secure" if listener.secure else ""
    name = cookie_name(mesh, listener)
    return f"{name}={secret}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"


def read_cookie(mesh: str, listener: Listener, header: str) -> str:
    """Our cookie's value in a Cookie header, or ""."""
    wanted = cookie_name(mesh, listener)
    for part in header[:4096].split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            return value
    return ""
