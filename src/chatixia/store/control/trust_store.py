"""The store's tables of trust, each with its methods; what they do is in ``trust``.

Each method is one item of the writer, or one read.
"""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.wire.trust import Signed

from . import trust
from .access import StoreAccess
from .rows import IdStanding, InvitationRow, KeyRow, MemberRow, OwnerRow, RevocationRow
from .use_notes import UseNotes
from .writer import Lane

CONFIRMATION: Final = "confirmation"
DELEGATION: Final = "delegation"
MAX_OWNERS: Final = 32


class MemberStore:
    """Current records of ids, and the epochs of their logins."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access

    async def put(self, row: MemberRow, *, expect: int | None = None) -> None:
        """Make ``row`` the current record of its (ns, id).

        ``expect``: the serial that the caller judged (0: none), compared in the transaction.
        Raises Conflict (a lower serial, or another than expected), Revoked (a tombstone),
        NameTaken (an API key has that name).
        """
        await self._access.write(trust.put_member, row, expect, size=len(row.chain))

    async def get(self, ns: str, id: str) -> IdStanding:
        """The current record, highest serial and revocation of an id (empty if unknown)."""
        params = {"ns": ns, "id": id}
        member = trust.member_of(await self._access.first("member", params))
        return trust.standing(await self._access.first("standing", params), member)

    async def page(self, ns: str, after: str = "", limit: int = 200) -> list[MemberRow]:
        """Records in order of id, without tombstones."""
        params = {"ns": ns, "after": after, "limit": min(limit, 1000)}
        rows = await self._access.read("members", params)
        return [row for columns in rows if (row := trust.member_of(columns)) is not None]

    async def remove(self, ns: str, id: str) -> bool:
        """Drop the current record (``leave``, ephemeral); its highest serial stays known."""
        return bool(await self._access.write(trust.remove_member, ns, id))

    async def drop_ended(self, limit: int = 200) -> list[str]:
        """Forget ephemeral members whose records are over; gives their ids, at most ``limit``.

        Nothing is written if there is none.
        """
        params = {"now": self._access.now(), "limit": 1}
        if not await self._access.read("ended_members", params):
            return []
        ended = await self._access.write(trust.drop_ended, limit, lane=Lane.UPKEEP)
        return [id for _, id in ended]

    async def knows(self, ns: str, name: str) -> bool:
        """Whether a member or a living API key has that name."""
        params = {"ns": ns, "name": name, "now": self._access.now()}
        return bool(await self._access.read("known_name", params))

    async def next_epoch(self, ns: str, agent: str, incarnation: str) -> str:
        """A login's number: opaque text, rising per store; compare with ``core.task.fence_key``."""
        return str(await self._access.write(trust.next_epoch, ns, agent, incarnation))


class InvitationStore:
    """Invitations that wait, and who took them."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access

    async def put(self, row: InvitationRow) -> None:
        """Raises Conflict if the key is known with another chain; the same again is fine."""
        await self._access.write(trust.put_invitation, row, size=len(row.chain))

    async def get(self, key: str) -> InvitationRow | None:
        """By key id."""
        return trust.invitation_of(await self._access.first("invitation", {"key": key}))

    async def redeem(
        self, key: str, member: MemberRow, *, origin: str, expect: int | None = None
    ) -> InvitationRow:
        """Single use and ``put`` of the member in one transaction, judged by store time.

        The same machine key again gets the same answer. Raises BadInvitation, Conflict, Revoked,
        NameTaken.
        """
        return await self._access.write(trust.redeem, key, member, origin, expect)

    async def withdraw(self, ns: str, names: str, serial_of: trust.SerialOf) -> list[InvitationRow]:
        """End what still waits under exactly ``names`` (a name or a pattern); gives it."""
        return await self._access.write(trust.withdraw, ns, names, serial_of)


class KeyStore:
    """API keys without their secrets."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access
        self._notes = UseNotes()

    async def put(self, row: KeyRow) -> None:
        """Raises NameTaken if a living key has that name in the namespace, or a member ever had."""
        await self._access.write(trust.put_key, row)

    async def named(self, ns: str, name: str) -> bool:
        """Whether a living API key has that name."""
        params = {"ns": ns, "name": name, "now": self._access.now()}
        return await self._access.first("key_by_name", params) is not None

    async def get(self, ns: str, id: str) -> KeyRow | None:
        """One by its id, a revoked one too."""
        columns = await self._access.first("key", {"ns": ns, "id": id})
        return None if columns is None else trust.key_of(columns)

    async def by_digest(self, digest: bytes) -> KeyRow | None:
        """The living key (not revoked, not past ``not_after``) with that SHA-256."""
        params = {"digest": digest, "now": self._access.now()}
        columns = await self._access.first("key_by_digest", params)
        return None if columns is None else trust.key_of(columns)

    async def page(self, ns: str, after: str = "", limit: int = 200) -> list[KeyRow]:
        """A page of keys, revoked ones too, newest first, from behind the key with that id on."""
        params = {"ns": ns, "after": after, "limit": limit}
        return [trust.key_of(row) for row in await self._access.read("keys", params)]

    async def lives(self, ns: str, name: str, issued: float) -> bool:
        """Whether a key of that name, made by then, is neither revoked nor past its end."""
        params = {"ns": ns, "name": name, "made": issued, "now": self._access.now()}
        return await self._access.first("key_lives", params) is not None

    async def revoke(self, ns: str, id: str) -> KeyRow:
        """Raises NotFound."""
        return await self._access.write(trust.revoke_key, ns, id)

    async def touch(self, id: str) -> None:
        """Note its use (written at most once a minute)."""
        now = self._access.now()
        if self._notes.is_due(id, now):
            await self._access.put("touch_key", {"id": id, "now": now})


class OwnerStore:
    """Owners beside the first one, revoked ones too; and the newest confirmation of the revocation
    list and delegation, of whichever owner."""

    def __init__(self, access: StoreAccess) -> None:
        self._access = access

    async def put(self, row: OwnerRow) -> None:
        """Raises Conflict for another owner of that id, and above :data:`MAX_OWNERS`."""
        await self._access.write(trust.put_owner, row, MAX_OWNERS, size=len(row.chain))

    async def get(self, ns: str, id: str) -> OwnerRow | None:
        """By id."""
        columns = await self._access.first("owner", {"ns": ns, "id": id})
        return None if columns is None else OwnerRow(*columns)

    async def every(self, ns: str) -> list[OwnerRow]:
        """All, the oldest first."""
        rows = await self._access.read("owners", {"ns": ns, "limit": MAX_OWNERS})
        return [OwnerRow(*row) for row in rows]

    async def confirm(self, statement: Signed) -> None:
        """Keep the owner's newest confirmation of the list, in the place of the one before."""
        row = {"key": CONFIRMATION, "value": msgspec.json.encode(statement).decode()}
        await self._access.put("set_meta", row)

    async def confirmation(self) -> Signed | None:
        """What :meth:`confirm` kept last."""
        row = await self._access.first("meta", {"key": CONFIRMATION})
        return None if row is None else msgspec.json.decode(row[0], type=Signed)

    async def delegate(self, chain: list[Signed]) -> None:
        """Keep what an owner lets this registry sign, in the place of the delegation before."""
        row = {"key": DELEGATION, "value": msgspec.json.encode(chain).decode()}
        await self._access.put("set_meta", row)

    async def delegation(self) -> list[Signed]:
        """What :meth:`delegate` kept last, leaf first."""
        row = await self._access.first("meta", {"key": DELEGATION})
        return [] if row is None else msgspec.json.decode(row[0], type=list[Signed])


class RevocationStore:
    """The owners' statements that end records, also in ``file``."""

    def __init__(self, access: StoreAccess, file: trust.RevocationFile) -> None:
        self._access, self._file = access, file

    async def put(self, row: RevocationRow) -> RevocationRow:
        """Keep the statement (also in the append-only file) and end the record it names.

        ``version`` 0 is replaced by the next one. The same (ns, id, serial) again is the first.
        """
        return await self._access.write(trust.put_revocation, row, self._file)

    async def after(self, version: int = 0, limit: int = 1024) -> list[RevocationRow]:
        """Statements with a higher version, rising."""
        params = {"after": version, "limit": min(limit, 1024)}
        rows = await self._access.read("revocations", params)
        return [RevocationRow(*row) for row in rows]
