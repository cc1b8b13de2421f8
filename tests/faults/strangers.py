"""Planted faults of what has proved nothing: connections, half requests, guesses.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault

JOINING = "tests/registry/trust/test_joining.py"


def judged_first(original: Any) -> Any:
    """Look at the address's failures before the credential."""

    async def begin(self: Any, call: Any, request: Any) -> Any:
        self._failures.check(call.address)
        return await original(self, call, request)

    return begin


def kept_out(original: Any) -> Any:
    """Refuse a newcomer while too many nonces are open."""

    def give(self: Any) -> str:
        from chatixia.errors import Overloaded
        from chatixia.registry.trust import nonces

        if len(self._open) >= nonces.MOST:
            raise Overloaded
        return str(original(self))

    return give


FAULTS: list[Fault] = [
    Fault(
        "guess-judged-first",
        "wrong join strings never stop an honest join",
        {"chatixia.registry.trust.joining:Joining.begin": judged_first},
        (f"{JOINING}::test_wrong_join_strings_never_stop_an_honest_join",),
    ),
    Fault(
        "nonces-run-out",
        "who asks for nonces and uses none keeps nobody out",
        {"chatixia.registry.trust.nonces:Nonces.give": kept_out},
        ("tests/registry/trust/test_nonces.py::test_their_number_is_bounded",),
    ),
]
