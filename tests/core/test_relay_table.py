"""Which relay streams there are, and how many bytes of each may be on the way."""

from __future__ import annotations

import pytest

from chatixia.core.relay_table import (
    LEAST_WINDOW,
    MAX_ATTEMPT,
    READY_SECONDS,
    SOCKET_BYTES,
    RelayFlow,
    RelayParty,
    RelayTable,
    pair_of,
)
from chatixia.errors import BadRequest, Denied, NotFound, Overloaded
from chatixia.wire.relay import RELAY_WINDOW

A, B, C = (RelayParty(name, f"m{name}") for name in "abc")


def open_stream(table: RelayTable, one: RelayParty, other: RelayParty, attempt: int = 1) -> None:
    table.ask(one, other, attempt, 0.0)
    table.ready(other.id, one.id, attempt)


def test_a_stream_is_open_once_the_asked_end_is_ready():
    table = RelayTable(64)
    stream, oldest = table.ask(B, A, 3, 0.0)
    assert oldest is None and table.find("a", "b", 3) is None and len(table) == 1
    for source, target, attempt in (("b", "a", 3), ("a", "b", 4), ("c", "b", 3)):
        with pytest.raises(NotFound):
            table.ready(source, target, attempt)
    assert table.ready("a", "b", 3) is stream and table.find("b", "a", 3) is stream
    assert stream.pair == pair_of("b", "a") == ("a", "b") and stream.other("a") == "b"
    with pytest.raises(NotFound):
        table.ready("a", "b", 3)
    with pytest.raises(Denied):
        table.ask(A, B, 3, 0.0)
    table.end(stream)
    table.end(stream)
    assert table.find("a", "b", 3) is None and len(table) == 0 and table.shares.used == 0


def test_both_ends_may_ask_at_once():
    table = RelayTable(64)
    stream, _ = table.ask(A, B, 1, 0.0)
    again, _ = table.ask(B, A, 1, 0.0)
    assert again is stream and table.ready("a", "b", 1) is stream and len(table) == 1


def test_an_attempt_is_a_number_of_32_bits():
    table = RelayTable(64)
    for attempt in (-1, MAX_ATTEMPT + 1):
        with pytest.raises(BadRequest):
            table.ask(A, B, attempt, 0.0)
    assert table.ask(A, B, MAX_ATTEMPT, 0.0)


def test_a_pair_has_two_streams_and_the_oldest_goes_for_the_next():
    table = RelayTable(64)
    open_stream(table, A, B, 1)
    open_stream(table, B, A, 2)
    open_stream(table, A, C, 1)
    stream, oldest = table.ask(A, B, 3, 0.0)
    assert oldest is not None and oldest.attempt == 1 and oldest.ended and oldest.is_open
    assert not stream.ended and len(table) == 3 and table.find("a", "c", 1)


def test_what_is_only_asked_for_goes_before_what_is_open():
    table = RelayTable(64)
    open_stream(table, A, B, 1)
    table.ask(B, A, 2, 0.0)
    _, ended = table.ask(A, B, 3, 0.0)
    assert ended is not None and (ended.attempt, ended.is_open) == (2, False)
    assert table.find("a", "b", 1) and table.ready("b", "a", 3)


def test_a_stream_that_nobody_answers_is_forgotten():
    table = RelayTable(64)
    table.ask(A, B, 1, 0.0)
    open_stream(table, A, C)
    table.ask(A, B, 2, READY_SECONDS - 1)
    assert len(table) == 3
    table.ask(B, C, 1, READY_SECONDS)
    assert len(table) == 3 and table.find("a", "c", 1)
    with pytest.raises(NotFound):
        table.ready("b", "a", 1)


def test_machines_share_the_streams():
    table = RelayTable(64)
    greedy = [RelayParty(f"x{n}", "machine") for n in range(64)]
    with pytest.raises(Overloaded) as caught:
        for one in greedy:
            table.ask(one, A, 1, 0.0)
    assert caught.value.retry_after and table.shares.of("machine") == 48
    table.ask(B, A, 1, 0.0)
    assert len(table.end_all("a")) == 0 and len(table) == 0


def test_a_login_that_ends_takes_its_streams_along():
    table = RelayTable(64)
    open_stream(table, A, B)
    open_stream(table, C, A)
    open_stream(table, B, C)
    table.ask(B, A, 2, 0.0)
    assert {stream.other("a") for stream in table.end_all("a")} == {"b", "c"}
    assert len(table) == 1 and table.end_all("a") == []


def test_who_is_slow_and_has_many_streams_has_a_smaller_window_for_each():
    table = RelayTable(4096)
    for n in range(8):
        open_stream(table, RelayParty(f"x{n}", f"m{n}"), A)
    table.ask(B, A, 1, 0.0)
    assert table.window("a", SOCKET_BYTES) == RELAY_WINDOW == table.window("x0", SOCKET_BYTES)
    for n in range(8, 32):
        open_stream(table, RelayParty(f"x{n}", f"m{n}"), A)
    assert table.window("a", SOCKET_BYTES) == 2 * LEAST_WINDOW
    for n in range(32, 200):
        open_stream(table, RelayParty(f"x{n}", f"m{n}"), A)
    assert table.window("a", SOCKET_BYTES) == LEAST_WINDOW
    assert table.window("a", SOCKET_BYTES // 2) == RELAY_WINDOW, "who reads has no less"
    table.end_all("a")
    assert table.window("a", SOCKET_BYTES) == RELAY_WINDOW


def test_a_sender_has_the_first_window_and_then_what_the_receiver_allows():
    flow = RelayFlow("m")
    assert flow.take(RELAY_WINDOW) and not flow.take(1)
    assert not flow.write(1000, RELAY_WINDOW), "the receiver allowed nothing yet"
    assert flow.credit(RELAY_WINDOW + 1000, RELAY_WINDOW)
    assert flow.take(1000) and not flow.take(1)
    assert not flow.credit(5, RELAY_WINDOW) and flow.allowed == RELAY_WINDOW + 1000


def test_no_promise_of_a_receiver_makes_more_than_a_window_wait():
    flow = RelayFlow("m")
    assert not flow.credit(2**63, RELAY_WINDOW) and flow.take(RELAY_WINDOW)
    assert not flow.write(RELAY_WINDOW // 8, RELAY_WINDOW), "little by little is not told"
    assert flow.write(RELAY_WINDOW // 8, RELAY_WINDOW)
    assert flow.allowed - flow.written == RELAY_WINDOW


def test_the_last_of_what_is_allowed_is_told_however_little():
    flow = RelayFlow("m")
    flow.take(RELAY_WINDOW)
    assert not flow.credit(RELAY_WINDOW + 10, LEAST_WINDOW)
    assert not flow.write(RELAY_WINDOW - LEAST_WINDOW, LEAST_WINDOW)
    assert flow.write(LEAST_WINDOW, LEAST_WINDOW) and flow.allowed == RELAY_WINDOW + 10
