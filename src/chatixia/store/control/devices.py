"""Agents of the described contract that asked to join by a code. Wrong codes count with those of
machines: it is the same six digits that are guessed."""

from __future__ import annotations

from typing import Final

from chatixia.core.pairing import MOST_PENDING, PENDING_SECONDS, WRONG_SECONDS
from chatixia.errors import NameTaken, NotFound, Overloaded

from . import trust
from .access import StoreAccess
from .audit import ACT, AuditEntry
from .pairing import RESTING, WRONG, WRONG_CODE, put_code, resting
from .rows import DeviceRow, KeyRow
from .tx import Transaction

MOST_CODES_OF_KEY: Final = 5
"""Codes of one API key that are good at once; all together have the bound of the owner's."""
REJECTED_SECONDS: Final = 7 * 86_400
"""How long one that was rejected, or whose token was revoked, is listed."""


def put_device_code(tx: Transaction, ns: str, inviter: str, digest: bytes) -> bool:
    """As :func:`pairing.put_code`, with a share for each inviter. Raises Overloaded."""
    tx.run("drop_codes", {"now": tx.now})
    if tx.one("count_codes_of", {"ns": ns, "inviter": inviter})[0] >= MOST_CODES_OF_KEY:
        raise Overloaded(f"{MOST_CODES_OF_KEY} codes of {inviter} wait to be used.")
    return put_code(tx, ns, inviter, digest)


def begin(
    tx: Transaction, digest: bytes, row: DeviceRow, act: AuditEntry | None = None
) -> DeviceRow | None:
    """Use a code once, for the agent of ``row``; None for a wrong one, which is counted, and said
    so in the line of ``act``. Raises Overloaded while codes rest or too many wait, NameTaken where
    its peer id is somebody's."""
    if until := resting(tx):
        raise Overloaded(RESTING, retry_after=max(1.0, until - tx.now))
    code = tx.one("code", {"digest": digest, "ns": row.ns, "now": tx.now})
    if code is None:
        trust.note_failure(tx, WRONG, WRONG_SECONDS)
        if act is not None:
            act.target, act.detail = "", WRONG_CODE
        return None
    drop_old(tx)
    if tx.one("count_devices", {"ns": row.ns})[0] >= MOST_PENDING:
        raise Overloaded(f"{MOST_PENDING} agents wait for approval already.")
    name = {"ns": row.ns, "name": row.peer_id, "now": tx.now}
    if tx.one("device_peer", {"ns": row.ns, "peer_id": row.peer_id}) or tx.one("known_name", name):
        raise NameTaken(f"{row.peer_id} is somebody's already.")
    tx.run("take_code", {"digest": digest})
    tx.run("put_device", trust.fields(row) | {"now": tx.now, "inviter": code[0]})
    return _row(tx, row.id)


def drop_old(tx: Transaction) -> None:
    """Forget those that waited, or have been out, for too long. One whose token holds is listed as
    long as that; the id of one that is forgotten is still nobody else's, for its key remains."""
    bounds = {"pending": tx.now - PENDING_SECONDS, "ended": tx.now - REJECTED_SECONDS}
    tx.run("drop_devices", bounds)


def _row(tx: Transaction, id: str) -> DeviceRow:
    columns = tx.one("device", {"id": id})
    if columns is None:
        raise NotFound("not found or not pending")
    return DeviceRow(*columns)


def _pending(tx: Transaction, id: str) -> DeviceRow:
    row = _row(tx, id)
    if row.state != "pending_approval" or row.created <= tx.now - PENDING_SECONDS:
        raise NotFound("not found or not pending")
    return row


def approve(tx: Transaction, id: str, key: KeyRow) -> DeviceRow:
    """Let one that waits in, with its key, or neither. Raises NotFound, NameTaken."""
    _pending(tx, id)
    trust.put_key(tx, key)
    return _end(tx, id, "approved", key.id)


def reject(tx: Transaction, id: str) -> DeviceRow:
    """Turn one that waits away. Raises NotFound."""
    _pending(tx, id)
    return _end(tx, id, "rejected", "")


def _end(tx: Transaction, id: str, state: str, key: str) -> DeviceRow:
    tx.run("end_device", {"id": id, "state": state, "key": key, "now": tx.now})
    return _row(tx, id)


class DeviceStore:
    """What the changes do is said above."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access

    async def put_code(self, ns: str, inviter: str, digest: bytes) -> bool:
        """See :func:`put_device_code`."""
        return bool(await self._access.write(put_device_code, ns, inviter, digest))

    async def begin(self, digest: bytes, row: DeviceRow) -> DeviceRow | None:
        """See :func:`begin`."""
        return await self._access.write(begin, digest, row, ACT.get())

    async def get(self, id: str) -> DeviceRow | None:
        """By the id under which it asked."""
        columns = await self._access.first("device", {"id": id})
        return None if columns is None else DeviceRow(*columns)

    async def page(self, ns: str, state: str, after: int, limit: int) -> list[DeviceRow]:
        """Those in ``state`` ("" for all), oldest first, from behind number ``after`` on."""
        params = {"ns": ns, "state": state, "after": after, "limit": limit}
        return [DeviceRow(*row) for row in await self._access.read("devices", params)]

    async def approve(self, id: str, key: KeyRow) -> DeviceRow:
        """See :func:`approve`."""
        return await self._access.write(approve, id, key)

    async def reject(self, id: str) -> DeviceRow:
        """See :func:`reject`."""
        return await self._access.write(reject, id)
