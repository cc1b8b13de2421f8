"""Golden forms of every type in wire.devices, and no list with a token."""

from __future__ import annotations

import pytest

from chatixia.wire import devices
from tests.wire.golden import cases, hold, structs


@pytest.mark.parametrize(("name", "text"), cases(devices))
def test_golden(name: str, text: str):
    hold(devices, name, text)


def test_every_type_has_a_golden_form():
    assert {name for name, _ in cases(devices)} >= set(structs(devices))


def test_a_token_stands_in_the_one_answer_that_shows_it():
    with_token = [
        name for name, kind in structs(devices).items() if "device_token" in kind.__struct_fields__
    ]
    assert with_token == ["DeviceApproved"]
