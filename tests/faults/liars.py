"""Planted faults about members and key holders that lie, never finish, or never read.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value

REQUESTS = "tests/registry/web/test_requests.py"
PROTOCOLS = "tests/registry/web/test_protocols.py"
FOLLOWING = "tests/registry/web/test_following.py"


def anybodys(original: Any) -> Any:
    """Let an error answer a verb whoever sent it."""

    def error(self: Any, said: Any) -> Any:
        said.peer_id = ""
        return original(self, said)

    return error


def endless(original: Any) -> Any:
    """Wait as long as it takes."""

    async def waited(doing: Any, *rest: Any) -> Any:
        return await doing

    return waited


def believing(original: Any) -> Any:
    """Believe a request for good once it was believed."""

    async def call(self: Any, request: Any, verb: Any) -> Any:
        if not hasattr(request.state, "call"):
            request.state.call = await original(self, request, verb)
        return request.state.call

    return call


FAULTS: list[Fault] = [
    Fault(
        "anybodys-error",
        "only the registry answers a verb",
        {"chatixia.peer.control.requests:VerbRequests.error": anybodys},
        ("tests/peer/control/test_requests.py::test_another_members_error_answers_no_verb",),
    ),
    Fault(
        "endless-members",
        "requests of members have a share, however little of them comes",
        {
            "chatixia.core.shares:Shares.take": always(True),
        },
        (
            f"{REQUESTS}::test_half_requests_of_one_machine_leave_room_for_others",
            f"{REQUESTS}::test_bytes_that_one_machine_announces_are_its_share",
        ),
    ),
    Fault(
        "logins-hold-all",
        "half messages and what is not read count for the share of their machine",
        {"chatixia.core.shares:ShareUse.take": always(True)},
        (
            "tests/registry/live/test_socket.py::test_what_waits_counts_for_the_share_of_its_machine_until_the_end",
        ),
    ),
    Fault(
        "parts-without-end",
        "a message of endless parts ends the login",
        {"chatixia.registry.web.protocols:MAX_PARTS": value(10**9)},
        (f"{PROTOCOLS}::test_a_message_of_endless_empty_parts_ends_the_login",),
    ),
    Fault(
        "replies-without-end",
        "a peer that makes an agent reply and takes no reply loses its path",
        {"chatixia.core.replies:ReplyBudget.add": always(None)},
        (
            "tests/core/test_replies.py::test_replies_that_the_peer_does_not_take_end_its_path[pings]",
            "tests/core/test_replies.py::test_an_answer_asked_for_again_and_again_is_bounded_too",
        ),
    ),
    Fault(
        "endless-body",
        "the body and the answer of a member's request have a time",
        {
            "chatixia.registry.web.requests:in_time": endless,
            "chatixia.registry.web.requests:written": endless,
        },
        (
            f"{REQUESTS}::test_a_body_that_never_ends_has_a_time",
            f"{REQUESTS}::test_an_answer_that_nobody_reads_ends_with_its_connection",
            f"{FOLLOWING}::test_a_stream_that_nobody_reads_ends",
        ),
    ),
    Fault(
        "checked-when-silent",
        "a wait and a stream end with the right to them, whether much comes or nothing",
        {"chatixia.registry.web.app:WebApplication._call": believing},
        (
            f"{FOLLOWING}::test_a_stream_that_is_never_silent_ends_with_the_right_to_it_as_well",
            f"{FOLLOWING}::test_a_wait_gives_nothing_to_a_right_that_ended_meanwhile",
        ),
    ),
]
