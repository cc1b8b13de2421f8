"""Records and statements that were signed once hold for ever, byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatixia.core.record import record_body
from chatixia.core.revocation import check_revocation
from chatixia.identity import verify
from chatixia.wire.signed import unb64
from chatixia.wire.trust import Signed
from tests.core.circle import owner
from tests.core.memberships import check

GOLDEN = json.loads((Path(__file__).with_name("trust") / "records.json").read_text("utf-8"))


@pytest.mark.parametrize("case", GOLDEN["members"], ids=lambda case: case["kind"])
def test_golden_records(case: dict[str, Any]):
    """The bytes of a record and its signature are frozen: what was signed once holds for ever."""
    chain = [Signed(part["b"], part["s"]) for part in case["chain"]]
    found = check(chain, GOLDEN["mesh"], GOLDEN["now"])
    assert (found.kind, found.id) == (case["kind"], case["id"])
    assert record_body(found.record).decode() == case["body"]
    assert unb64(chain[0].b).decode() == case["body"]


def test_golden_revocation():
    stored = GOLDEN["revocation"]
    found = check_revocation(
        Signed(stored["b"], stored["s"]),
        mesh=GOLDEN["mesh"],
        owner=owner().sign.public,
        verify=verify,
    )
    assert msgspec.json.encode(found).decode() == stored["body"]
