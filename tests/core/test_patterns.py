"""Which names a pattern takes in, and which patterns another holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import patterns


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "a", True),
        ("a", "a", True),
        ("a", "ab", False),
        ("a*", "ab", True),
        ("a*", "a", True),
        ("a*", "b", False),
        ("a-*", "a", False),
    ],
)
def test_covers(pattern: str, name: str, fits: bool):
    assert patterns.covers(pattern, name) is fits


@given(
    st.text("ab", min_size=1, max_size=4), st.booleans(), st.text("ab", max_size=4), st.booleans()
)
def test_narrower_means_that_no_name_gets_through(a: str, star: bool, b: str, other: bool):
    pattern, bound = a + "*" * star, b + "*" * other
    if patterns.narrower(pattern, bound):
        for tail in ("", "a", "b", "ab"):
            name = a + tail
            assert not patterns.covers(pattern, name) or patterns.covers(bound, name)
