"""Golden forms of every type in wire.signaling: frozen bytes, none missing."""

from __future__ import annotations

import pytest

from chatixia.wire import signaling
from tests.wire.golden import cases, hold, structs


@pytest.mark.parametrize(("name", "text"), cases(signaling))
def test_golden(name: str, text: str):
    hold(signaling, name, text)


def test_every_type_has_a_golden_form():
    assert {name for name, _ in cases(signaling)} >= set(structs(signaling))
