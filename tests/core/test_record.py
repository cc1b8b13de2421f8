"""What a record must be by itself, whoever signed it."""

from __future__ import annotations

import pytest

from chatixia.errors import BadChain
from chatixia.identity import SealKey
from chatixia.wire.signed import b64
from tests.core.circle import Party, agent, edited, machine, owner, secret, swap
from tests.core.memberships import NAMES, check, long_chain


@pytest.mark.parametrize("kind", ["agent", "client"])
def test_what_signs_nothing_names_nobody(kind: str):
    party = Party(kind, NAMES.get(kind, "weather"), machine(), names=["a"])
    with pytest.raises(BadChain, match="sign"):
        check(party.chain)


@pytest.mark.parametrize("field", [{"reusable": True}, {"redeem_by": 5}])
@pytest.mark.parametrize("position", [0, 1, 3])
def test_only_an_invitation_has_an_invitations_terms(position: int, field: dict[str, object]):
    parties = long_chain()
    with pytest.raises(BadChain):
        check(swap(parties[0].chain, position, edited(parties[position], **field)))


def test_a_sealing_key_is_certified_for_those_who_seal():
    party = agent()
    other = SealKey(secret("other"))
    assert check(swap(party.chain, 0, edited(party, seal=b64(other.public)))).seal == other.public
    for seal in ("", b64(b"short")):
        with pytest.raises(BadChain, match="sealing"):
            check(swap(party.chain, 0, edited(party, seal=seal)))
    registry = Party("registry", "registry", owner())
    with pytest.raises(BadChain, match="sealing"):
        check(swap(registry.chain, 0, edited(registry, seal=b64(other.public))))
