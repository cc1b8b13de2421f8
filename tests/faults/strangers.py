"""Planted faults of what has proved nothing: connections, half requests, guesses.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, same, value

JOINING = "tests/registry/trust/test_joining.py"


def uncounted_only(original: Any) -> Any:
    """Count a closed connection no more, and leave all that it refers to."""
    return lambda self: self._all.remove(self.key)


def judged_first(original: Any) -> Any:
    """Look at the address's failures before the credential."""

    async def begin(self: Any, call: Any, request: Any) -> Any:
        self._failures.check(call.address)
        return await original(self, call, request)

    return begin


def kept_out(original: Any) -> Any:
    """Refuse a newcomer while too many nonces are open."""

    def give(self: Any) -> str:
        from chatixia.errors import Overloaded
        from chatixia.registry.trust import nonces

        if len(self._open) >= nonces.MAX_NONCES:
            raise Overloaded
        return str(original(self))

    return give


def longest(original: Any) -> Any:
    """The address that has been here longest loses, whatever it holds."""

    def first(self: Any, now: float) -> Any:
        return next(iter(self._connections))

    return first


def unheeded(original: Any) -> Any:
    """Heads of any length."""

    def received(self: Any, data: bytes) -> None:
        self._head = -(10**9)
        original(self, data)

    return received


def at_once(original: Any) -> Any:
    """Hand a connection to the parser at its first byte."""

    def received(self: Any, data: bytes) -> None:
        if not self._whole:
            self._whole = True
            self._connection.ready()
        original(self, data)

    return received


def trusted(original: Any) -> Any:
    """Whoever has said a request has proved itself."""

    def begin(self: Any) -> None:
        original(self)
        self.connection.proved()

    return begin


def total_first(original: Any) -> Any:
    """Take from what all share before the source is looked at."""

    def received(self: Any, data: bytes, addr: Any) -> None:
        if self._all.take(self._world.monotonic()):
            original(self, data, addr)

    return received


ADMISSION = "tests/core/test_admission.py"
PROTOCOLS = "tests/registry/web/test_protocols.py"
ACCEPTOR = "tests/registry/web/test_acceptor.py"
STUN = "tests/registry/live/test_stun.py"
COUNTED = "tests/registry/web/test_unproved.py"
UNPROVED = (
    "tests/acceptance/test_unproved.py::test_an_honest_login_join_and_health_check_pass_each_attack"
)

FAULTS: list[Fault] = [
    Fault(
        "refusal-kept-whole",
        "what is remembered of a link that broke does not hold its connection",
        {"chatixia.core.route:copy": same},
        (
            "tests/peer/sessions/test_listener.py::test_what_is_remembered_of_a_refusal_holds_nothing_that_it_passed",
        ),
    ),
    Fault(
        "connection-kept",
        "what a closed connection held is freed at once",
        {"chatixia.registry.web.unproved:UnprovedConnection.closed": uncounted_only},
        (f"{COUNTED}::test_what_a_closed_connection_held_waits_for_no_collection[]",),
    ),
    Fault(
        "guess-judged-first",
        "wrong join strings never stop an honest join",
        {"chatixia.registry.trust.joining:JoinService.begin": judged_first},
        (
            f"{JOINING}::test_wrong_join_strings_never_stop_an_honest_join",
            f"{UNPROVED}[wrong join strings-a tenth]",
        ),
    ),
    Fault(
        "nonces-run-out",
        "who asks for nonces and uses none keeps nobody out",
        {"chatixia.registry.trust.nonces:Nonces.give": kept_out},
        ("tests/registry/trust/test_nonces.py::test_their_number_is_bounded",),
    ),
    Fault(
        "no-share",
        "past its share an address loses its oldest, and no other does",
        {"chatixia.core.admission:Admission._share": always(10**6)},
        (
            f"{ADMISSION}::test_past_its_share_an_address_loses_its_oldest",
            f"{ADMISSION}::test_loopback_has_a_larger_share_and_is_not_exempt",
            f"{ACCEPTOR}::test_idle_lines_of_an_address_past_its_share_make_room",
        ),
    ),
    Fault(
        "oldest-of-all",
        "past the total the oldest of the address with most goes first",
        {"chatixia.core.admission:Admission._first_to_go": longest},
        (f"{ADMISSION}::test_past_the_total_the_address_with_most_loses_its_oldest",),
    ),
    Fault(
        "no-reserve",
        "an address from which a member logged in within a day has a reserve",
        {"chatixia.core.admission:Admission._remember": always(None)},
        (
            f"{ADMISSION}::test_an_address_of_a_member_has_a_reserve_for_a_day",
            f"{COUNTED}::test_a_login_leaves_the_count_and_gives_its_address_a_reserve",
        ),
    ),
    Fault(
        "no-turns",
        "what has proved nothing is served within its address's rate",
        {"chatixia.core.rates:TokenBucket.take": always(True)},
        (
            f"{ADMISSION}::test_turns_are_the_addresses_own_and_within_their_rate",
            f"{ACCEPTOR}::test_above_the_rate_a_request_waits_for_its_turn",
        ),
    ),
    Fault(
        "time-without-end",
        "what has proved nothing has ten seconds, with the TLS handshake in them",
        {"chatixia.core.admission:Admission.overdue": always([])},
        (
            f"{PROTOCOLS}::test_what_is_not_whole_in_time_is_answered_408",
            f"{ADMISSION}::test_time_runs_from_the_beginning_and_anew_for_the_next_request",
        ),
    ),
    Fault(
        "head-without-end",
        "a request line and its headers are at most 64 KiB",
        {
            "chatixia.registry.web.protocols:HttpProtocol.data_received": unheeded,
            "chatixia.registry.web.acceptor:PendingArrival.data_received": at_once,
        },
        (f"{PROTOCOLS}::test_a_header_that_never_ends_is_cut_at_64_kib",),
    ),
    Fault(
        "pipeline-without-end",
        "requests that wait behind one another are bounded",
        {"chatixia.registry.web.protocols:MAX_PIPELINED": value(10**6)},
        (f"{PROTOCOLS}::test_requests_that_wait_behind_one_another_are_bounded",),
    ),
    Fault(
        "half-messages-uncounted",
        "half a message of a stranger counts as held",
        {"chatixia.core.admission:Admission.hold": always([])},
        (
            f"{PROTOCOLS}::test_half_a_first_message_counts_as_held",
            f"{ADMISSION}::test_past_the_bytes_those_that_hold_most_lose_the_oldest_that_holds_any",
        ),
    ),
    Fault(
        "a-request-is-proof",
        "only a credential that held proves anything",
        {"chatixia.registry.web.protocols:HttpProtocol.on_message_begin": trusted},
        (f"{PROTOCOLS}::test_what_is_not_whole_in_time_is_answered_408",),
    ),
    Fault(
        "stun-total-first",
        "the flood of one source takes no STUN answers from the others",
        {"chatixia.registry.live.stun:Stun.datagram_received": total_first},
        (f"{STUN}::test_the_flood_of_one_source_takes_nothing_from_the_others",),
    ),
]
