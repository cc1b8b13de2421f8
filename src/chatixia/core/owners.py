"""Several owners: who stands above whom, and what of a revoked owner's work stays.

The first owner is ``admin``; who follows it in its place is ``admin.2``, ``admin.3``; one whom it
added is ``admin~anna``, and the key of the recovery code ``admin~recovery`` (trust.md section 1).
No agent, machine or client can have such an id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from chatixia.wire.signed import b64
from chatixia.wire.trust import OWNER, Record, Signed

from .ports import RevocationBook

RECOVERY: Final = f"{OWNER}~recovery"
MAX_RETAINED: Final = 128
"""Records of a revoked owner that stay."""

_FOLLOWER: Final = re.compile(rf"{OWNER}\.([2-9]|[1-9][0-9]{{1,3}})\Z")
_ADDED: Final = re.compile(rf"{OWNER}~[a-z0-9][a-z0-9-]{{0,30}}\Z")


def is_owner_id(text: str) -> bool:
    """Whether ``text`` is an owner's id."""
    return text == OWNER or bool(_FOLLOWER.match(text) or _ADDED.match(text))


def generation(id_: str) -> int:
    """1 for the first owner, n for who stands in its place as the n-th; 0 for any other owner."""
    follower = _FOLLOWER.match(id_)
    return int(follower[1]) if follower else int(id_ == OWNER)


def rank(id_: str) -> int:
    """0 for the recovery code, 1 for the first owner and who follows it, 2 for who was added."""
    if id_ == RECOVERY:
        return 0
    return 1 if generation(id_) else 2


def may_add(signer: str, id_: str) -> bool:
    """Whether the owner ``signer`` may sign the record of an owner ``id_``."""
    if rank(signer) > 1 or id_ == OWNER:
        return False
    return not generation(id_) or generation(id_) > generation(signer)


def may_revoke(signer: str, id_: str) -> bool:
    """Whether the word of the owner ``signer`` ends the owner ``id_``: itself, and whoever stands
    below it."""
    return signer == id_ or rank(signer) < rank(id_)


def following(ids: Sequence[str]) -> str:
    """The id of the next in the first owner's place, where ``ids`` are taken."""
    return f"{OWNER}.{max(map(generation, ids), default=1) + 1}"


def digest(part: Signed) -> str:
    """What a revocation calls a record that it keeps: 128 bits over its exact bytes."""
    return b64(hashlib.sha256(part.b.encode()).digest()[:16])


def revoked_owner(
    records: Sequence[Record], chain: Sequence[Signed], revocations: RevocationBook
) -> str:
    """The owner by whose revocation the leaf of a checked chain is out, "" for none.

    A revoked owner is out itself, with all that it signed but what the revocation keeps.
    """
    for position, record in enumerate(records):
        if record.kind != "owner":
            continue
        revoked = revocations.get((record.ns, record.id))
        if revoked is None or record.serial > revoked.serial:
            continue
        if position == 0 or digest(chain[position - 1]) not in (revoked.retained or ()):
            return record.id
    return ""
