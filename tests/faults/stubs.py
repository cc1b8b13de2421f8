"""Faults in the stubs of agents: what they say, and what is there."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

CLIENT = "tests/client/test_stub.py"
AT = "tests/assembly/stubs"
TYPES = "tests/interop/test_stub_types.py"


def undecoded(original: Any) -> Any:
    """Read an answer as whatever it is."""
    from chatixia.client.value import decode

    return property(lambda self: decode)


def unescaped(original: Any) -> Any:
    """Put the words of a stranger between quotes as they are."""
    return lambda value: f'"{value}"'


def untyped(original: Any) -> Any:
    """Know nothing of any type."""
    from chatixia.assembly.stubs.types import ANY

    return always(ANY)(original)


FAULTS: list[Fault] = [
    Fault(
        "stub-undecoded",
        "a value is what its stub says",
        {"chatixia.client.stub:SkillStub.read": undecoded},
        (
            f"{CLIENT}::test_a_value_is_what_its_annotation_says",
            f"{CLIENT}::test_an_answer_that_is_another_than_the_stub_says_is_an_error",
            "tests/acceptance/test_snippets.py::test_five_typed",
        ),
    ),
    Fault(
        "stub-unescaped",
        "words of a stranger are never code",
        {"chatixia.assembly.stubs.python_types:text": unescaped},
        (f"{AT}/test_python_types.py::test_a_text_is_one_literal_that_shows_what_it_is[quote]",),
    ),
    Fault(
        "stub-untyped",
        "type checkers know what a stub's skills give",
        {"chatixia.assembly.stubs.schema:_Reader._type": untyped},
        (
            f"{AT}/test_schema.py::test_what_is_alike_is_one_model_and_what_is_not_has_another_name",
            f"{TYPES}::test_mypy_is_told_by_a_stub_what_each_skill_takes_and_gives",
        ),
    ),
]
