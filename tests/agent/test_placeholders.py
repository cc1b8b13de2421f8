"""Variables in the values of a manifest."""

import pytest

from chatixia.agent import placeholders
from chatixia.agent.placeholders import MissingVariable, fill, fill_all, has_placeholder
from chatixia.errors import ConfigError

ENVIRONMENT = {"CITY": "Oslo", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain $CITY {CITY}", "plain $CITY {CITY}"),
        ("in ${CITY}", "in Oslo"),
        ("${CITY:-Rome}, ${NONE:-Rome}, ${EMPTY:-Rome}", "Oslo, Rome, Rome"),
        ("${NONE:-}", ""),
        ("${NONE:-http://a:1/b?c=d}", "http://a:1/b?c=d"),
        ("$${CITY}", "${CITY}"),
        ("${date} ${agent} ${mesh}", "${date} ${agent} ${mesh}"),
    ],
)
def test_fill(text: str, filled: str):
    assert fill(text, ENVIRONMENT) == filled
    assert has_placeholder(text) is (text != filled)


@pytest.mark.parametrize("text", ["${NONE}", "${EMPTY}"])
def test_a_variable_that_is_not_set(text: str):
    with pytest.raises(MissingVariable, match="is not set"):
        fill(text, ENVIRONMENT)


def test_what_a_variable_holds_is_not_filled_again():
    assert fill("${A}", {"A": "${B}", "B": "x"}) == "${B}"


def test_a_value_has_a_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(placeholders, "MAX_VALUE", 10)
    with pytest.raises(ConfigError, match="more than 10"):
        fill("${A}${A}", {"A": "x" * 9})


def test_all_values_and_where_they_stood():
    value = {"a": "${CITY}", "b": [1, {"c": "x${CITY}"}], "d": None, "${CITY}": 1}
    filled, keys = fill_all(value, ENVIRONMENT)
    assert filled == {"a": "Oslo", "b": [1, {"c": "xOslo"}], "d": None, "${CITY}": 1}
    assert keys == ["a", "b[1].c"]


def test_a_missing_one_says_where():
    with pytest.raises(MissingVariable) as raised:
        fill_all({"a": {"b": ["${NONE}"]}}, {})
    assert raised.value.__notes__ == ["a.b[0]"]
