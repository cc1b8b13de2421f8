"""Planted faults about what an outcome says: doubt forgotten, work that nobody was told of."""

from __future__ import annotations

from typing import Any

from chatixia.errors import SkillFailed

from .breaks import Fault, always, value

ACC = "tests/acceptance/test_outcomes.py"


def forgetful(original: Any) -> Any:
    """Let the last try alone say what became of the act."""
    return lambda self, error: error


def nameless(original: Any) -> Any:
    """Keep nothing of which task is done again."""

    def broken(*args: Any) -> Any:
        row = original(*args)
        row.retry_of = ""
        return row

    return broken


def silent(original: Any) -> Any:
    """Tell a worker that came back nothing of what it was given."""

    async def nothing(*args: Any) -> None:
        return None

    return nothing


def impatient(original: Any) -> Any:
    """Let a wait end with whatever a look was refused for."""
    return lambda error: error.code in ("registry_unreachable", "deadline_exceeded")


def certain(original: Any) -> Any:
    """Let a wait that failed speak as if it were the work."""
    return lambda self, timeout: self._waited(timeout)


def of_the_tier(original: Any) -> Any:
    """Let a reply's time be what the tier that carried it measured."""
    return lambda answer, ms: original(answer, answer.ms)


def uncounted(original: Any) -> Any:
    """Let what a lost process was sent, and did not say to have begun, count for nothing."""

    def broken(tries: Any, now: float, jitter: float) -> Any:
        from chatixia.core.task import after_loss

        return after_loss(tries, now, jitter)

    return broken


FAULTS: list[Fault] = [
    Fault(
        "canceled-as-failed",
        "a task that was canceled is the same error for everybody who asks",
        {"chatixia.peer.tasks.submitter:call_error": always(SkillFailed())},
        ("tests/assembly/remote/test_api_key_agent.py::test_a_canceled_task_is_one_error",),
    ),
    Fault(
        "forgetful-tries",
        "after a try whose outcome is unknown no later error is definite",
        {"chatixia.core.tries:RetryHistory.failed": forgetful},
        (
            "tests/core/test_tries.py::test_no_later_error_makes_an_unknown_one_definite",
            "tests/client/test_task.py::test_no_later_error_makes_a_lost_answer_definite",
            "tests/client/test_retry.py::test_a_later_error_does_not_replace_an_unknown_outcome",
            "tests/client/test_anyone.py::test_what_one_may_have_done_stays_unknown_whatever_the_others_say",
            "tests/peer/tasks/test_submitter.py::test_a_call_whose_submit_was_lost_ends_unknown_whatever_came_after",
            "tests/assembly/remote/test_port.py::test_a_second_login_that_fails_does_not_make_a_lost_answer_definite",
            f"{ACC}::test_a_submit_whose_answer_was_lost_gets_it_by_its_key[1]",
            f"{ACC}::test_while_the_registry_stays_away_a_lost_answer_is_an_unknown_outcome[1]",
        ),
    ),
    Fault(
        "unreminded",
        "what was given out as the registry died reaches its worker",
        {"chatixia.registry.work.leases:LeaseTable._push_again": silent},
        (
            "tests/registry/work/test_leases.py::test_what_was_given_out_and_never_pushed_is_pushed_after_a_restart",
        ),
    ),
    Fault(
        "busy-waiting",
        "waiting for many tasks fails for none",
        {
            "chatixia.peer.control.requests:LOOKS": value(frozenset()),
            "chatixia.client.task:_passes": impatient,
        },
        (
            "tests/client/test_task.py::test_waiting_never_fails_because_many_wait",
            "tests/peer/control/test_requests.py::test_looks_at_tasks_take_turns_and_leave_room_for_what_does_something",
            f"{ACC}::test_waiting_for_many_tasks_at_once_fails_for_none",
        ),
    ),
    Fault(
        "certain-waits",
        "waiting that fails says nothing definite of the work",
        {"chatixia.client.task:Task._pushes": certain},
        ("tests/client/test_task.py::test_waiting_that_fails_says_nothing_definite_of_the_work",),
    ),
    Fault(
        "reading-is-doing",
        "what only reads has done nothing, whether or not an answer came",
        {"chatixia.peer.control.requests:READS": value(frozenset())},
        (
            "tests/peer/control/test_requests.py::test_what_only_reads_has_done_nothing_when_no_answer_comes",
        ),
    ),
    Fault(
        "nothing-to-retry",
        "a task that does another again names it",
        {"chatixia.store.control.submission:_row": nameless},
        ("tests/cli/test_tasks.py::test_submit_show_and_retry",),
    ),
    Fault(
        "time-of-the-tier",
        "a reply's time runs from call to answer",
        {
            "chatixia.client.handle:make_reply": of_the_tier,
            "chatixia.client.anyone:make_reply": of_the_tier,
        },
        ("tests/client/test_handle.py::test_a_replys_time_runs_from_call_to_answer",),
    ),
    Fault(
        "unexplained",
        "a reply by the queue says why no link carried it",
        {"chatixia.core.route:PeerHistory.reason": value("")},
        (
            "tests/core/test_route.py::test_why_no_link_carries_a_call",
            "tests/peer/tasks/test_submitter.py::test_a_call_that_no_link_took_says_why_and_how_long_one_was_tried",
            f"{ACC}::test_a_call_says_how_long_it_took_and_why_it_took_the_queue",
        ),
    ),
    Fault(
        "uncounted-deliveries",
        "what was sent to a process that died counts as begun",
        {"chatixia.core.task:after_departure": uncounted},
        (
            "tests/core/test_task.py::test_what_was_sent_to_a_process_that_is_gone_counts_as_begun",
            "tests/store/control/test_leases.py::test_what_was_started_counts_though_the_mark_was_not_yet_written",
            "tests/registry/work/test_leases.py::test_what_was_sent_to_a_process_that_died_is_not_given_out_again",
            "tests/store/control/test_removal.py::test_what_was_sent_to_who_is_out_counts_as_begun",
        ),
    ),
    Fault(
        "swept-while-away",
        "a process that is away is judged when it is known to be gone",
        {"chatixia.registry.work.leases:LeaseTable.away": always(())},
        (
            "tests/registry/work/test_leases.py::test_what_was_sent_to_a_process_that_died_is_not_given_out_again",
        ),
    ),
    Fault(
        "hasty-after-standing-still",
        "a registry that stood still reads before it judges",
        {"chatixia.registry.work.service:TaskService._stood_still": always(False)},
        (
            "tests/registry/work/test_service.py::test_after_standing_still_what_was_sent_is_read_before_time_is_judged",
        ),
    ),
]
