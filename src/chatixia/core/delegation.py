"""Delegation: what an owner lets the registry sign, and who came in that way (trust.md section 1).

The record of a delegation is a registry's with ``names``. What it lets the registry sign is bounded
in each respect (``core.record``), and every peer judges that by itself: a registry that may name
anybody, for ever, is the owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatixia.errors import BadChain, Denied
from chatixia.wire import signed
from chatixia.wire.trust import REGISTRY, Record, Signed

from .membership import Member, check_chain, check_member, may_name
from .pins import next_serial
from .ports import RevocationBook, Verify
from .record import key_id

MAX_DAYS: Final = 366
"""For which an owner may delegate at once."""


def check_delegation(
    chain: Sequence[Signed],
    *,
    registry: bytes,
    mesh: str,
    now: float,
    verify: Verify,
    revocations: RevocationBook,
) -> Member:
    """What an owner lets the registry with the raw key ``registry`` sign. Raises what
    :func:`check_chain` and :func:`check_member` do, and BadChain for what is no delegation to it.
    """
    member = check_chain(chain, mesh=mesh, now=now, verify=verify)
    if member.kind != REGISTRY or member.sign != registry or not member.record.names:
        raise BadChain("Only an owner's record of this very registry, with names, delegates.")
    check_member(member, now, revocations)
    return member


def may_admit(delegation: Record, name: str, now: float) -> bool:
    """Whether a registry may let the machine ``name`` in at mesh time ``now``."""
    return now < delegation.not_after and may_name(delegation, name)


def delegated_record(
    delegation: Record, *, name: str, sign: bytes, seal: bytes, serial: int, now: float
) -> Record:
    """What the registry signs for a machine that asked: all that the delegation allows, to its end.

    ``serial``: the highest that is known of that name. Raises Denied outside of the delegation.
    """
    if not may_admit(delegation, name, now):
        raise not_delegated(name)
    return Record(
        v=1,
        mesh=delegation.mesh,
        ns=delegation.ns,
        id=name,
        kind="machine",
        roles=delegation.roles,
        names=delegation.names,
        sign=signed.b64(sign),
        seal=signed.b64(seal),
        serial=next_serial(serial),
        issued=int(now),
        not_after=delegation.not_after,
        by=key_id(signed.unb64(delegation.sign)),
        ephemeral=delegation.ephemeral,
    )


def not_delegated(name: str) -> Denied:
    """The refusal of a name that the registry may not sign."""
    return Denied(
        f"The registry may not let {name} in; on the owner's machine: `chatixia approve {name}`.",
        agent=name,
    )


def withdrawn(records: Sequence[Record], revocations: RevocationBook) -> bool:
    """Whether the delegation by which the leaf of a checked chain came in was withdrawn. The
    registry itself is not concerned: it serves on."""
    for record in records[1:]:
        if record.kind == REGISTRY:
            ended = revocations.get((record.ns, record.id))
            return ended is not None and record.serial <= ended.serial
    return False
