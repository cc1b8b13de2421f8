"""Invitations: kept, redeemed, and joined by."""

from __future__ import annotations

import pytest

from chatixia.core.invitation import check_invitation, check_join, check_redeem
from chatixia.core.membership import Member
from chatixia.errors import BadChain, BadInvitation, BadSignature
from chatixia.identity import verify
from tests.core.circle import NOW, Party, agent, invitation, machine
from tests.core.memberships import proof_of


def test_an_invitation_to_keep():
    def put(party: Party, now: float = NOW) -> Member:
        return check_invitation(party.chain, mesh=party.mesh, now=now, verify=verify)

    assert put(invitation()).id == "pi"
    with pytest.raises(BadInvitation):
        put(machine())
    with pytest.raises(BadInvitation):
        put(invitation(), NOW + 900)


def test_redeeming():
    once, many = invitation().record, invitation("w-*", reusable=True).record
    check_redeem(once, used=False, now=NOW + 900)
    check_redeem(many, used=True, now=NOW)
    for record, used, now in ((once, True, NOW), (once, False, NOW + 901), (many, True, NOW + 901)):
        with pytest.raises(BadInvitation):
            check_redeem(record, used=used, now=now)


def test_a_joining_proves_the_machines_key():
    joined, nonce = machine("pi", invitation("pi")), b"n" * 16

    def come(party: Party, sig: bytes, fresh: bytes = nonce) -> Member:
        return check_join(party.chain, sig, fresh, mesh=party.mesh, now=NOW, verify=verify)

    sig = proof_of(joined, "pi", nonce)
    assert come(joined, sig).sign == joined.sign.public
    stranger = invitation("pi", seed="other")
    for bad in (proof_of(stranger, "pi", nonce), proof_of(joined, "po", nonce), b""):
        with pytest.raises(BadSignature):
            come(joined, bad)
    with pytest.raises(BadSignature):
        come(joined, sig, b"m" * 16)
    direct = machine("pi")
    with pytest.raises(BadChain, match="invitation"):
        come(direct, proof_of(direct, "pi", nonce))
    leaf = agent("weather", joined)
    with pytest.raises(BadChain):
        come(leaf, proof_of(leaf, "weather", nonce))
