"""Planted faults of bytes and disks: what may be kept, where it lies, how much of it.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value


def few(original: Any) -> Any:
    """Count items alone."""

    def grew(self: Any, items: int, size: int) -> None:
        original(self, items, 0)

    return grew


def unchecked(original: Any) -> Any:
    """Take any name of a skill."""
    return lambda names, own: frozenset(names)


FAULTS: list[Fault] = [
    Fault(
        "bytes-unread",
        "what is not UTF-8 gets in at no door",
        {"chatixia.registry.requests:is_utf8": always(True)},
        (
            "tests/registry/test_requests.py::test_no_verb_takes_what_is_not_utf8",
            "tests/registry/test_service.py::test_bytes_that_are_no_text_are_refused_at_every_route",
        ),
    ),
    Fault(
        "deaf-login",
        "a login whose writer died is listed no longer",
        {"chatixia.registry.live.endpoint:WebSocketEndpoint._writer_ended": always(None)},
        ("tests/registry/live/test_endpoint.py::test_a_login_that_nothing_reaches_is_not_listed",),
    ),
    Fault(
        "log-by-count",
        "the write-ahead file stays bounded, however large what is written",
        {"chatixia.store.control.wal:Wal.grew": few},
        ("tests/store/control/test_wal.py::test_a_few_large_items_are_folded_back_too",),
    ),
    Fault(
        "database-gone",
        "nothing is acknowledged over a file that is gone or another's",
        {"chatixia.store.control.files:DatabaseFiles._look": always("")},
        (
            "tests/store/control/test_files.py::test_nothing_is_acknowledged_over_files_that_are_not_ours",
            "tests/registry/test_condition.py::test_a_database_that_is_gone_is_never_ready",
            "tests/acceptance/test_hub.py::test_a_registry_in_trouble_says_so",
        ),
    ),
    Fault(
        "another-folded",
        "closing touches no file that was put in the place of ours",
        {"chatixia.store.control.writer:leave_alone": always(None)},
        ("tests/store/control/test_files.py::test_closing_leaves_what_was_put_there_alone",),
    ),
    Fault(
        "silent-disk",
        "a disk that is nearly full is said before it is full",
        {"chatixia.registry.condition:Condition.trouble": always(None)},
        (
            "tests/registry/test_condition.py::test_each_change_is_logged_once",
            "tests/registry/test_condition.py::test_a_disk_that_fills_is_said_and_only_new_work_is_refused",
        ),
    ),
    Fault(
        "deaf-wait",
        "a plain client that waits or streams hears of its task",
        {"chatixia.registry.work.followers:Followers.tell": always(None)},
        (
            "tests/registry/work/test_followers.py::test_messages_come_in_order_to_whoever_follows",
            "tests/registry/web/test_following.py::test_a_submit_that_waits_brings_the_result",
        ),
    ),
    Fault(
        "slip-of-the-pen",
        "a skill left out by a wrong name is refused",
        {"chatixia.agent.builtin:disabled": unchecked},
        ("tests/cli/test_validate.py::test_what_run_refuses_is_named",),
    ),
    Fault(
        "no-events",
        "what docs/rest.md prints is what a client with curl gets",
        {"chatixia.registry.web.following:wants_events": always(False)},
        (
            "tests/registry/web/test_following.py::test_a_stream_says_what_happens_until_the_end",
            "tests/acceptance/test_rest_page.py::test_the_page_is_run_as_it_is_printed",
        ),
    ),
    Fault(
        "full-client",
        "a command that needs no disk works on a full one",
        {"chatixia.assembly.profile.files:no_room": always(False)},
        ("tests/acceptance/test_storage.py::test_commands_that_need_no_disk_work_on_a_full_one",),
    ),
    Fault(
        "full-by-one-name",
        "a full disk is known by each of the names that SQLite has for it",
        {"chatixia.assembly.profile.files:FULL_DATABASE": value(frozenset({"SQLITE_FULL"}))},
        (
            "tests/assembly/membership/test_enrol.py::test_a_client_that_was_here_before_comes_to_a_full_disk",
        ),
    ),
]
