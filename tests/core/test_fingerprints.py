"""Keys as people compare them: 16 digits, and one comparison that covers all."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chatixia.core import fingerprints
from chatixia.errors import BadRequest

KEY, OTHER = b"k" * 32, b"o" * 32
MACHINE: dict[str, Any] = {
    "mesh": "m" * 64,
    "registry": b"r" * 32,
    "name": "pi",
    "sign": KEY,
    "seal": b"s" * 32,
}


def test_sixteen_digits_in_groups_of_four():
    made = (
        fingerprints.of_key(KEY),
        fingerprints.of_registry("m" * 64, KEY),
        fingerprints.of_machine(**MACHINE),
    )
    assert all(re.fullmatch(r"([0-9a-f]{4}-){3}[0-9a-f]{4}", text) for text in made)
    assert len(set(made)) == len(made)


def test_that_of_a_registry_covers_its_mesh():
    assert fingerprints.of_registry("m" * 64, KEY) != fingerprints.of_registry("n" * 64, KEY)
    assert fingerprints.of_registry("m" * 64, KEY) != fingerprints.of_registry("m" * 64, OTHER)


@pytest.mark.parametrize("field", MACHINE)
def test_that_of_a_machine_covers_both_its_keys_and_whom_it_met(field: str):
    other = {**MACHINE, field: OTHER if isinstance(MACHINE[field], bytes) else "x"}
    assert fingerprints.of_machine(**other) != fingerprints.of_machine(**MACHINE)


def test_what_is_typed_is_read_as_it_is_written():
    shown = fingerprints.of_key(KEY)
    for typed in (shown, shown.upper(), shown.replace("-", ""), f" {shown.replace('-', ' ')} "):
        assert fingerprints.read(typed) == shown


@pytest.mark.parametrize("text", ["", "7f3a-91c2", "7f3a-91c2-0b4d-88eg", "7f3a-91c2-0b4d-88e11"])
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(BadRequest, match="16 hex digits"):
        fingerprints.read(text)
