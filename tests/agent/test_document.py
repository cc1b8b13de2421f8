"""YAML as a person writes it, and the two mistakes that must not pass unseen."""

from __future__ import annotations

import pytest

from chatixia.agent.document import YAMLError, fault, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (
            "a: 1\nb: {a: 2}\nc: [{a: 3}, {a: 4}]\n",
            {"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]},
        ),
        ("base: &one {a: 1}\nmore: {<<: *one, a: 2}\n", {"base": {"a": 1}, "more": {"a": 2}}),
    ],
)
def test_one_document_is_read(text: str, value: object):
    assert load(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", ", line 3: the key a is given twice."),
        ("a:\n  b: 1\n  b: 2\n", ", line 3: the key b is given twice."),
        ("a: 1\n'a': 2\n", ", line 2: the key a is given twice."),
        ("a: [", ", line 1: this is not YAML: expected the node content, but"),
        ("a: !!python/object/apply:os.getcwd []", ", line 1: this is not YAML: could not"),
        ("a: \x00", ": this is not YAML."),
    ],
)
def test_a_mistake_has_its_line_and_a_sentence(text: str, said: str):
    with pytest.raises(YAMLError) as caught:
        load(text)
    assert fault(caught.value).startswith(said)
    assert fault(caught.value).endswith(".")
