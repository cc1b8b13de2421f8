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


def believing(original: Any) -> Any:
    """Let a check take any signature for the right one."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **(kwargs | {"verify": lambda *_: True}))

    return broken


def unheard(original: Any) -> Any:
    """Take a hello as it came, whoever said it of whatever connection."""
    return lambda frame, *args, **kwargs: frame.hello


def stepping(original: Any) -> Any:
    """Take any time for the present one."""

    def learn(self: Any, now: float) -> None:
        self._base, self._since = now, self._monotonic()

    return learn


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
        "chain-unsigned",
        "a registry without the owner's key adds no member",
        {"chatixia.core.membership:check_chain": believing},
        (
            "tests/core/test_membership.py::test_a_signature_of_anybody_else_breaks_the_chain",
            "tests/core/test_membership.py::test_a_signature_under_another_context_breaks_the_chain",
        ),
    ),
    Fault(
        "offer-unsigned",
        "offers and answers hold as they were signed",
        {
            "chatixia.core.handshake:_offer_bytes": always(b""),
            "chatixia.core.handshake:_answer_bytes": always(b""),
        },
        (
            "tests/core/test_handshake.py::test_an_offer_changed_on_the_way_is_refused",
            "tests/core/test_handshake.py::test_an_answer_changed_on_the_way_is_refused",
            "tests/core/test_handshake.py::test_a_downgraded_offer_is_refused",
        ),
    ),
    Fault(
        "no-hello",
        "each end proves its key on the very connection that it is at",
        {"chatixia.core.handshake:check_hello": unheard},
        (
            "tests/core/test_handshake.py::test_misbinding_is_caught_at_hello",
            "tests/core/test_handshake.py::test_a_wrong_fingerprint_is_refused",
            "tests/core/test_handshake.py::test_a_reflected_hello_is_refused",
        ),
    ),
    Fault(
        "no-pins",
        "nobody comes by another's name",
        {"chatixia.core.pins:judge": always([])},
        ("tests/core/test_pins.py::test_not_even_with_the_very_key",),
    ),
    Fault(
        "revoked-stays",
        "a revoked member is out at once, and all that it signed",
        {"chatixia.core.membership:check_revoked": always(None)},
        (
            "tests/core/test_membership.py::test_a_revoked_machine_takes_all_with_it",
            "tests/core/test_handshake.py::test_revoked_or_over_between_offer_and_hello",
        ),
    ),
    Fault(
        "registry-unproved",
        "no credential goes to a registry that did not prove itself",
        {"chatixia.core.handshake:check_registry": believing},
        ("tests/assembly/test_rest.py::test_a_man_in_the_middle_hears_no_credential",),
    ),
    Fault(
        "time-steps-back",
        "mesh time never steps back",
        {"chatixia.core.meshtime:MeshTime.learn": stepping},
        ("tests/core/test_meshtime.py::test_an_earlier_time_changes_nothing",),
    ),
    Fault(
        "size-unbounded",
        "what is larger than its bound is refused before it is parsed",
        {"chatixia.wire.base:decode": unbounded},
        ("tests/wire/test_base.py::test_size_is_judged_before_anything_else",),
    ),
]

BY_NAME = {fault.name: fault for fault in FAULTS}
