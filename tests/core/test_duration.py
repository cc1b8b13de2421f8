"""Lengths of time as people write them."""

import pytest

from chatixia.core.duration import seconds


@pytest.mark.parametrize(
    ("said", "meant"), [("20s", 20), ("5m", 300), ("12 h", 43_200), ("7d", 604_800), (300, 300)]
)
def test_what_is_written_so(said, meant):
    assert seconds(said) == meant


@pytest.mark.parametrize("said", ["", "s", "5", "-5m", "1.5h", "5 weeks", "5m ", "٣s?", None, True])
def test_anything_else_is_left_to_its_type(said):
    assert seconds(said) is said
