"""Decoding: bounds before shape, coded refusals, and nothing else ever."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.errors import BadRequest, MeshError, TooLarge, UnknownType
from chatixia.wire import base, signaling

READ = base.decoder(signaling.FromAgent)


def test_size_is_judged_before_anything_else():
    with pytest.raises(TooLarge):
        base.decode(READ, b"{" * 101, 100)


def test_what_fits_is_one_thing_at_least():
    assert [base.fitting(["abc"] * 3, room) for room in (0, 6, 11, 12, 18)] == [1, 1, 1, 2, 3]
    assert base.fitting([], 5) == 0


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"type":"nope"}', UnknownType),
        (b'{"type":', BadRequest),
        (b'{"type":"register"}', BadRequest),
        (b'{"type":"register","peer_id":5}', BadRequest),
        (b"[]", BadRequest),
        (b"\xff\xfe", BadRequest),
        (b'{"type":"verb","id":"1","verb":"x","body":' + b"[" * 100_000, BadRequest),
    ],
)
def test_refusals_have_codes(data: bytes, kind: type[MeshError]):
    with pytest.raises(kind) as caught:
        base.decode(READ, data, 1_000_000)
    assert type(caught.value) is kind


def test_unknown_fields_are_ignored():
    read = base.decode(READ, b'{"type":"ping","id":"1","later":{"x":[1]}}', 100)
    assert read == signaling.Ping("1")


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_coded_errors(data: bytes):
    try:
        base.decode(READ, data, 150)
    except MeshError:
        return


def test_defaults_of_raw_fields():
    assert bytes(base.empty()) == b"{}"
    assert bytes(base.null()) == b"null"
    assert base.encode(msgspec.Raw(b"1")) == b"1"
