"""Golden forms of every type in wire.trust: frozen bytes, none missing."""

from __future__ import annotations

import pytest

from chatixia.wire import trust
from tests.wire.golden import cases, hold, structs


@pytest.mark.parametrize(("name", "text"), cases(trust))
def test_golden(name: str, text: str):
    hold(trust, name, text)


def test_every_type_has_a_golden_form():
    assert {name for name, _ in cases(trust)} >= set(structs(trust))
