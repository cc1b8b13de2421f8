"""Golden forms of every type in wire.audit: frozen bytes, none missing."""

from __future__ import annotations

import pytest

from chatixia.wire import audit
from tests.wire.golden import cases, hold, structs


@pytest.mark.parametrize(("name", "text"), cases(audit))
def test_golden(name: str, text: str):
    hold(audit, name, text)


def test_every_type_has_a_golden_form():
    assert {name for name, _ in cases(audit)} >= set(structs(audit))
