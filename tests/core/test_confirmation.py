"""The owner's word about the revocation list: its own, of this mesh, and nobody else's."""

from __future__ import annotations

import pytest

from chatixia.core.confirmation import check_confirmation, sign_confirmation
from chatixia.errors import BadSignature, WrongMesh
from chatixia.identity import verify
from chatixia.wire.trust import Confirmation, Signed
from tests.core.circle import NOW, agent, owner
from tests.core.memberships import statement


def word(version: int = 3, issued: int = NOW, by: object = None, mesh: str = "") -> Signed:
    said = Confirmation(mesh or owner().mesh, "default", version, issued)
    return sign_confirmation(said, (by or owner()).sign.sign)  # type: ignore[attr-defined]


def check(signed: Signed) -> Confirmation:
    return check_confirmation(signed, mesh=owner().mesh, owner=owner().sign.public, verify=verify)


def test_the_owners_word_is_read():
    assert (check(word()).version, check(word()).issued) == (3, NOW)


def test_nobody_elses_word_counts():
    for forged in (word(by=agent()), Signed("AA", "AA"), Signed("!", ""), statement("pi")):
        with pytest.raises(BadSignature):
            check(forged)
    with pytest.raises(WrongMesh):
        check(word(mesh="0" * 64))
