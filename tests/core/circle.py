"""A mesh with real keys, made without files: what the tests of trust stand on.

Keys come from names, so that the same test makes the same bytes each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from chatixia.core.membership import Member, check_chain
from chatixia.core.meshtime import MeshTime
from chatixia.core.pins import MemoryBook
from chatixia.core.ports import LocalIdentity
from chatixia.core.record import key_id, mesh_of, sign_record
from chatixia.identity import SealKey, SignKey, verify
from chatixia.ids import AgentId
from chatixia.wire.signed import b64
from chatixia.wire.trust import Kind, Record, Signed

NOW = 1_795_000_000
DAY = 86_400


def secret(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


class Party:
    """A principal: its keys, its record's fields, and the party that signs it (None: itself)."""

    def __init__(
        self, kind: Kind, name: str, above: Party | None, *, seed: str = "", **fields: Any
    ) -> None:
        seed = seed or f"{kind}:{name}"
        self.sign = SignKey(secret("sign " + seed))
        self.seal = SealKey(secret("seal " + seed))
        self.above = above
        owner = self
        while owner.above is not None:
            owner = owner.above
        signer = above or self
        self.fields: dict[str, Any] = {
            "v": 1,
            "mesh": mesh_of(owner.sign.public),
            "ns": "default",
            "id": name,
            "kind": kind,
            "roles": ["*"] if kind in ("owner", "machine", "invitation") else [],
            "names": ["*"] if kind in ("owner", "machine", "invitation") else [],
            "sign": b64(self.sign.public),
            "seal": b64(self.seal.public) if kind in ("machine", "agent", "client") else "",
            "serial": 2 if above and above.fields["kind"] == "invitation" else 1,
            "issued": NOW,
            "not_after": 0,
            "by": key_id(signer.sign.public),
        }
        if kind == "invitation":
            self.fields["redeem_by"] = NOW + 900
        self.fields |= fields
        self.signer = signer.sign

    @property
    def record(self) -> Record:
        return Record(**self.fields)

    @property
    def leaf(self) -> Signed:
        return sign_record(self.record, self.signer.sign)

    @property
    def chain(self) -> list[Signed]:
        return [self.leaf, *(self.above.chain if self.above else [])]

    @property
    def mesh(self) -> str:
        return str(self.fields["mesh"])

    def member(self, now: float = NOW) -> Member:
        return check_chain(self.chain, mesh=self.mesh, now=now, verify=verify)

    def me(self, incarnation: str = "", book: MemoryBook | None = None) -> LocalIdentity:
        member = self.member()
        return LocalIdentity(
            id=AgentId(member.id),
            mesh=self.mesh,
            incarnation=incarnation or secret("incarnation " + member.id).hex()[:16],
            chain=self.chain,
            public=self.sign.public,
            seal=self.seal.public,
            sign=self.sign.sign,
            verify=verify,
            registries=["http://127.0.0.1:1"],
            owner=member.owner,
            book=book or MemoryBook(),
            clock=MeshTime(NOW, lambda: 0.0, lambda now: None),
            serial=member.serial,
        )


def owner(seed: str = "") -> Party:
    return Party("owner", "admin", None, seed=seed or "owner")


def machine(name: str = "laptop", above: Party | None = None, **fields: Any) -> Party:
    return Party("machine", name, above or owner(), **fields)


def invitation(name: str = "pi", above: Party | None = None, **fields: Any) -> Party:
    return Party("invitation", name, above or owner(), **fields)


WITHIN = {"names": ["leaf"], "roles": ["worker"], "not_after": NOW + 30 * DAY}
"""What a machine of :func:`delegation` may have."""


def delegation(above: Party | None = None, **fields: Any) -> Party:
    """What lets the registry sign machines called ``lab-...``."""
    bounds = {"names": ["lab-*"], "roles": ["worker"], "not_after": NOW + 30 * DAY, "serial": NOW}
    return Party("registry", "registry", above or owner(), **{**bounds, **fields})


def delegated(name: str = "lab-1", by: Party | None = None, **fields: Any) -> Party:
    """A machine that the registry signed."""
    return machine(name, by or delegation(), **{**WITHIN, "names": ["lab-*"], **fields})


def agent(name: str = "weather", above: Party | None = None, **fields: Any) -> Party:
    return Party("agent", name, above or machine(), **fields)


def client(name: str = "laptop~abcdef", above: Party | None = None, **fields: Any) -> Party:
    return Party("client", name, above or machine(), **fields)


def resigned(body: bytes, key: SignKey) -> Signed:
    """Any bytes as a record, rightly signed by ``key``."""
    return Signed(b64(body), b64(key.sign("chatixia/member/1", body)))


def edited(party: Party, **fields: Any) -> Signed:
    """The party's record with other fields, rightly signed by its signer."""
    body = msgspec.json.encode(msgspec.to_builtins(party.record) | fields)
    return resigned(body, party.signer)


def swap(chain: Sequence[Signed], position: int, part: Signed) -> list[Signed]:
    return [*chain[:position], part, *chain[position + 1 :]]
