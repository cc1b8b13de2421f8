"""Planted faults that the lab's bad networks show: wires that lose, cuts, peers that are away.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value

ACC = "tests/acceptance"
MOVED = f"{ACC}/test_heals.py::test_a_registry_that_moves_is_found_again_and_no_call_notices"
AWAY = f"{ACC}/test_paths.py::test_a_peer_that_is_back_after_a_while_answers_through_the_queue"


def surely(original: Any) -> Any:
    """Say of calls that a peer's end cut off that they were not run."""

    def cut_off(*given: Any) -> Any:
        error = original(*given)
        error.outcome = "definite"
        return error

    return cut_off


def remembered(original: Any) -> Any:
    """Ask for a host's addresses once and never again."""
    known: dict[str, Any] = {}

    async def numbers_of(url: str) -> Any:
        if url not in known:
            known[url] = await original(url)
        return known[url]

    return numbers_of


def kindless(original: Any) -> Any:
    """Count attempts at all kinds of path together."""
    return lambda self, incarnation, attempt, kind: original(self, incarnation, attempt, "any")


def looked_for(original: Any) -> Any:
    """Let the library look for what it keeps alive."""

    def update(self: Any, loop: Any = None) -> None:
        from webrtc.utils.events import EventTarget

        EventTarget._update(self, loop)

    return update


FAULTS: list[Fault] = [
    Fault(
        "all-at-once",
        "agents of one process share how many links open at once",
        {"chatixia.peer.links.opener:SharedOpening.room": always(always(True))},
        (
            "tests/peer/links/test_opener.py::test_agents_of_one_process_share_how_many_are_under_way",
        ),
    ),
    Fault(
        "improving-forever",
        "where no better path ever opens attempts at one become rare",
        {"chatixia.core.paths:MAX_IMPROVE_SECONDS": value(30.0)},
        ("tests/core/test_paths.py::test_where_no_better_path_ever_opens_attempts_become_rare",),
    ),
    Fault(
        "address-remembered",
        "a registry that gets another address is found again by its name",
        {"chatixia.peer.control.login:numbers_of": remembered},
        (f"{MOVED}[restarted]",),
    ),
    Fault(
        "cut-off-for-sure",
        "whatever moves, a call that was begun and got no answer is not said to be undone",
        {"chatixia.core.exchange:cut_off": surely},
        (f"{ACC}/test_mixed.py::test_calls_streams_and_files_have_one_outcome_whatever_moves[60]",),
    ),
    Fault(
        "all-unopened",
        "with `links.keep: all` a link to every agent opens by itself",
        {"chatixia.peer.links.opener:LinkOpener.look": always(None)},
        (f"{ACC}/test_crowds.py::test_a_full_mesh_is_up_and_idles_cheaply[14]",),
    ),
    Fault(
        "one-count-for-all-kinds",
        "an offer counts though the relay was asked for before it was described",
        {"chatixia.core.offers:OfferGuard.once": kindless},
        (
            f"{ACC}/test_crowds.py::test_links_that_all_want_at_once_end_direct",
            "tests/core/test_paths.py::test_a_relay_that_is_asked_for_first_does_not_make_the_slower_offer_an_old_one",
        ),
    ),
    Fault(
        "walked-over-all",
        "a link costs no more to open where many are open",
        {"chatixia.peer.engines.wrtc_owned:Owned._update": looked_for},
        ("tests/peer/engines/test_wrtc_owned.py::test_a_link_costs_no_more_where_many_are_open",),
    ),
    Fault(
        "opened-by-the-look",
        "where all links are kept the next begins as soon as one is there",
        {"chatixia.peer.links.opener:SharedOpening.refill": always(None)},
        ("tests/peer/links/test_opener.py::test_the_next_begins_as_soon_as_one_is_there",),
    ),
    Fault(
        "asked-all-at-once",
        "the engine is asked about a few links at once, so that it can open others meanwhile",
        {"chatixia.peer.links.monitor:READINGS_AT_ONCE": value(1000)},
        (
            "tests/peer/links/test_monitor.py::test_only_a_few_questions_to_the_engine_are_under_way",
        ),
    ),
    Fault(
        "late-engine-believed",
        "a path is not down because the engine here is late with its witness",
        {"chatixia.core.verdict:PathWitnesses.reading": always(None)},
        ("tests/peer/links/test_monitor.py::test_a_path_is_not_down_because_the_engine_is_late",),
    ),
    Fault(
        "unconfirmed",
        "a broadcast has a receipt of every agent",
        {"chatixia.registry.live.announcements:_UnderWay.settle": always(None)},
        (f"{ACC}/test_crowds.py::test_a_broadcast_reaches_all[40]",),
    ),
    Fault(
        "nothing-for-the-absent",
        "a call to a peer that is away waits in the queue until it is back",
        {"chatixia.core.route:queues": always(False)},
        (f"{AWAY}[3-wrtc]",),
    ),
]
