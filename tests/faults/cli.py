"""Planted faults of the command line, and of the sentences that people read there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .breaks import Fault, always, by_class, first_given, no_work, printing, same, unlogged, value


def with_a(original: Any) -> Any:
    """Put the same article before every noun."""
    return lambda noun: f"a {noun}"


def deaf_once_stopping(original: Any) -> Any:
    """Take each further signal for the first."""

    @contextmanager
    def signals(stop: Any) -> Iterator[None]:
        import asyncio
        import signal

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        yield

    return signals


def loose(original: Any) -> Any:
    """Describe a parameter without its place."""
    return lambda *rest: {k: v for k, v in original(*rest).items() if k != "in"}


def numbered_anew(original: Any) -> Any:
    """Give each look's step a number of its own."""

    def step(self: Any, row: Any) -> Any:
        self._shown.clear()
        return original(self, row)

    return step


def any_certificate(original: Any) -> Any:
    """Take whatever certificate is shown."""

    def check(self: Any, connection: Any) -> None:
        self._pinned = None
        original(self, connection)

    return check


FAULTS: list[Fault] = [
    Fault(
        "from-whoever",
        "a submitter that nobody is ends in an error",
        {"chatixia.cli.cancel:_check_submitter": no_work},
        ("tests/cli/test_cancel.py::test_all_from_one_are_canceled_in_steps_and_no_others",),
    ),
    Fault(
        "submits-anything",
        "what is submitted fits the schema of a skill that is online",
        {"chatixia.cli.call:check_arguments": always(None)},
        ("tests/cli/test_call.py::test_what_is_left_in_the_queue_fits_the_skills_schema",),
    ),
    Fault(
        "steps-again",
        "a watch over REST that is renewed repeats no step",
        {"chatixia.assembly.remote.port:RestPort._step": numbered_anew},
        ("tests/assembly/remote/test_port.py::test_a_watch_that_is_renewed_repeats_no_step",),
    ),
    Fault(
        "any-certificate",
        "a pinned certificate is the only one",
        {"chatixia.peer.control.connection:PinnedConnection._check_certificate": any_certificate},
        (
            "tests/peer/control/test_connection.py::test_a_pinned_certificate_is_the_only_one",
            "tests/peer/tasks/test_renewal.py::test_a_strange_certificate_gets_no_token",
        ),
    ),
    Fault(
        "article",
        "a sentence with a word from elsewhere reads as English",
        {"chatixia.core.wording:with_article": with_a},
        ("tests/core/test_wording.py::test_an_article",),
    ),
    Fault(
        "no-cure-for-a-tool",
        "a module that a tool's own environment lacks is an error with the cure",
        {"chatixia.assembly.run.pyfile:in_tool": always(False)},
        ("tests/assembly/run/test_pyfile.py::test_a_module_that_a_tool_of_its_own_lacks",),
    ),
    Fault(
        "second-signal-unheard",
        "a second signal ends an agent at once",
        {"chatixia.assembly.run.running:_signals": deaf_once_stopping},
        ("tests/assembly/run/test_running.py::test_a_second_signal_ends_at_once[15]",),
    ),
    Fault(
        "loose-openapi",
        "OpenAPI's own validator finds nothing",
        {"chatixia.registry.web.openapi:_parameter": loose},
        ("tests/registry/web/test_openapi.py::test_a_strangers_validator_finds_nothing",),
    ),
    Fault(
        "holder-by-its-file",
        "a lock names who really holds it",
        {"chatixia.assembly.profile.lock:_openers": always([])},
        ("tests/assembly/profile/test_lock.py::test_a_child_that_outlives_the_holder",),
    ),
    Fault(
        "cancels-for-nobody",
        "all that one submitter has queued is canceled, in steps",
        {"chatixia.cli.cancel:party": always("")},
        ("tests/cli/test_cancel.py::test_all_from_one_are_canceled_in_steps_and_no_others",),
    ),
    Fault(
        "short-day",
        "a submitted task waits a day for whoever is away",
        {"chatixia.client.mesh:_millis": always(300_000)},
        ("tests/client/test_task.py::test_a_submitted_task_has_a_day",),
    ),
    Fault(
        "start-it-anywhere",
        "who has no registry is not told to start it",
        {"chatixia.assembly.error_text:_runs_here": always(True)},
        ("tests/assembly/test_error_text.py::test_who_has_no_registry_is_not_told_to_start_it",),
    ),
    Fault(
        "timeout-everywhere",
        "a cure fits where it is read",
        {"chatixia.assembly.error_text:_longer": always("Give it longer with --timeout SECONDS.")},
        ("tests/assembly/test_error_text.py::test_a_cure_fits_where_it_is_read",),
    ),
    Fault(
        "class-for-a-cause",
        "a registry's silence is said in words",
        {"chatixia.peer.control.reason:reason": by_class},
        ("tests/peer/control/test_reason.py::test_a_cause_in_words",),
    ),
    Fault(
        "no-other-mesh",
        "a machine that is in another mesh is not said to be in none",
        {"chatixia.assembly.profile.profile:profiles": always([])},
        ("tests/assembly/profile/test_profile.py::test_who_is_in_another_mesh_hears_of_it",),
    ),
    Fault(
        "flat-help",
        "a skill's help shows the fields inside its arguments",
        {"chatixia.cli.schema_rows:_below": always(())},
        ("tests/cli/test_schema_rows.py::test_nested_fields_stand_below_their_argument",),
    ),
    Fault(
        "any-beginning",
        "a task is never taken for another whose id begins alike",
        {"chatixia.cli.tasks:MAX_CANDIDATES": value(0)},
        ("tests/cli/test_tasks.py::test_a_task_is_named_by_a_unique_beginning",),
    ),
    Fault(
        "endless-scroll",
        "a watched list is painted over on a terminal",
        {"chatixia.cli.output:repaint": printing},
        ("tests/cli/test_agents.py::test_a_terminal_is_repainted_and_a_pipe_gets_lines",),
    ),
    Fault(
        "work-in-vain",
        "nobody is left work that it cannot do",
        {"chatixia.cli.call:refuse_unknown": always(None)},
        ("tests/cli/test_call.py::test_nobody_is_left_work_that_it_cannot_do",),
    ),
    Fault(
        "closed-streams",
        "a closed standard stream is a sentence",
        {"chatixia.cli.streams:prepare": always(None)},
        ("tests/cli/test_streams.py::test_streams_that_are_closed_full_or_left",),
    ),
    Fault(
        "no-text",
        "a word that is no text is refused before anything is sent",
        {"chatixia.cli.failure:refuse_no_text": always(None)},
        ("tests/cli/test_streams.py::test_words_that_are_no_text[words0]",),
    ),
    Fault(
        "folder-called-tilde",
        "who has no home gets no folder called ~",
        {"chatixia.assembly.profile.files:expanded": same},
        ("tests/cli/test_streams.py::test_a_user_without_a_home",),
    ),
    Fault(
        "silent-link",
        "-v says what a link does",
        {"chatixia.peer.links.trace:LinkTrace.end": always(None)},
        ("tests/peer/links/test_trace.py::test_v_says_what_a_link_does",),
    ),
    Fault(
        "no-cause",
        "a call that no link takes names the likely cause",
        {"chatixia.core.route:because": first_given},
        ("tests/peer/sessions/test_router.py::test_who_gets_no_link_hears_the_likely_cause",),
    ),
    Fault(
        "unlogged-calls",
        "run -v logs a line per call served",
        {"chatixia.agent.runtime:logged": unlogged},
        ("tests/agent/test_served_log.py::test_a_line_for_each_call_served",),
    ),
    Fault(
        "forgotten-while-away",
        "who stopped stays in the list while work waits for it",
        {"chatixia.store.control.task_store:TaskStore.waiting_for": no_work},
        ("tests/cli/test_agents.py::test_who_stopped_stays_in_the_list_while_work_waits",),
    ),
]
