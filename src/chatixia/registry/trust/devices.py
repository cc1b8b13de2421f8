"""Pairing of the described contract: by a code an agent asks, and who approves shows its token.

The token is an API key by another name, so it reaches no further than one: the queue, and links
with agents that name its id (docs/compat.md). It is shown once and kept as a hash.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from typing import Final

from chatixia.core.pairing import CODE_SECONDS, code_of
from chatixia.errors import BadRequest, Denied, NameTaken, NotFound, Overloaded, Unauthorized
from chatixia.registry.call import Handler, Note, RequestContext
from chatixia.registry.digests import digest
from chatixia.registry.limits import RateLimits
from chatixia.store.control.audit import concerns
from chatixia.store.control.rows import DeviceRow, KeyRow
from chatixia.store.control.store import Store
from chatixia.wire.devices import (
    DEVICE_PREFIX,
    DeviceApproved,
    DeviceCode,
    DevicePair,
    DevicePending,
    DeviceRef,
    DevicesQuery,
    OnboardingEntry,
)
from chatixia.wire.registry import KeyRef, Nothing
from chatixia.wire.trust import DEFAULT_NS, Done
from chatixia.world import World

from .keys import ApiKeys

log = logging.getLogger("chatixia.registry")

DRAWS: Final = 8
"""Codes, and ids, that are drawn until one is free."""
MAX_NAME: Final = 128
CONTEXT: Final = b"device/"
"""Before a code in its HMAC: one of these lets no machine ask, and none of a machine's an agent."""
OFF: Final = "This registry pairs no described agents; its operator may set `compat: true`."


class DevicePairing:
    """Verbs ``devices.*``. ``code_key``: for the HMAC of codes; ``guesses``: wrong codes of an
    address; ``enabled``: whether described peers are let in."""

    def __init__(
        self,
        store: Store,
        keys: ApiKeys,
        world: World,
        note: Note,
        code_key: bytes,
        guesses: RateLimits,
        enabled: bool,
    ) -> None:
        self._store, self._keys, self._world, self._note = store, keys, world, note
        self._code_key, self._guesses, self._enabled = code_key, guesses, enabled

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "devices.code": self.code,
            "devices.pair": self.pair,
            "devices.pending": self.pending,
            "devices.list": self.page,
            "devices.approve": self.approve,
            "devices.reject": self.reject,
            "devices.revoke": self.revoke,
        }

    async def code(self, call: RequestContext, request: Nothing) -> DeviceCode:
        """A code for one agent. Raises Denied for a device token, NotFound where this is off,
        Overloaded."""
        self._check_enabled()
        if call.caller.role == "device":
            raise Denied("A device token makes no codes; an API key does.")
        for _ in range(DRAWS):
            code = code_of(self._world.token(8))
            put = self._store.devices.put_code
            if await put(DEFAULT_NS, call.caller.id, self._digest(code)):
                return DeviceCode(code, CODE_SECONDS)
        raise Overloaded

    async def pair(self, call: RequestContext, request: DevicePair) -> DevicePending:
        """An agent asks, in this order: rate, form, name, code. Raises Overloaded, BadRequest,
        Unauthorized."""
        self._check_enabled()
        if not self._guesses.take(call.address):
            raise Overloaded("too many pairing attempts, try again later")
        row = None
        try:
            row = await self._begin(call, *_read(request))
        finally:
            if row is not None:
                self._guesses.give(call.address)
        if row is None:
            raise Unauthorized("invalid or expired pairing code")
        log.info("%s asks to join from %s", row.peer_id, call.address)
        await self._note("pairing", row.peer_id, "pending")
        return DevicePending(row.id, row.state, row.peer_id)

    async def _begin(self, call: RequestContext, code: str, name: str) -> DeviceRow | None:
        """A guess is paid for before it is judged. An id that is somebody's is drawn anew."""
        for _ in range(DRAWS):
            peer, id_ = f"agent-{self._world.token(3).hex()}", self._world.token(4).hex()
            row = DeviceRow(0, id_, DEFAULT_NS, name, peer, "", address=call.ip)
            concerns(peer)
            try:
                return await self._store.devices.begin(self._digest(code), row)
            except NameTaken:
                continue
        raise Overloaded

    async def pending(self, call: RequestContext, query: DevicesQuery) -> list[OnboardingEntry]:
        """Who waits, oldest first."""
        return await self._page(call, query, "pending_approval")

    async def page(self, call: RequestContext, query: DevicesQuery) -> list[OnboardingEntry]:
        """Who ever asked, oldest first; never with a token."""
        return await self._page(call, query, "")

    async def _page(
        self, call: RequestContext, query: DevicesQuery, state: str
    ) -> list[OnboardingEntry]:
        after = int(query.cursor) if query.cursor.isdecimal() else 0
        rows = await self._store.devices.page(DEFAULT_NS, state, after, query.limit + 1)
        shown = rows[: query.limit]
        call.more = str(shown[-1].n) if len(rows) > query.limit else ""
        return [entry(row) for row in shown]

    async def approve(self, call: RequestContext, request: DeviceRef) -> DeviceApproved:
        """Let one in; its token is in this answer and nowhere else. Raises NotFound."""
        self._check_enabled()
        row = await self._concerned(request.id, "pending")
        token = DEVICE_PREFIX + self._world.token(16).hex()
        key_id = self._world.token(6).hex()
        key = KeyRow(key_id, row.ns, row.peer_id, digest(token), self._store.now())
        row = await self._store.devices.approve(request.id, key)
        await self._note("pairing", row.peer_id, "approved")
        return DeviceApproved(row.id, row.state, row.peer_id, token)

    async def reject(self, call: RequestContext, request: DeviceRef) -> Done:
        """Turn one away. Raises NotFound."""
        row = await self._concerned(request.id, "pending")
        await self._store.devices.reject(request.id)
        await self._note("pairing", row.peer_id, "rejected")
        return Done()

    async def revoke(self, call: RequestContext, request: DeviceRef) -> Done:
        """End the token of one that was approved: its sockets close and its tasks end. Raises
        NotFound."""
        row = await self._concerned(request.id, "approved")
        if row.state != "approved":
            raise NotFound("not found or not approved")
        return await self._keys.revoke(call, KeyRef(row.key))

    async def _concerned(self, id: str, wanted: str) -> DeviceRow:
        """Whom an act is about, also for the audit log, before the act is written. Raises NotFound
        in the words of that contract."""
        row = await self._store.devices.get(id)
        if row is None:
            raise NotFound(f"not found or not {wanted}")
        concerns(row.peer_id)
        return row

    def _check_enabled(self) -> None:
        if not self._enabled:
            raise NotFound(OFF)

    def _digest(self, code: str) -> bytes:
        return hmac.digest(self._code_key, CONTEXT + code.encode(), "sha256")


def _read(request: DevicePair) -> tuple[str, str]:
    """Code and name. Raises BadRequest."""
    code, name = request.code, request.agent_name.strip()
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        raise BadRequest("code must be exactly 6 digits")
    if not name:
        raise BadRequest("agent_name is required")
    if len(name) > MAX_NAME or not name.isprintable():
        raise BadRequest(f"agent_name has at most {MAX_NAME} printable characters")
    return code, name


def entry(row: DeviceRow) -> OnboardingEntry:
    """One that asked, as it is listed."""
    return OnboardingEntry(row.id, row.agent_name, row.peer_id, row.state, row.created, row.updated)
