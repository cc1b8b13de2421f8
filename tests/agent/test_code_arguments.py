"""A wrong type is one sentence that says what is wanted, and shows little of what was given."""

from __future__ import annotations

from typing import Any

import pytest

from chatixia.agent.code_arguments import FLAG, SECONDS, TEXT, check_type
from chatixia.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "kinds", "wanted"),
    [
        (7, str, TEXT),
        (None, str, TEXT),
        (b"x", str | None, TEXT),
        ("5", int | float, SECONDS),
        (True, int | float, SECONDS),
        (None, bool, FLAG),
        (["x" * 200], str, TEXT),
    ],
)
def test_what_is_of_another_type_is_refused(value: Any, kinds: Any, wanted: str):
    with pytest.raises(ConfigError) as caught:
        check_type("timeout", value, kinds, wanted)
    assert caught.value.message.startswith(f"timeout is {wanted}, not {repr(value)[:20]}")
    assert len(caught.value.message) < 140


def test_what_fits_passes():
    check_type("a", "", str, TEXT)
    check_type("a", None, str | None, TEXT)
    check_type("a", 1, int | float, SECONDS)
    check_type("a", False, bool, FLAG)
