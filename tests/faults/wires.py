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


FAULTS: list[Fault] = [
    Fault(
        "all-at-once",
        "agents of one process share how many links open at once",
        {"chatixia.peer.links.monitor:_opening": always(0)},
        (
            "tests/peer/links/test_monitor.py::test_agents_of_one_process_share_how_many_open_at_once",
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
        {"chatixia.peer.links.monitor:LinkMonitor._open_all": always(None)},
        (f"{ACC}/test_crowds.py::test_a_full_mesh_is_up_and_idles_cheaply[10]",),
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
