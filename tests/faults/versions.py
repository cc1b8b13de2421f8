"""Planted faults of what two versions agree on, and of what is said beside the session.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault

CAPABILITIES = "tests/core/test_capabilities.py"
DRIVER = "tests/peer/test_driver.py"
OLDER = f"{DRIVER}::test_an_older_and_a_newer_peer_agree_on_what_both_know"


def only_mine(original: Any) -> Any:
    """What this side can do is what both can do."""
    return lambda peer, mine, theirs: frozenset(mine)


def identical(original: Any) -> Any:
    """Another list than mine is another protocol."""

    def agreed(peer: str, mine: Any, theirs: Any) -> Any:
        from chatixia.errors import UpgradeNeeded

        if tuple(mine) != tuple(theirs):
            raise UpgradeNeeded
        return original(peer, mine, theirs)

    return agreed


def unsent(original: Any) -> Any:
    """What waited for the link goes, whatever it agreed on."""
    return lambda self, pending: None


FAULTS: list[Fault] = [
    Fault(
        "blind-to-an-older-peer",
        "nothing goes to an older peer that it does not know",
        {"chatixia.core.hello:agree": only_mine},
        (
            f"{CAPABILITIES}::test_the_path_says_what_was_signed_at_both_ends",
            f"{OLDER}[offers-Older]",
        ),
    ),
    Fault(
        "same-version-only",
        "what a newer peer knows beyond this build means nothing here",
        {"chatixia.core.hello:agree": identical},
        (f"{OLDER}[offers-Newer]", f"{OLDER}[answers-Older]"),
    ),
    Fault(
        "sent-as-it-waited",
        "a call that waited for its link is held against what the link agreed on",
        {"chatixia.core.capabilities:AgreedCapabilities.objection": unsent},
        (
            f"{CAPABILITIES}::test_a_call_that_waited_for_the_link_is_held_against_what_it_agreed_on",
        ),
    ),
]
