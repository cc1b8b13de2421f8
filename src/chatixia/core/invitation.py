"""An invitation: whether it may be kept and redeemed, and what joins by it (trust.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence

from chatixia.errors import BadChain, BadInvitation, BadSignature
from chatixia.wire import signed
from chatixia.wire.trust import Record, Signed

from .membership import Member, check_chain
from .ports import Verify


def check_invitation(chain: Sequence[Signed], *, mesh: str, now: float, verify: Verify) -> Member:
    """What ``invite.put`` takes: [invitation, owner], not over, still redeemable.

    Raises what :func:`check_chain` does, and BadInvitation.
    """
    member = check_chain(chain, mesh=mesh, now=now, verify=verify)
    if member.kind != "invitation":
        raise BadInvitation("This record is no invitation.")
    if member.record.redeem_by <= now:
        raise BadInvitation("This invitation has run out.")
    return member


def check_redeem(invitation: Record, *, used: bool, now: float) -> None:
    """Whether an invitation may be redeemed at mesh time ``now``: the registry alone asks this.

    ``used``: it was redeemed before (by another key). Raises BadInvitation.
    """
    if used and not invitation.reusable:
        raise BadInvitation("This invitation was used already.")
    if now > invitation.redeem_by:
        raise BadInvitation("This invitation has run out.")


def used_up(most: int) -> BadInvitation:
    """The refusal of an invitation that let in as many machines as its owner said."""
    return BadInvitation(f"This invitation was for {most} machines, and all have joined.")


def check_join(
    chain: Sequence[Signed], sig: bytes, nonce: bytes, *, mesh: str, now: float, verify: Verify
) -> Member:
    """The machine that a ``join`` brings: [machine, invitation, owner] and proof of its key.

    ``nonce``: the registry's own, single use. Raises what :func:`check_chain` does, and
    BadSignature. The caller then asks :func:`check_redeem`, tombstones and pins.
    """
    member = check_chain(chain, mesh=mesh, now=now, verify=verify)
    if member.kind != "machine" or member.records[1].kind != "invitation":
        raise BadChain("Only a machine's record, signed by an invitation, can join.")
    proof = signed.join(mesh=mesh, name=member.id, nonce=nonce)
    if not verify(member.sign, signed.JOIN, proof, sig):
        raise BadSignature(f"{member.id} did not prove its key.")
    return member
