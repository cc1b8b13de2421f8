"""Whose statement is a revocation."""

from __future__ import annotations

import msgspec
import pytest

from chatixia.core.revocation import check_revocation
from chatixia.errors import BadSignature, WrongMesh
from chatixia.identity import verify
from chatixia.wire.trust import Revocation, Signed
from tests.core.circle import NOW, machine, owner, resigned
from tests.core.memberships import statement


def test_a_revocation_is_the_owners_or_nothing():
    top = owner()
    found = check_revocation(statement("pi"), mesh=top.mesh, owner=top.sign.public, verify=verify)
    assert (found.id, found.serial) == ("pi", 1)
    for forged in (statement("pi", by=machine().sign), Signed("AAAA", "AAAA"), Signed("!", "!")):
        with pytest.raises(BadSignature):
            check_revocation(forged, mesh=top.mesh, owner=top.sign.public, verify=verify)
    with pytest.raises(WrongMesh):
        check_revocation(statement("pi"), mesh="0" * 64, owner=top.sign.public, verify=verify)


def test_a_members_signature_is_no_revocation():
    """The owner's signature over a record does not revoke: contexts keep uses apart."""
    top = owner()
    body = msgspec.json.encode(Revocation(top.mesh, "default", "pi", 1, NOW, 1))
    with pytest.raises(BadSignature):
        check_revocation(
            resigned(body, top.sign), mesh=top.mesh, owner=top.sign.public, verify=verify
        )
