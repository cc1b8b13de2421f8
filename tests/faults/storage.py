"""Planted faults of bytes and disks: what may be kept, where it lies, how much of it.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from .breaks import Fault, always

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
        {"chatixia.registry.live.door:Door._writer_ended": always(None)},
        ("tests/registry/live/test_door.py::test_a_login_that_nothing_reaches_is_not_listed",),
    ),
]
