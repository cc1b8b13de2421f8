"""API keys of key-less clients: REST and queue only, `plain`, shown `unverified`.

A key is 160 random bits behind ``ck_``; the store has its SHA-256, which suffices for a secret
that nobody can guess, and lets it be found by an index without comparing secrets.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping

from chatixia.core.ports import Principal
from chatixia.errors import Unauthorized, Unprocessable
from chatixia.ids import AgentId, id_problem, is_agent_id
from chatixia.registry.call import Handler, RequestContext
from chatixia.registry.digests import digest
from chatixia.store.control.audit import concerns
from chatixia.store.control.rows import KeyRow
from chatixia.store.control.store import Store
from chatixia.wire.devices import DEVICE_PREFIX
from chatixia.wire.registry import KeyCreate, KeyCreated, KeyInfo, KeyRef, Keys, KeysQuery
from chatixia.wire.trust import DEFAULT_NS, Done
from chatixia.world import World, b32

from .members import Members

PREFIX = "ck_"
LENGTH = len(PREFIX) + 32


class ApiKeys:
    """Verbs ``keys.*`` and the check of the ``X-API-Key`` header.

    ``on_revoked`` is given the name of a key that was revoked, to close its sockets and end its
    tasks.
    """

    def __init__(
        self,
        store: Store,
        members: Members,
        world: World,
        on_revoked: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store, self._members, self._world = store, members, world
        self._on_revoked = on_revoked

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "keys.create": self.create,
            "keys.list": self.page,
            "keys.revoke": self.revoke,
        }

    async def create(self, call: RequestContext, request: KeyCreate) -> KeyCreated:
        """Make a key; its secret is in this answer and nowhere else.

        Raises NameTaken for a name that a living key has, or that a member ever had.
        """
        if not is_agent_id(request.name):
            raise Unprocessable(f"{request.name!r} cannot name a key: {id_problem(request.name)}.")
        secret = PREFIX + b32(self._world.token(20))
        row = KeyRow(
            self._world.token(6).hex(),
            DEFAULT_NS,
            request.name,
            digest(secret),
            self._store.now(),
            float(request.not_after),
        )
        concerns(row.name, detail=_noted(row))
        await self._store.keys.put(row)
        return KeyCreated(row.id, row.name, secret)

    async def page(self, call: RequestContext, query: KeysQuery) -> Keys:
        """Keys without their secrets, newest first."""
        rows = await self._store.keys.page(DEFAULT_NS, query.cursor, query.limit + 1)
        shown = [info(row) for row in rows[: query.limit]]
        return Keys(shown, shown[-1].id if len(rows) > query.limit else "")

    async def revoke(self, call: RequestContext, request: KeyRef) -> Done:
        """End a key. Raises NotFound."""
        if (named := await self._store.keys.get(DEFAULT_NS, request.id)) is not None:
            concerns(named.name, detail=_noted(named))  # the audit log names it as it was made
        row = await self._store.keys.revoke(DEFAULT_NS, request.id)
        if not await self._store.keys.named(row.ns, row.name):  # else another key has it by now
            await self._on_revoked(row.name)
        return Done()

    async def revoked_names(self) -> list[str]:
        """Names of revoked keys that no living one has."""
        names: set[str] = set()
        after = ""
        while page := await self._store.keys.page(DEFAULT_NS, after):
            names |= {row.name for row in page if row.revoked}
            after = page[-1].id
        return [name for name in names if not await self._store.keys.named(DEFAULT_NS, name)]

    async def principal(self, secret: str, prefix: str = PREFIX) -> Principal:
        """The principal of an API key, or of a device token. Raises Unauthorized."""
        if len(secret) != LENGTH or not secret.startswith(prefix):
            raise Unauthorized("The API key is unknown.")
        wanted = digest(secret)
        row = await self._store.keys.by_digest(wanted)
        if row is None or not hmac.compare_digest(row.digest, wanted):
            raise Unauthorized("The API key is unknown.")
        self._unshared(row.name)
        await self._store.keys.touch(row.id)
        role = "device" if prefix == DEVICE_PREFIX else ""
        return Principal(AgentId(row.name), "key", row.ns, "unverified", role)

    async def check(self, principal: Principal, issued: int) -> None:
        """Whether the key for which a token was issued still lives. Raises Unauthorized.

        A key of the same name that was made after the token is another one.
        """
        if not await self._store.keys.lives(principal.ns, principal.id, issued + 1.0):
            raise Unauthorized("The API key behind this token is revoked.")
        self._unshared(principal.id)

    def _unshared(self, name: str) -> None:
        """A key from a time when a member could take its name speaks for that member no more."""
        if self._members.holder(name) is not None:
            raise Unauthorized(f"{name} is a member with a key of its own; make an API key anew.")


def _noted(row: KeyRow) -> str:
    """Which of the keys that had one name, for the audit log."""
    return f"key {row.id}"


def info(row: KeyRow) -> KeyInfo:
    """A key as its owner sees it."""
    return KeyInfo(
        row.id, row.name, int(row.created), int(row.not_after), int(row.last_used), row.revoked
    )
