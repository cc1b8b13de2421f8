"""Planted faults of shares: what one machine may hold, and what the past costs.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value

RULE = "tests/core/test_shares.py"
READERS = "tests/store/control/test_readers.py"
ROSTER = "tests/registry/live/test_roster.py"
ROOM = "tests/core/test_budget.py"
GENERATORS = "tests/agent/test_generator_threads.py"
GREEDY = "tests/acceptance/test_greedy.py"
HOLDINGS = "tests/store/control/test_holdings.py"
SWEEP = "tests/store/control/test_sweep.py"
MEMORY = "tests/store/control/test_memory.py"


def by_id(original: Any) -> Any:
    """Each agent has a share of its own, as if machines could not sign many."""
    return lambda who: f"@{who.id}"


def one_line(original: Any) -> Any:
    """Who came first is first, however many of its own stand before all others."""
    return lambda self, holder, item: original(self, "", item)


def for_nobody(original: Any) -> Any:
    """Whose call it is does not matter."""
    return lambda self, holder, fn, *args, **kwargs: original(self, "", fn, *args, **kwargs)


def nothing(original: Any) -> Any:
    """Nobody waits for anything."""

    async def go_on(self: Any, who: Any) -> None:
        return None

    return go_on


def without_holder(original: Any) -> Any:
    """As :func:`for_nobody`, for what takes the holder last."""
    return lambda self, what, holder="": original(self, what)


FAULTS: list[Fault] = [
    Fault(
        "no-shares",
        "a bound that can be filled is shared",
        {"chatixia.core.shares:fits": always(True)},
        (
            f"{RULE}::test_a_bound_holds_and_one_alone_fills_three_quarters",
            f"{GENERATORS}::test_one_holder_has_three_quarters_and_a_small_one_the_rest",
            f"{GREEDY}::test_schemas_of_agents_that_left_do_not_stay[tenth]",
            f"{GREEDY}::test_ten_sockets_that_list_keep_nobody_waiting[tenth]",
            f"{GREEDY}::test_tasks_of_one_machine_fill_three_quarters_and_others_still_submit[tenth]",
        ),
    ),
    Fault(
        "share-per-agent",
        "all agents of a machine, and all machines of a reusable invitation, have one share",
        {"chatixia.core.shares:holder_of": by_id},
        (
            f"{HOLDINGS}::test_all_agents_of_a_machine_share_one_share_of_the_open_tasks",
            f"{HOLDINGS}::test_all_machines_of_one_reusable_invitation_share_one_share",
            f"{HOLDINGS}::test_the_queue_gives_turns_by_machine",
        ),
    ),
    Fault(
        "no-last-quarter",
        "the last quarter of a bound is for small holders",
        {
            "chatixia.core.shares:fits": lambda original: (
                lambda total, used, held, more: used + more <= total
            )
        },
        (
            f"{RULE}::test_the_last_quarter_is_for_holders_of_under_a_sixteenth",
            f"{HOLDINGS}::test_all_agents_of_a_machine_share_one_share_of_the_open_tasks",
        ),
    ),
    Fault(
        "first-come",
        "who reads or writes little has its turn, whatever others ask",
        {"chatixia.core.shares:FairQueue.append": one_line},
        (
            f"{RULE}::test_holders_take_turns_and_each_keeps_its_order",
            f"{READERS}::test_who_reads_little_has_its_turn_whatever_others_read",
            "tests/store/control/test_writer.py::test_holders_take_turns_in_a_lane",
        ),
    ),
    Fault(
        "reads-to-the-end",
        "what one holder's sockets brought is read in turns with others",
        {"chatixia.registry.live.turns:ReadTurns.take": nothing},
        (
            "tests/registry/live/test_turns.py::test_many_sockets_of_one_holder_leave_each_turn_to_others",
            "tests/registry/live/test_turns.py::test_a_message_of_many_frames_is_a_debt_of_the_turns_that_follow",
        ),
    ),
    Fault(
        "whole-group",
        "one holder has a bounded part of a group of the writer",
        {"chatixia.store.control.writer:GROUP_HOLDER": value(10**6)},
        ("tests/store/control/test_writer.py::test_one_holder_has_a_bounded_part_of_a_group",),
    ),
    Fault(
        "refused-by-the-writer",
        "a submit over its holder's share costs no turn of the writer",
        {"chatixia.store.control.task_store:TaskStore._check_share": nothing},
        (f"{HOLDINGS}::test_who_is_over_its_share_is_refused_before_the_writer",),
    ),
    Fault(
        "refused-too-early",
        "what a first try may have stored is never said to be refused",
        {"chatixia.store.control.writer:Writer.has": always(False)},
        (f"{HOLDINGS}::test_a_refusal_waits_for_a_first_try_that_is_not_answered",),
    ),
    Fault(
        "verbs-per-agent",
        "verbs at once have a share per machine",
        {"chatixia.registry.verbs:holder_of": by_id},
        ("tests/registry/test_verbs.py::test_verbs_at_once_have_a_share_per_machine",),
    ),
    Fault(
        "logins-per-agent",
        "logins at once have a share per machine",
        {"chatixia.registry.live.roster:holder_of": by_id},
        (f"{ROSTER}::test_logins_have_a_share_per_machine",),
    ),
    Fault(
        "served-per-agent",
        "the requests that an agent serves have a share per machine",
        {"chatixia.core.budget:PeerBudget.belongs": always(None)},
        (
            f"{ROOM}::test_a_machine_with_many_clients_has_one_share_and_others_are_served",
            "tests/acceptance/test_served.py::test_eighteen_clients_of_one_machine_leave_an_agent_to_others",
        ),
    ),
    Fault(
        "halves-for-all",
        "half messages have a share per machine",
        {"chatixia.core.fragments:Reassembly.belongs": always(None)},
        ("tests/core/test_fragments.py::test_the_holder_that_has_most_gives_up_its_halves_first",),
    ),
    Fault(
        "threads-for-all",
        "calls that wait for a thread have a share per machine, and machines take turns",
        {"chatixia.agent.threads:Threads.run_for": for_nobody},
        (
            "tests/agent/test_threads.py::test_one_holder_leaves_threads_to_others_and_they_take_turns",
            "tests/agent/test_bind.py::test_a_plain_skill_waits_on_the_share_of_its_callers_machine",
        ),
    ),
    Fault(
        "peers-for-all",
        "peers of a process have a share per machine",
        {"chatixia.peer.sessions.peers:PeerTable.open": without_holder},
        ("tests/peer/sessions/test_peers.py::test_peers_of_one_machine_leave_room_for_others",),
    ),
    Fault(
        "progress-for-all",
        "the progress kept of living tasks has a share per machine",
        {"chatixia.registry.work.watches:Watches.report": without_holder},
        (
            "tests/registry/work/test_watches.py::test_the_progress_of_one_machine_leaves_room_for_others",
        ),
    ),
    Fault(
        "pollers-per-agent",
        "polling agents have a share per machine",
        {"chatixia.registry.live.pollers:holder_of": by_id},
        (
            "tests/registry/live/test_pollers.py::test_the_polling_agents_of_one_machine_leave_room_for_others",
        ),
    ),
    Fault(
        "schemas-per-agent",
        "schemas have a share per machine",
        {"chatixia.registry.live.roster:Roster._fits": always(None)},
        (f"{ROSTER}::test_schemas_have_a_share_per_machine_and_one_agents_are_bounded",),
    ),
    Fault(
        "hoarding",
        "whoever is over its share of the disk loses its own oldest ended tasks",
        {"chatixia.store.control.sweep:trim": always(0)},
        (
            f"{HOLDINGS}::test_who_is_over_its_share_of_the_disk_loses_its_oldest_and_nobody_elses",
            f"{HOLDINGS}::test_fetched_results_go_before_those_that_wait_for_their_submitter",
            f"{GREEDY}::test_a_loop_of_large_tasks_costs_its_machine_its_own_oldest[tenth]",
        ),
    ),
    Fault(
        "past-kept",
        "what ended leaves memory at once",
        {"chatixia.store.control.memory:DueRows.drop": always(None)},
        (
            f"{SWEEP}::test_what_ended_leaves_nothing_in_memory_whatever_its_deadline",
            f"{MEMORY}::test_due_times_of_what_ended_leave_memory_at_once",
            "tests/acceptance/test_past.py::test_twenty_thousand_that_ended_are_not_in_memory",
        ),
    ),
]
