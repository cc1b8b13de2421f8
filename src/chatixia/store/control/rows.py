"""What the registry's tables give back, as plain structs; bytes are kept as they came."""

from __future__ import annotations

from typing import Literal

import msgspec

from chatixia.wire.pairing import PairingState


class MemberRow(msgspec.Struct, frozen=True):
    """The current record of one id.

    ``key``: key id of its signing key; ``chain``: the exact JSON bytes of its list of ``Signed``,
    leaf first; ``issued_by``: key id that signed the leaf; times are store seconds.
    """

    ns: str
    id: str
    kind: str
    serial: int
    key: str
    chain: bytes
    machine: str = ""
    issued_by: str = ""
    hostname: str = ""
    not_after: float = 0.0
    ephemeral: bool = False
    since: float = 0.0


class IdStanding(msgspec.Struct, frozen=True):
    """What the store knows of an id: highest serial seen (record or revocation), and its end.

    ``revoked``: the highest serial that a revocation names, -1 for none. The id is a tombstone
    while ``serial <= revoked``.
    """

    serial: int = 0
    revoked: int = -1
    member: MemberRow | None = None

    @property
    def tombstone(self) -> bool:
        """Whether the newest record of the id is revoked."""
        return self.revoked >= 0 and self.serial <= self.revoked


class OwnerRow(msgspec.Struct, frozen=True):
    """An owner beside the first one. ``chain``: JSON bytes of its chain, leaf first."""

    ns: str
    id: str
    chain: bytes
    since: float = 0.0


class InvitationRow(msgspec.Struct, frozen=True):
    """An invitation that waits, or who took it. ``key``: key id of the invitation's key;
    ``most``: how many machines it lets in, 0 for any number; ``joins``: how many it did."""

    key: str
    ns: str
    names: str
    chain: bytes
    redeem_by: float
    reusable: bool = False
    ephemeral: bool = False
    created: float = 0.0
    redeemed_at: float = 0.0
    joined: str = ""
    joined_key: str = ""
    joined_from: str = ""
    most: int = 0
    joins: int = 0

    def state(self, now: float) -> Literal["waiting", "redeemed", "expired", "withdrawn"]:
        """``redeemed`` once taken (unless reusable), ``expired`` past ``redeem_by``.

        ``withdrawn`` by the owner: ``redeem_by`` is 0.
        """
        if self.redeemed_at and not self.reusable:
            return "redeemed"
        if not self.redeem_by:
            return "withdrawn"
        return "waiting" if now <= self.redeem_by else "expired"


class PairingRow(msgspec.Struct, frozen=True):
    """A machine that asked to join by a code. ``sign``, ``seal``: its raw keys; ``chain``: JSON
    bytes of the chain that approved it; ``address``: where it asked from; ``inviter``: who made
    the code; ``n``: its place in lists."""

    n: int
    id: str
    ns: str
    name: str
    sign: bytes
    seal: bytes
    state: PairingState
    created: float
    expires: float
    hostname: str
    address: str
    inviter: str
    chain: bytes = b"[]"

    def standing(self, now: float) -> PairingState:
        """Its state at store time ``now``: nobody approves one whose time is over."""
        over = self.state == "pending_approval" and self.expires <= now
        return "expired" if over else self.state


class KeyRow(msgspec.Struct, frozen=True):
    """An API key without its secret. ``digest``: SHA-256 of the secret."""

    id: str
    ns: str
    name: str
    digest: bytes
    created: float = 0.0
    not_after: float = 0.0
    last_used: float = 0.0
    revoked: bool = False


class DeviceRow(msgspec.Struct, frozen=True):
    """An agent of the described contract that asked to join. ``state``: pending_approval, approved,
    rejected or revoked; ``key``: the id of its API key, once it is approved."""

    n: int
    id: str
    ns: str
    agent_name: str
    peer_id: str
    state: str
    key: str = ""
    inviter: str = ""
    address: str = ""
    created: float = 0.0
    updated: float = 0.0


class RevocationRow(msgspec.Struct, frozen=True):
    """An owner-signed statement; ``statement`` and ``signer`` are JSON bytes as they came."""

    version: int
    ns: str
    id: str
    serial: int
    statement: bytes
    signer: bytes = b"[]"
    at: float = 0.0


class PersonRow(msgspec.Struct, frozen=True):
    """A person of the hub. ``password``: its argon2 hash; ``subject``: who it is at the identity
    provider; ``sessions``: browser sessions that live."""

    id: str
    role: str
    created: float = 0.0
    password: str = ""
    subject: str = ""
    last_login: float = 0.0
    sessions: int = 0


class SessionRow(msgspec.Struct, frozen=True):
    """A person's browser session. ``digest`` and ``page``: SHA-256 of the cookie's secret and of
    the page's; ``id``: how it is named; ``method``: how it was opened; ``browser``: what that calls
    itself."""

    digest: bytes
    person: str
    role: str
    ns: str
    expires: float
    id: str = ""
    page: bytes = b""
    method: str = ""
    created: float = 0.0
    last_used: float = 0.0
    origin: str = ""
    browser: str = ""


class StoredEvent(msgspec.Struct, frozen=True):
    """One stored event, with the opaque cursor that continues after it."""

    kind: str
    id: str
    change: str
    at: float
    cursor: str
    ns: str = "default"
    body: bytes = b"{}"
