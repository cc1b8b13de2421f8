"""The table of planted faults. `make faults` holds each against the tests it names.

How to add one: write a function that takes the product's own function (or class, or value) and
gives the broken one, and a row in FAULTS: the switch's name, the promise that it breaks, the
places it patches (`module:Name` or `module:Class.method`), and the pytest node ids that must go
red with it and are green without.

How it works: the switch is the environment variable CHATIXIA_FAULT. Nothing in src knows of it;
`inject/sitecustomize.py`, on PYTHONPATH, patches a module right after its import, in pytest's
process and in every process that a test starts. A place that does not exist any more, or a fault
that no process ever applied, is an error of `make faults`, as is a test that stays green.

This file is loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
A node id without brackets stands for all its parameters: one red among them is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Patch = Callable[[Any], Any]


class Fault(NamedTuple):
    """One switch: its name, what it breaks, {place: patch}, and the tests that must see it."""

    name: str
    promise: str
    places: dict[str, Patch]
    red: tuple[str, ...]


def always(value: Any) -> Patch:
    """Replace a function by one that gives `value` whatever it is asked."""
    return lambda original: lambda *args, **kwargs: value


def value(new: Any) -> Patch:
    """Replace a constant."""
    return lambda original: new


def swallowing(original: Any) -> Any:
    """Let a function pass over every error in silence."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except Exception:
            return None

    return broken


def unbounded(original: Any) -> Any:
    """Let decode accept any size."""
    return lambda maker, data, limit: original(maker, data, 1 << 40)


FAULTS: list[Fault] = [
    Fault(
        "no-signature-check",
        "a signature holds for its bytes only",
        {"chatixia.identity:verify": always(True)},
        (
            "tests/test_identity.py::test_a_signature_holds_only_for_its_context_data_and_key",
            "tests/test_identity.py::test_junk_verifies_nothing_and_raises_nothing",
        ),
    ),
    Fault(
        "size-unbounded",
        "what is larger than its bound is refused before it is parsed",
        {"chatixia.wire.base:decode": unbounded},
        ("tests/wire/test_base.py::test_size_is_judged_before_anything_else",),
    ),
]

BY_NAME = {fault.name: fault for fault in FAULTS}
