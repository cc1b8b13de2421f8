"""Membership records, invitations, revocations and the join string, as bytes and text.

A record travels as :class:`Signed`: the exact bytes of its body, retained and never re-encoded
(trust.md section 1). Reading one proves nothing; ``core.membership`` walks the chain.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from .base import B64, KIB, Count, Id, Name, Short

MAX_CHAIN: Final = 7
MAX_CHAIN_BYTES: Final = 6 * KIB
MAX_PATTERNS: Final = 16
"""Patterns of names in a record."""
MAX_ROLES: Final = 16
OWNER: Final = "admin"
"""The id in an owner's record, and the owner's as a principal: reserved, so no agent has it."""
REGISTRY: Final = "registry"
"""The id in every registry's record."""
DEFAULT_NS: Final = "default"

Kind = Literal["owner", "invitation", "machine", "agent", "client", "registry"]


class Signed(msgspec.Struct, frozen=True):
    """``b``: base64url of a body's exact bytes; ``s``: base64url of the signature over it."""

    b: B64
    s: B64


class Record(msgspec.Struct, omit_defaults=True, frozen=True):
    """A record's body. Keys are base64url of 32 raw bytes; times are mesh seconds.

    ``names``: patterns of ids it may sign (``*`` at the end only), empty for none.
    ``by``: the signer's key id. ``not_after`` 0 means none. An invitation's ``id`` is the one
    machine it may sign in (a pattern if ``reusable``), its ``names`` bound all that stands below.
    The last four are an invitation's (``ephemeral`` is handed down) and absent elsewhere; ``most``:
    how many machines a reusable one lets in, 0 for any number.
    """

    v: int
    mesh: Short
    ns: Short
    id: Id
    kind: Kind
    roles: Annotated[list[Short], msgspec.Meta(max_length=MAX_ROLES)]
    names: Annotated[list[Short], msgspec.Meta(max_length=MAX_PATTERNS)]
    sign: B64
    seal: B64
    serial: Count
    issued: Count
    not_after: Count
    by: Short
    redeem_by: Count = 0
    reusable: bool = False
    ephemeral: bool = False
    most: Count = 0


Chain = Annotated[list[Signed], msgspec.Meta(max_length=MAX_CHAIN)]
"""Records, leaf to owner."""
Retained = Annotated[list[Short], msgspec.Meta(max_length=128)]


class Revocation(msgspec.Struct, frozen=True):
    """An owner's statement that ``id`` is out from ``serial`` down; ``version`` rises.

    ``signer``: the chain of the owner who signed it, where that is not the first one. ``retained``:
    where ``id`` is an owner's, the digests of the records of it that stay.
    """

    mesh: Short
    ns: Short
    id: Id
    serial: Count
    issued: Count
    version: Count = 0
    signer: Chain | msgspec.UnsetType = msgspec.UNSET
    retained: Retained | msgspec.UnsetType = msgspec.UNSET


class Confirmation(msgspec.Struct, frozen=True):
    """The owner's word that ``version`` is the newest of the revocation list at mesh time
    ``issued``; ``signer`` as in :class:`Revocation`."""

    mesh: Short
    ns: Short
    version: Count
    issued: Count
    signer: Chain | msgspec.UnsetType = msgspec.UNSET


class OwnerPut(msgspec.Struct):
    """``owners.put``: the record of a further owner (chain leaf to first owner)."""

    chain: Chain


class OwnerInfo(msgspec.Struct, omit_defaults=True):
    """One owner: its chain, since when (mesh seconds), and whether another revoked it."""

    id: Id
    chain: Chain
    since: Count = 0
    revoked: bool = False


class OwnersQuery(msgspec.Struct, omit_defaults=True):
    """``owners.list``; ``signed_by``: with the records that the owner of that id signed itself."""

    signed_by: Id = ""


class Owners(msgspec.Struct, omit_defaults=True):
    """Reply: all owners, the first one first; ``version``: of the revocation list. ``signed``: of
    at most 1,000 members, of the registry and of owners, the records that one signed."""

    owners: list[OwnerInfo]
    version: Count = 0
    signed: list[Signed] = []


class Confirm(msgspec.Struct):
    """``confirm``: the owner-signed :class:`Confirmation`."""

    statement: Signed


class Delegate(msgspec.Struct):
    """``registry.delegate``: the record by which an owner lets the registry sign machines (chain
    leaf to first owner)."""

    chain: Chain


class Delegation(msgspec.Struct, omit_defaults=True):
    """What an owner lets the registry sign, empty for nothing: ``names``, ``roles``, until mesh
    second ``not_after``, by the record that ``chain`` begins with.

    ``serial``: the highest that a delegation had or that was withdrawn; ``members``: how many are
    in by way of one.
    """

    chain: Chain = []
    names: list[Short] = []
    roles: list[Short] = []
    not_after: Count = 0
    serial: Count = 0
    members: Count = 0


class Invite(msgspec.Struct, omit_defaults=True):
    """``invite.put``: an invitation record signed by the owner (chain leaf to owner).

    ``via``: URLs (a tunnel's, a proxy's) by which the registry is reached from now on too.
    """

    chain: list[Signed]
    via: Annotated[list[Name], msgspec.Meta(max_length=8)] = []


class JoinBegin(msgspec.Struct, omit_defaults=True):
    """``join.begin``: by the invitation's public key; ``nonce`` is signed by the registry."""

    key: B64
    nonce: B64


class JoinOffer(msgspec.Struct, omit_defaults=True):
    """Reply: the invitation's chain, the registry's chain and proof, and a nonce to sign.

    ``proof`` is the registry's signature over the nonce and its certificate's SHA-256.
    """

    invitation: list[Signed]
    registry: list[Signed]
    proof: B64
    nonce: B64
    now: float
    serial: Count = 0
    addresses: list[Name] = []


class Join(msgspec.Struct, omit_defaults=True):
    """``join``: the machine's chain (machine, invitation, ...) and proof of its key."""

    chain: list[Signed]
    nonce: B64
    sig: B64
    hostname: Name = ""


class Joined(msgspec.Struct, omit_defaults=True):
    """Reply of ``join``."""

    id: Id
    now: float
    addresses: list[Name] = []


class Invitation(msgspec.Struct, omit_defaults=True):
    """One invitation as its owner sees it."""

    key: Short
    id: Name
    state: Literal["waiting", "redeemed", "expired", "withdrawn"]
    redeem_by: Count
    joined: Id = ""
    joined_from: Name = ""


class InviteRef(msgspec.Struct, omit_defaults=True):
    """``invite.get`` by key id; ``wait_ms`` holds the answer until it changes."""

    key: Short
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=30_000)] = 0


class InviteEnd(msgspec.Struct, omit_defaults=True):
    """``invite.end``: withdraw what waits under exactly ``names`` (a name or a pattern).

    The reply is the same with ``ended``: how many waited.
    """

    names: Name
    ended: Count = 0


class Revoke(msgspec.Struct, omit_defaults=True):
    """``revoke``: the owner-signed statement."""

    statement: Signed
    signer: list[Signed] = []


class Done(msgspec.Struct):
    """A change took place; ``status`` is the described ``ok``."""

    status: Short = "ok"
