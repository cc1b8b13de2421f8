"""Pairing: a machine asks with a six-digit code, a person compares two keys, the owner signs.

The registry adds nobody by this either: what it keeps at the end is a record that the owner's key
signed for the very keys that asked, or that its own did within a delegation (trust.md section 1).
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from typing import Final

import msgspec

from chatixia.core import fingerprints
from chatixia.core.membership import Member, check_member
from chatixia.core.pairing import (
    CODE_SECONDS,
    check_approval,
    check_begin,
    check_wait,
    code_of,
    read_code,
)
from chatixia.core.ports import Verify
from chatixia.errors import BadInvitation, BadRequest, Denied, Overloaded
from chatixia.registry.call import Handler, Note, RegistryReach, RequestContext
from chatixia.registry.limits import RateLimits
from chatixia.registry.waiters import Waiters
from chatixia.store.control.audit import concerns
from chatixia.store.control.pairing import CodeUse
from chatixia.store.control.rows import PairingRow
from chatixia.store.control.store import Store
from chatixia.wire.pairing import (
    CodeCreated,
    PairAnswer,
    PairApprove,
    PairBegin,
    PairingInfo,
    PairingRef,
    Pairings,
    PairingsQuery,
    PairWait,
)
from chatixia.wire.registry import Nothing
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import DEFAULT_NS, Done, Signed
from chatixia.world import World

from .delegating import DelegationService
from .members import Members
from .nonces import Nonces

log = logging.getLogger("chatixia.registry")

DRAWS: Final = 8
"""Codes that are drawn until one is not good already; 20 of a million are."""
GUESSES: Final = (5.0, 1 / 60)
"""Wrong codes of one address: a burst, then one a minute. So no address spends the whole budget."""

_chain = msgspec.json.Decoder(list[Signed])


class PairingService:
    """Verbs ``codes.create`` and ``pairings.*``. ``code_key``: for the HMAC of codes; ``registry``:
    this registry's raw public key; ``delegation``: what it may sign itself; ``guesses``: wrong
    codes of each address."""

    def __init__(
        self,
        store: Store,
        members: Members,
        nonces: Nonces,
        verify: Verify,
        world: World,
        reach: RegistryReach,
        note: Note,
        code_key: bytes,
        registry: bytes,
        delegation: DelegationService,
    ) -> None:
        self._store, self._members, self._nonces = store, members, nonces
        self._verify, self._world, self._reach, self._note = verify, world, reach, note
        self._code_key, self._registry, self._delegation = code_key, registry, delegation
        self.guesses = RateLimits(world, *GUESSES)
        self.waiters = Waiters()

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "codes.create": self.create,
            "pairings.begin": self.begin,
            "pairings.wait": self.wait,
            "pairings.list": self.page,
            "pairings.approve": self.approve,
            "pairings.reject": self.reject,
        }

    def close(self) -> None:
        """Answer all that wait: this registry stops."""
        self.waiters.close()

    async def create(self, call: RequestContext, request: Nothing) -> CodeCreated:
        """A code for one machine. Raises Overloaded while too many are good."""
        for _ in range(DRAWS):
            code = code_of(self._world.token(8))
            if await self._store.pairings.put_code(DEFAULT_NS, call.caller.id, self._digest(code)):
                return CodeCreated(code, CODE_SECONDS, await self._resting())
        raise Overloaded

    async def begin(self, call: RequestContext, request: PairBegin) -> PairAnswer:
        """A machine asks.

        Raises BadInvitation for a wrong code, Overloaded while codes rest, NameTaken.
        """
        code = read_code(request.code)
        self._check_nonce(request.nonce)
        check_begin(request, mesh=self._members.mesh, registry=self._registry, verify=self._verify)
        concerns(request.name)
        used = await self._use(self._digest(code), self._pairing_row(call, request), call.address)
        if used.rest:
            log.warning("codes rest: too many wrong ones")
            await self._note("code", "registry", "resting")
        if used.row is not None:
            log.info("%s asks to join from %s", used.row.name, call.address)
            await self._note("pairing", used.row.name, "pending")
            return self._answer(call, used.row)
        raise BadInvitation("This code is wrong, used or older than five minutes.")

    async def _use(self, digest: bytes, row: PairingRow, address: str) -> CodeUse:
        """Use a code. A guess is paid for before it is judged, so that many at once are no way
        around; what was no wrong code is paid back."""
        if not self.guesses.take(address):
            raise Overloaded("Too many wrong codes from here; try again in a minute.")
        used = None
        try:
            used = await self._store.pairings.begin(digest, row)
        finally:
            if used is None or used.row is not None:
                self.guesses.give(address)
        return used

    async def wait(self, call: RequestContext, request: PairWait) -> PairAnswer:
        """How it stands, for the machine that asked. Raises NotFound, BadSignature."""
        self._check_nonce(request.nonce)
        row = await self._store.pairings.get(request.id)
        check_wait(request, row.sign, mesh=self._members.mesh, verify=self._verify)
        row = await self.waiters.read(
            row.id,
            request.wait_ms / 1000,
            lambda: self._store.pairings.get(request.id),
            lambda row: row.standing(self._store.now()) == "pending_approval",
        )
        return self._answer(call, row)

    async def page(self, call: RequestContext, query: PairingsQuery) -> Pairings:
        """Who asked, oldest first."""
        after = int(query.cursor) if query.cursor.isdecimal() else 0
        rows = await self._store.pairings.page(
            DEFAULT_NS, query.state, query.name, after, query.limit + 1
        )
        shown = rows[: query.limit]
        following = str(shown[-1].n) if len(rows) > query.limit else ""
        now = self._store.now()
        return Pairings([self._info(row, now) for row in shown], following, await self._resting())

    async def approve(self, call: RequestContext, request: PairApprove) -> Done:
        """Let a machine in by the record that the owner signed for it; for a person the registry
        signs it, where an owner delegated that.

        Raises BadChain for a record of another machine, Conflict, Denied, NotFound, NameTaken.
        """
        row = await self._store.pairings.get(request.id)
        concerns(row.name)
        if call.caller.kind == "person":
            self._compare(row, request.key)
            member = await self._delegation.admit(row)
            concerns(row.name, detail="signed by the registry")
        else:
            member = self._signed(row, request)
        await self._members.approve(row.id, member)
        await self._finish(row, "approved")
        return Done()

    def _compare(self, row: PairingRow, shown: str) -> None:
        """Hold the key that `pair` shows against that of the keys which asked. Raises Denied."""
        if fingerprints.read(shown) != self._key_of(row):
            raise Denied(
                f"The key of {row.name} is another here: somebody stands between. Reject it, and"
                f" let it join by a string of `chatixia invite {row.name}`."
            )

    def _signed(self, row: PairingRow, request: PairApprove) -> Member:
        now = self._store.now()
        member = check_approval(
            request.chain,
            name=row.name,
            sign=row.sign,
            seal=row.seal,
            mesh=self._members.mesh,
            now=now,
            verify=self._verify,
        )
        check_member(member, now, self._members.revocations)
        return member

    async def reject(self, call: RequestContext, request: PairingRef) -> Done:
        """Turn a machine away. Raises Conflict, NotFound."""
        concerns((await self._store.pairings.get(request.id)).name)
        await self._finish(await self._store.pairings.reject(request.id), "rejected")
        return Done()

    async def _finish(self, row: PairingRow, change: str) -> None:
        log.info("%s %s", change, row.name)
        self.waiters.wake(row.id)
        await self._note("pairing", row.name, change)

    async def _resting(self) -> float:
        """Seconds until codes are taken."""
        return max(0.0, await self._store.pairings.resting() - self._store.now())

    def _digest(self, code: str) -> bytes:
        return hmac.digest(self._code_key, code.encode(), "sha256")

    def _check_nonce(self, nonce: str) -> None:
        if not self._nonces.take(nonce):
            raise BadRequest("The nonce is not fresh; begin again.")

    def _pairing_row(self, call: RequestContext, request: PairBegin) -> PairingRow:
        return PairingRow(
            0,
            self._world.token(8).hex(),
            DEFAULT_NS,
            request.name,
            unb64(request.sign),
            unb64(request.seal),
            "pending_approval",
            0.0,
            0.0,
            request.hostname,
            call.ip,
            "",
        )

    def _answer(self, call: RequestContext, row: PairingRow) -> PairAnswer:
        now = self._store.now()
        state = row.standing(now)
        return PairAnswer(
            row.id,
            row.name,
            state,
            now,
            max(0.0, row.expires - now) if state == "pending_approval" else 0.0,
            self._has_other_key(row),
            _chain.decode(row.chain),
            self._reach.urls(call.local),
        )

    def _has_other_key(self, row: PairingRow) -> bool:
        """Whether a member has the name that ``row`` asks for, or had it until it was revoked."""
        if self._members.is_revoked(DEFAULT_NS, row.name):
            return True  # also after a restart, which reads nobody who is out
        current = self._members.sign_key(row.name)
        return current is not None and current != row.sign

    def _key_of(self, row: PairingRow) -> str:
        """The key of a machine that asked, as `pair` shows it there."""
        return fingerprints.of_machine(
            self._members.mesh, self._registry, row.name, row.sign, row.seal
        )

    def _info(self, row: PairingRow, now: float) -> PairingInfo:
        """A machine that asked, as its owner sees it."""
        return PairingInfo(
            row.id,
            row.name,
            row.standing(now),
            b64(row.sign),
            b64(row.seal),
            int(row.created),
            int(row.expires),
            row.hostname,
            row.address,
            row.inviter,
            self._key_of(row),
            self._delegation.admits(row.name),
            self._has_other_key(row),
        )
