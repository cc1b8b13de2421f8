"""Relay messages: the header frozen to the byte, sizes by kind, and what is malformed refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.errors import BadRequest, MeshError, TooLarge, UnknownType
from chatixia.wire.relay import (
    MAX_RELAY_DATA,
    RelayHeader,
    RelayKind,
    RelayReason,
    close_message,
    credit_message,
    credit_of,
    data_message,
    read_header,
    restamp,
    write_header,
)
from tests.wire.golden import GOLDEN

STORED = json.loads((GOLDEN / "relay.json").read_text(encoding="utf-8"))


def test_golden_data():
    peer, attempt, data, text = STORED["data"]
    message = bytes.fromhex(text)
    assert data_message(peer, attempt, bytes.fromhex(data)) == message
    header = read_header(message)
    assert header == RelayHeader(RelayKind.DATA, peer, attempt, header.start)
    assert message[header.start :].hex() == data


def test_golden_credit():
    peer, attempt, total, text = STORED["credit"]
    message = bytes.fromhex(text)
    assert credit_message(peer, attempt, total) == message
    header = read_header(message)
    assert (header.kind, header.peer, header.attempt) == (RelayKind.CREDIT, peer, attempt)
    assert credit_of(message, header) == total


def test_golden_close():
    peer, attempt, reason, text = STORED["close"]
    message = bytes.fromhex(text)
    assert close_message(peer, attempt, RelayReason(reason)) == message
    header = read_header(message)
    assert (header.kind, header.peer, header.attempt) == (RelayKind.CLOSE, peer, attempt)
    assert message[header.start] == reason


def test_kinds_and_reasons_are_frozen():
    assert {each.name: each.value for each in RelayKind} == {"DATA": 1, "CREDIT": 2, "CLOSE": 3}
    names = ["BYE", "UNKNOWN_STREAM", "OVER_CREDIT", "LIMITS", "PEER_LEFT"]
    assert [each.name for each in RelayReason] == names
    assert [each.value for each in RelayReason] == [0, 1, 2, 3, 4]


def test_the_registry_puts_the_source_in_the_place_of_the_target():
    message = data_message("bob", 3, b"abc")
    passed = restamp(message, read_header(message), "a-longer-name")
    assert passed == data_message("a-longer-name", 3, b"abc")


def test_a_reason_that_is_not_known_here_is_read():
    message = close_message("bob", 3, RelayReason.BYE)[:-1] + b"\xff"
    assert message[read_header(message).start] == 255


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"\x01\x03bo",
        write_header(RelayKind.DATA, "bob", 3),
        write_header(RelayKind.CREDIT, "bob", 3) + bytes(7),
        write_header(RelayKind.CREDIT, "bob", 3) + bytes(9),
        write_header(RelayKind.CLOSE, "bob", 3),
        write_header(RelayKind.CLOSE, "bob", 3) + bytes(2),
        b"\x01\x00" + bytes(5),
        b"\x01\x03\xffob" + bytes(5),
        b"\x01\x03B/b" + bytes(5),
        b"\x01\x40" + b"b" * 64 + bytes(5),
    ],
)
def test_a_malformed_message_is_refused(message: bytes):
    with pytest.raises(BadRequest):
        read_header(message)


def test_an_unknown_kind_is_refused_by_its_code():
    with pytest.raises(UnknownType):
        read_header(b"\x09\x03bob" + bytes(5))


def test_more_data_than_one_message_may_carry_is_refused():
    assert read_header(data_message("bob", 3, bytes(MAX_RELAY_DATA))).kind is RelayKind.DATA
    with pytest.raises(TooLarge):
        read_header(data_message("bob", 3, bytes(MAX_RELAY_DATA + 1)))


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_coded_error(message: bytes):
    try:
        header = read_header(message)
    except MeshError:
        return
    assert write_header(header.kind, header.peer, header.attempt) == message[: header.start]
