"""Planted faults of what the registry relays: streams, credit, turns, rates.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

TABLE = "tests/core/test_relay_table.py"
LIMITS = "tests/core/test_relay_limits.py"
QUEUE = "tests/registry/live/test_relay_queue.py"
STREAMS = "tests/registry/live/test_relay_streams.py"
SOCKET = "tests/registry/live/test_socket.py"
ENDPOINT = "tests/registry/live/test_endpoint.py"
STALLED = "test_a_reader_that_does_not_read_costs_its_senders_streams_and_nobody_a_login"


def of_anybody(original: Any) -> Any:
    """Take a message for any stream of its target."""

    def find(self: Any, one: str, other: str, attempt: int) -> Any:
        of_other = [s for s in self._streams.values() if other in s.pair and s.attempt == attempt]
        for stream in of_other:
            stream.flows.setdefault(one, stream.flows[other])
        return of_other[0] if of_other else None

    return find


def unasked(original: Any) -> Any:
    """Open a stream that only one end wants."""

    def ready(self: Any, source: str, target: str, attempt: int) -> Any:
        for stream in self._streams.values():
            stream.openers |= set(stream.pair)
        return original(self, source, target, attempt)

    return ready


def believing(original: Any) -> Any:
    """Pass on whatever a receiver promises."""

    def credit(self: Any, total: int, window: int) -> Any:
        return original(self, total, 2**63)

    return credit


def endless(original: Any) -> Any:
    """Keep whatever comes for a slow reader."""

    def put(self: Any, holder: str, item: Any) -> bool:
        self.put_always(holder, item)
        return True

    return put


def in_one_line(original: Any) -> Any:
    """Serve in the order in which it came, whoever sent it."""

    def put(self: Any, holder: str, item: Any) -> Any:
        return original(self, "all", item)

    return put


def before_text(original: Any) -> Any:
    """Write all of the relay before the next text."""

    async def write(self: Any, relayed: Any) -> None:
        while (message := relayed.pop()) is not None:
            await self._send({"type": "websocket.send", "bytes": message})

    return write


def overtaking(original: Any) -> Any:
    """Read what comes now, whatever waits for its turn."""

    def take(self: Any, message: bytes) -> bool:
        self._read(message)
        return True

    return take


def at_the_login(original: Any) -> Any:
    """Close the login of whoever sends a wrong message."""

    def refuse(self: Any, sender: Any, error: Any) -> None:
        original(self, sender, error)
        sender.close(1008, "wrong")

    return refuse


def without_its_end(original: Any) -> Any:
    """Close a stream and say so to nobody."""

    def tell(self: Any, stream: Any, end: str, message: bytes) -> None:
        pass

    return tell


def by_number(original: Any) -> Any:
    """Make the window smaller for each stream there is, whoever reads how fast."""

    def window(self: Any, receiver: str, waiting: int) -> Any:
        return original(self, receiver, 2**40)

    return window


FAULTS: list[Fault] = [
    Fault(
        "relay-of-anybody",
        "the relay carries a message only for the two ends of its stream",
        {"chatixia.core.relay_table:RelayTable.find": of_anybody},
        (
            f"{STREAMS}::test_data_without_a_stream_or_for_anothers_is_refused_and_reaches_nobody",
            f"{TABLE}::test_a_stream_is_open_once_the_asked_end_is_ready",
        ),
    ),
    Fault(
        "relay-unasked",
        "a relay stream is what both ends want",
        {"chatixia.core.relay_table:RelayTable.ready": unasked},
        (
            f"{STREAMS}::test_a_ready_that_nobody_waits_for_makes_no_stream",
            f"{TABLE}::test_a_stream_is_open_once_the_asked_end_is_ready",
        ),
    ),
    Fault(
        "relay-without-credit",
        "a relay stream over its credit is closed",
        {"chatixia.core.relay_table:RelayFlow.take": always(True)},
        (
            f"{STREAMS}::test_over_its_credit_a_stream_is_closed_and_nothing_else",
            f"{TABLE}::test_a_sender_has_the_first_window_and_then_what_the_receiver_allows",
        ),
    ),
    Fault(
        "relay-believes-receivers",
        "no promise of a receiver makes more wait at the registry than a window",
        {"chatixia.core.relay_table:RelayFlow.credit": believing},
        (
            f"{STREAMS}::test_credit_that_a_receiver_promises_and_does_not_take_brings_no_more",
            f"{TABLE}::test_no_promise_of_a_receiver_makes_more_than_a_window_wait",
        ),
    ),
    Fault(
        "relay-window-by-number",
        "streams that lie idle make nobody's window smaller",
        {"chatixia.core.relay_table:RelayTable.window": by_number},
        (f"{TABLE}::test_who_is_slow_and_has_many_streams_has_a_smaller_window_for_each",),
    ),
    Fault(
        "relay-keeps-all",
        "what the relay keeps for slow readers is bounded and shared",
        {"chatixia.registry.live.relay_queue:RelayQueue.put": endless},
        (
            f"{QUEUE}::test_one_machine_fills_three_quarters_and_others_have_the_rest",
            f"{QUEUE}::test_all_queues_share_a_total",
            f"{STREAMS}::{STALLED}",
        ),
    ),
    Fault(
        "relay-in-one-line",
        "machines take turns at the relay",
        {"chatixia.registry.live.relay_queue:RelayQueue.put": in_one_line},
        (f"{QUEUE}::test_machines_take_turns_and_each_keeps_its_order",),
    ),
    Fault(
        "relay-before-verbs",
        "verbs and pushes go before what the relay has for a socket",
        {"chatixia.registry.live.socket:Socket._write_relayed": before_text},
        (
            f"{SOCKET}::test_text_goes_before_each_message_of_the_relay",
            f"{STREAMS}::{STALLED}",
        ),
    ),
    Fault(
        "relay-overtakes",
        "what the relay reads at once overtakes nothing, and takes its turn",
        {"chatixia.registry.live.endpoint:MessageReader.take": overtaking},
        (f"{ENDPOINT}::test_a_message_read_at_once_does_not_overtake_one_that_waits_for_its_turn",),
    ),
    Fault(
        "relay-at-any-rate",
        "the relay has a rate for each machine and pair, and for all",
        {
            "chatixia.core.relay_limits:RelayRates.wait": always(0.0),
            "chatixia.core.rates:ByteRate.ready": always(True),
        },
        (
            f"{LIMITS}::test_a_machine_sends_at_its_rate_whatever_pairs_it_has",
            f"{LIMITS}::test_a_pair_sends_at_its_rate_both_ways_together",
            f"{LIMITS}::test_all_together_send_at_the_total",
            f"{LIMITS}::test_what_is_taken_at_once_is_within_every_rate_or_costs_nothing",
            f"{QUEUE}::test_above_its_rate_a_machine_waits_and_others_do_not",
        ),
    ),
    Fault(
        "relay-closes-logins",
        "a wrong message of the relay costs nobody the login",
        {"chatixia.registry.live.relay_streams:RelayStreams._refuse": at_the_login},
        (f"{STREAMS}::test_what_is_no_message_of_the_relay_is_refused_and_the_login_lives",),
    ),
    Fault(
        "relay-ends-unsaid",
        "whose stream ends hears of it, also where the other login is over",
        {"chatixia.registry.live.relay_streams:RelayStreams._tell_end": without_its_end},
        (
            f"{STREAMS}::test_the_end_of_a_login_ends_its_streams_behind_what_it_sent",
            f"{STREAMS}::test_a_third_stream_of_a_pair_ends_its_first",
        ),
    ),
    Fault(
        "relay-outlives-logins",
        "a login that ends takes its relay streams along",
        {"chatixia.core.relay_table:RelayTable.end_all": always([])},
        (
            f"{TABLE}::test_a_login_that_ends_takes_its_streams_along",
            f"{STREAMS}::test_the_end_of_a_login_ends_its_streams_behind_what_it_sent",
        ),
    ),
]
