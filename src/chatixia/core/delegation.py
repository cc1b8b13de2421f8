"""Delegation: what an owner lets the registry sign, and who came in that way (trust.md section 1).

The record of a delegation is a registry's with ``names``. What it lets the registry sign is bounded
in each respect, and every peer judges that by itself: a registry that may name anybody, for ever,
is the owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from chatixia.wire.trust import REGISTRY, Record

from .ports import RevocationBook

Trust = Literal["owner", "registry", "unverified"]
"""Who vouches for somebody: the owner's key, the registry to which the owner delegated that, or
nobody: an API key, a described peer, and whatever the queue brings."""
UNVERIFIED: Final[Trust] = "unverified"
MAX_DAYS: Final = 366


def flaw(record: Record) -> str:
    """What is wrong with a registry's record as a delegation, as the rest of a sentence; "" for
    nothing, and for one that lets it sign nothing."""
    if not record.names:
        return ""
    if not record.not_after:
        return "lets a registry sign without an end"
    if "*" in record.names or "*" in record.roles:
        return "lets a registry sign any name or role"
    return ""


def trust_of(records: Sequence[Record]) -> Trust:
    """Who let the leaf of a checked chain in."""
    return REGISTRY if any(record.kind == REGISTRY for record in records[1:]) else "owner"


def withdrawn(records: Sequence[Record], revocations: RevocationBook) -> bool:
    """Whether the delegation by which the leaf of a checked chain came in was withdrawn. The
    registry itself is not concerned: it serves on."""
    for record in records[1:]:
        if record.kind == REGISTRY:
            ended = revocations.get((record.ns, record.id))
            return ended is not None and record.serial <= ended.serial
    return False
