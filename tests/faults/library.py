"""Faults in what a developer meets: the Python API, its types, its tests in memory."""

from __future__ import annotations

from typing import Any

from .breaks import Fault


def one_more_name(original: Any) -> Any:
    """Offer a name that no type checker knows."""
    return {**original, "Desk": "agent.desk"}


def innermost(original: Any) -> Any:
    """Read how a skill runs from what ``functools.wraps`` points to."""
    from inspect import unwrap

    return lambda fn: original(unwrap(fn))


def as_it_is(original: Any) -> Any:
    """Give back what is given."""
    return lambda it: it


FAULTS: list[Fault] = [
    Fault(
        "name-without-its-type",
        "what type checkers see of the package is what there is",
        {"chatixia:_PUBLIC": one_more_name},
        ("tests/test_public.py::test_what_type_checkers_see_is_what_there_is",),
    ),
    Fault(
        "runs-as-the-innermost",
        "how a skill runs is read from the outermost callable",
        {"chatixia.agent.signature:kind_of": innermost},
        ("tests/agent/test_bind.py::test_how_a_skill_runs_is_read_from_what_is_called",),
    ),
    Fault(
        "author-unheard",
        "what a skill's author raised is heard with its class",
        {"chatixia.agent.failing:_by_its_author": as_it_is},
        ("tests/agent/test_failing.py::test_what_the_author_raises_is_heard_by_class_and_message",),
    ),
]
