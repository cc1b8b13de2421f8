"""Which names a pattern takes in, and which patterns another holds."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import patterns
from chatixia.errors import BadRequest


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


@pytest.mark.parametrize(
    ("names", "roles", "said"),
    [
        (["lab-*", "Lab-*"], [], "'Lab-\\*' is no pattern"),
        (["a*b"], [], "is no pattern"),
        ([""], [], "is no pattern"),
        (["lab-*,gpu-*"], [], "is no pattern"),
        (["admin"], [], "is no pattern"),
        (["lab-*"], ["Worker"], "'Worker' is no role"),
        (["lab-*"] * 17, [], "17 patterns of names are too many; at most 16"),
        (["lab-*"], ["r"] * 17, "17 roles are too many; at most 16"),
    ],
)
def test_what_was_typed_is_named(names: Sequence[str], roles: Sequence[str], said: str):
    with pytest.raises(BadRequest, match=said):
        patterns.check_bounds(names, roles)


def test_what_a_record_may_hold():
    patterns.check_bounds(["lab-*", "*", "gpu-1"], ["worker", "*"])
