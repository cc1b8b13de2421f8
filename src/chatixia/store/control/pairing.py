"""Codes and the machines that asked with them: changes in the writer's transaction, and reads.

A code is kept as an HMAC under a key outside the database: six digits alone are columns from any
hash. Wrong ones are counted here, so that a restart forgets none.
"""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.core.pairing import (
    CODE_SECONDS,
    MOST_CODES,
    MOST_PENDING,
    MOST_WRONG,
    PENDING_SECONDS,
    WRONG_SECONDS,
)
from chatixia.errors import Conflict, NameTaken, NotFound, Overloaded
from chatixia.wire.pairing import PairingState

from . import trust
from .access import StoreAccess
from .audit import ACT, AuditEntry
from .rows import MemberRow, PairingRow
from .tx import Transaction

WRONG: Final = "code"
"""What a wrong code is called among the failures."""
WRONG_CODE: Final = "wrong code"
"""The same in the audit log."""
RESTING: Final = "Codes rest after too many wrong ones; join strings work."


class CodeUse(msgspec.Struct, frozen=True):
    """What became of a code: the machine that waits now, or None for a wrong code. ``rest``: with
    this one codes begin to rest."""

    row: PairingRow | None = None
    rest: bool = False


def put_code(tx: Transaction, ns: str, inviter: str, digest: bytes) -> bool:
    """Keep a code; False if it is good already, for another one. Raises Overloaded."""
    tx.run("drop_codes", {"now": tx.now})
    if tx.one("count_codes", {"ns": ns})[0] >= MOST_CODES:
        raise Overloaded(f"{MOST_CODES} codes wait to be used; each is good for five minutes.")
    row = {"digest": digest, "ns": ns, "inviter": inviter, "expires": tx.now + CODE_SECONDS}
    return bool(tx.run("put_code", row).rowcount)


def resting(tx: Transaction) -> float:
    """Store time until which codes rest, 0 if they do not."""
    return _until(tx.one("nth_failure", _newest(tx.now)))


def _newest(now: float) -> dict[str, float | str]:
    """Which failure decides: the last that makes the budget full."""
    return {"kind": WRONG, "since": now - WRONG_SECONDS, "n": MOST_WRONG - 1}


def _until(failure: tuple[float] | None) -> float:
    return 0.0 if failure is None else failure[0] + WRONG_SECONDS


def begin(
    tx: Transaction, digest: bytes, row: PairingRow, act: AuditEntry | None = None
) -> CodeUse:
    """Use a code once, for the machine of ``row``; its times are set here.

    A key that waits, or was approved, gets its row again without a code. A wrong code is counted,
    whoever brought it, and said so in the line of ``act``. Raises Overloaded while codes rest, for
    a right one too, and NameTaken, which leaves the code good.
    """
    again = tx.one("pairing_of_key", {"sign": row.sign, "ns": row.ns, "now": tx.now})
    if again is not None:
        return CodeUse(PairingRow(*again))
    if until := resting(tx):
        raise Overloaded(RESTING, retry_after=max(1.0, until - tx.now))
    code = tx.one("code", {"digest": digest, "ns": row.ns, "now": tx.now})
    if code is None:
        trust.note_failure(tx, WRONG, WRONG_SECONDS)
        if act is not None:
            act.detail = WRONG_CODE
        return CodeUse(rest=bool(resting(tx)))
    _check_free(tx, row)
    tx.run("take_code", {"digest": digest})
    tx.run(
        "put_pairing",
        trust.fields(row)
        | {"created": tx.now, "expires": tx.now + PENDING_SECONDS, "inviter": code[0]},
    )
    return CodeUse(_row(tx, row.id))


def _check_free(tx: Transaction, row: PairingRow) -> None:
    """A machine's name may be asked for though one has it: the owner judges that."""
    key = {"ns": row.ns, "name": row.name, "now": tx.now}
    if tx.one("pending_name", key):
        raise NameTaken(f"Another machine waits for approval as {row.name}.", agent=row.name)
    if tx.one("key_by_name", key):
        raise NameTaken(f"The name {row.name} belongs to an API key.", agent=row.name)
    member = trust.member_of(tx.one("member", {"ns": row.ns, "id": row.name}))
    if member is not None and member.kind != "machine":
        raise NameTaken(f"The name {row.name} is that of an {member.kind}.", agent=row.name)
    if tx.one("count_pending", key)[0] >= MOST_PENDING:
        raise Overloaded(f"{MOST_PENDING} machines wait for approval already.")


def _row(tx: Transaction, id: str) -> PairingRow:
    columns = tx.one("pairing", {"id": id})
    if columns is None:
        raise NotFound("Nobody asked to join under this id.")
    return PairingRow(*columns)


def _pending(tx: Transaction, id: str) -> PairingRow:
    row = _row(tx, id)
    state = row.standing(tx.now)
    if state != "pending_approval":
        raise Conflict(f"{row.name} does not wait for approval any more: it is {state}.")
    return row


def approve(tx: Transaction, id: str, member: MemberRow) -> PairingRow:
    """Let a machine that waits in, or neither it nor its member's row. Raises NotFound, Conflict,
    and what :func:`trust.put_member` does."""
    row = _pending(tx, id)
    trust.put_member(tx, msgspec.structs.replace(member, hostname=row.hostname), None)
    return _end(tx, id, "approved", member.chain)


def reject(tx: Transaction, id: str) -> PairingRow:
    """Turn a machine that waits away. Raises NotFound, Conflict."""
    _pending(tx, id)
    return _end(tx, id, "rejected", b"[]")


def _end(tx: Transaction, id: str, state: PairingState, chain: bytes) -> PairingRow:
    tx.run("end_pairing", {"id": id, "state": state, "chain": chain, "now": tx.now})
    return _row(tx, id)


class PairingStore:
    """Codes, and who asked with them; what the changes do is said above."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access

    async def put_code(self, ns: str, inviter: str, digest: bytes) -> bool:
        """See :func:`put_code`."""
        return bool(await self._access.write(put_code, ns, inviter, digest))

    async def resting(self) -> float:
        """See :func:`resting`."""
        return _until(await self._access.first("nth_failure", _newest(self._access.now())))

    async def begin(self, digest: bytes, row: PairingRow) -> CodeUse:
        """See :func:`begin`."""
        return await self._access.write(begin, digest, row, ACT.get())

    async def get(self, id: str) -> PairingRow:
        """Raises NotFound."""
        columns = await self._access.first("pairing", {"id": id})
        if columns is None:
            raise NotFound("Nobody asked to join under this id.")
        return PairingRow(*columns)

    async def page(
        self, ns: str, state: PairingState, name: str = "", after: int = 0, limit: int = 200
    ) -> list[PairingRow]:
        """Those in ``state``, oldest first, from behind number ``after`` on."""
        params = {"ns": ns, "state": state, "name": name, "after": after, "limit": limit}
        rows = await self._access.read("pairings", {**params, "now": self._access.now()})
        return [PairingRow(*row) for row in rows]

    async def approve(self, id: str, member: MemberRow) -> PairingRow:
        """See :func:`approve`."""
        return await self._access.write(approve, id, member)

    async def reject(self, id: str) -> PairingRow:
        """See :func:`reject`."""
        return await self._access.write(reject, id)
