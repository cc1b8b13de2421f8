"""Golden forms of every type in wire.people: frozen bytes, none missing."""

from __future__ import annotations

import pytest

from chatixia.wire import people
from tests.wire.golden import cases, hold, structs


@pytest.mark.parametrize(("name", "text"), cases(people))
def test_golden(name: str, text: str):
    hold(people, name, text)


def test_every_type_has_a_golden_form():
    assert {name for name, _ in cases(people)} >= set(structs(people))
