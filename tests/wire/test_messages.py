"""Each message typed whole, and what cannot be read."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.wire import messages as m
from chatixia.wire.base import encode
from chatixia.wire.peer import MESSAGE_TYPES, MeshMessage

envelope = msgspec.json.Decoder(MeshMessage)
LEAST = {
    "task_request": b'{"skill":"s"}',
    "task_stream_chunk": b'{"n":0}',
    "agent_stream_chunk": b'{"n":0}',
    "progress": b'{"fraction":0.5}',
    "credit": b'{"link":5}',
}


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
def test_every_type_of_the_table_has_a_struct_and_the_envelopes_bytes(kind):
    payload = LEAST.get(kind, b"{}")
    data = b'{"type":"%b","request_id":"r","payload":%b}' % (kind.encode(), payload)
    found = m.read(data)
    assert found.__struct_config__.tag == kind
    again = envelope.decode(encode(found))
    assert (again.type, again.request_id) == (kind, "r")


@pytest.mark.parametrize(
    ("data", "code", "rid"),
    [
        (b'{"type":"gossip","request_id":"r7"}', "unknown_type", "r7"),
        (b'{"type":"task_request","request_id":"r8","payload":7}', "bad_request", "r8"),
        (b'{"type":"task_request","request_id":"r9"}', "bad_request", "r9"),
        (b'{"type":"ping","request_id":5}', "bad_request", ""),
        (b"[1]", "bad_request", ""),
        (b"\xff\xfe", "bad_request", ""),
    ],
)
def test_what_cannot_be_read_says_why_and_to_whom(data, code, rid):
    found = m.read(data)
    assert isinstance(found, m.Unread)
    assert (found.error.code, found.request_id) == (code, rid)


def test_nesting_is_no_attack():
    for depth in (100, 100_000):
        deep = b"[" * depth + b"]" * depth
        assert isinstance(m.read(b'{"type":"ping","x":' + deep + b"}"), m.PingAsk | m.Unread)
        assert isinstance(m.read(b'{"type":"ping","request_id":' + deep + b"}"), m.Unread)


def test_unknown_fields_are_ignored():
    assert isinstance(m.read(b'{"type":"cancel","request_id":"r","new":{"a":1}}'), m.CancelTell)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_unread(data):
    m.read(data)
