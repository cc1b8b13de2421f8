"""Planted faults of who may sign, be and start what. Loaded as ``faults.py`` is."""

from __future__ import annotations

from typing import Any

from .breaks import Fault


def stemmed(original: Any) -> Any:
    """Let `names` allow a client's id by what stands before its `~`."""
    return lambda signer, name: original(signer, name.partition("~")[0])


FAULTS: list[Fault] = [
    Fault(
        "client-of-another",
        "a client is signed by the machine whose name it bears, and by nobody else",
        {"chatixia.core.membership:may_name": stemmed},
        (
            "tests/core/test_membership.py::test_a_client_is_signed_by_the_machine_whose_name_it_bears_and_by_nobody_else",
            "tests/core/test_handshake.py::test_a_machine_makes_no_link_as_a_client_of_another",
            "tests/registry/trust/test_gate.py::test_a_machine_signs_no_client_of_another",
        ),
    ),
]
