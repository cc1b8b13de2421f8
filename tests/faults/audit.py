"""Planted faults of the audit log.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

STORE = "tests/store/control/test_audit.py"
READER = "tests/assembly/people/test_audit.py"


def afterwards(original: Any) -> Any:
    """Write the act, and its line with some later write or never."""

    async def write(self: Any, run: Any, *args: Any, **more: Any) -> Any:
        from chatixia.store.control.audit import acting

        with acting(None):
            return await original(self, run, *args, **more)

    return write


def unlinked(original: Any) -> Any:
    """A line's hash is over the line alone."""
    return lambda before, line: original("", line)


def trusting(original: Any) -> Any:
    """See only what comes, never what should have come."""

    def end(self: Any, head: Any) -> None:
        return None

    return end


def forgetful(original: Any) -> Any:
    """Remember nothing of the last reading."""

    def seen(self: Any) -> Any:
        from chatixia.wire.audit import AuditMark

        return AuditMark()

    return seen


def unindexed(original: Any) -> Any:
    """Look through every line for those that are asked for."""
    return lambda oldest, filters: original(oldest, tuple(f"+{name}" for name in filters)).replace(
        ":+", ":"
    )


def reading_first(original: Any) -> Any:
    """Be there to be woken only once it was read."""

    async def read(self: Any, key: str, seconds: float, read: Any, is_waiting: Any) -> Any:
        answer = await read()
        if seconds and is_waiting(answer):
            with self._registered(key) as changed:
                await self._wait(changed, seconds)
            answer = await read()
        return answer

    return read


FAULTS = [
    Fault(
        "person-unrecorded",
        "each act of a person in the whole suite is a line of the log",
        {"chatixia.registry.verbs:entry_of": always(None)},
        (
            "tests/registry/people/test_people.py::test_another_role_holds_at_once",
            "tests/registry/test_roles.py::test_the_socket_judges_as_the_routes_do[admin]",
        ),
    ),
    Fault(
        "change-missed",
        "who waits hears of what changed while it was read",
        {"chatixia.registry.waiters:Waiters.read": reading_first},
        (
            "tests/registry/test_waiters.py::test_a_change_while_it_is_read_is_not_missed",
            "tests/registry/test_audit.py::test_a_line_that_comes_while_the_log_is_read_is_not_waited_for",
        ),
    ),
    Fault(
        "audit-read-whole",
        "what is looked for in a long log is found by an index",
        {"chatixia.store.control.audit_store:statement": unindexed},
        (f"{STORE.replace('.py', '_store.py')}::test_what_is_looked_for_is_found_by_an_index",),
    ),
    Fault(
        "act-without-line",
        "no act stands without its line, in the same transaction",
        {"chatixia.store.control.access:StoreAccess.write": afterwards},
        (
            f"{STORE}::test_a_line_stands_with_the_first_write_of_its_act_and_with_no_other",
            "tests/registry/test_audit.py::test_joining_keys_and_revocations_are_lines",
        ),
    ),
    Fault(
        "acts-unaudited",
        "what owner, people and strangers do is recorded",
        {"chatixia.registry.verbs:entry_of": always(None)},
        (
            "tests/registry/test_verbs.py::test_an_act_that_writes_nothing_is_recorded_by_itself_and_a_refused_one_is_not",
            "tests/registry/test_audit.py::test_joining_keys_and_revocations_are_lines",
            "tests/cli/test_audit.py::test_what_was_done_is_shown",
        ),
    ),
    Fault(
        "audit-unlinked",
        "a line's hash covers the one before it",
        {"chatixia.core.audit:line_hash": unlinked},
        (
            "tests/core/test_audit.py::test_a_line_that_was_changed_with_its_own_hash_breaks_the_next",
        ),
    ),
    Fault(
        "audit-cut-short",
        "lines that are missing at the end are noticed",
        {"chatixia.core.audit:AuditCheck.end": trusting},
        (
            "tests/core/test_audit.py::test_a_removed_line_is_noticed_wherever_it_stood",
            f"{READER}::test_a_removed_or_changed_line_is_noticed",
        ),
    ),
    Fault(
        "audit-unremembered",
        "a log that was written anew is noticed",
        {"chatixia.assembly.people.audit:AuditReader._anchor": forgetful},
        (f"{READER}::test_a_log_written_anew_is_noticed_by_who_read_it_before",),
    ),
]
