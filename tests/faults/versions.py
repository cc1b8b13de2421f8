"""Planted faults of what two versions agree on, and of what is said beside the session.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault

CAPABILITIES = "tests/core/test_capabilities.py"
DRIVER = "tests/peer/test_driver.py"
STATUS = "tests/peer/sessions/test_status.py"
DATAGRAMS = "tests/peer/links/test_datagrams.py"
BASE = "tests/peer/engines/test_base.py"
LOSSY = f"{BASE}::test_a_lossy_channel_is_unordered_and_sends_nothing_again_at_both_ends"
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


def unheard(original: Any) -> Any:
    """What a peer says of itself goes nowhere."""
    return lambda self, peer, payload: None


def in_any_order(original: Any) -> Any:
    """What came last is the newest."""

    def heard(self: Any, peer: str, payload: Any) -> None:
        if peer in self._peers:
            self._peers[peer].status.n = 0
        original(self, peer, payload)

    return heard


def greedy(original: Any) -> Any:
    """All that comes is read."""
    return lambda self, data: self.on_message(data)


def reliable(original: Any) -> Any:
    """A channel like the other."""
    return lambda self, label, lossy=False: original(self, label)


def content(original: Any) -> Any:
    """The first path will do."""

    async def climb(self: Any) -> None:
        return None

    return climb


FAULTS: list[Fault] = [
    Fault(
        "ping-without-climb",
        "ping shows the climb from the relay to a better path",
        {"chatixia.cli.ping:Pings.climb": content},
        ("tests/cli/test_ping.py::test_the_climb_from_relay_to_direct_is_shown",),
    ),
    Fault(
        "status-unheard",
        "both ends of a link hear what the other does",
        {"chatixia.peer.sessions.status:StatusTeller.update": unheard},
        (
            f"{STATUS}::test_who_is_linked_hears_what_a_process_does_and_that_it_ended",
            f"{DRIVER}::test_both_ends_of_a_link_tell_what_they_do[wrtc]",
        ),
    ),
    Fault(
        "status-overtaken",
        "an overtaken status does not count",
        {"chatixia.peer.sessions.status:StatusTeller.update": in_any_order},
        (f"{STATUS}::test_an_overtaken_one_does_not_count_and_junk_is_left_out",),
    ),
    Fault(
        "status-flood",
        "what comes beside a session is bounded",
        {"chatixia.peer.links.datagrams:DatagramChannel._receive": greedy},
        (f"{DATAGRAMS}::test_what_is_too_long_or_too_much_is_not_read",),
    ),
    Fault(
        "status-sent-again",
        "what may be lost is not sent again, and holds nothing up",
        {
            "chatixia.peer.engines.wrtc:WrtcConnection.create_channel": reliable,
            "chatixia.peer.engines.aiortc:AiortcConnection.create_channel": reliable,
        },
        (f"{LOSSY}[wrtc-wrtc]", f"{LOSSY}[aiortc-aiortc]"),
    ),
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
