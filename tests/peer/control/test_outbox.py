"""The frames that wait for a login's socket."""

from __future__ import annotations

import msgspec

from chatixia.peer.control.outbox import (
    BATCH_BYTES,
    BATCH_ITEMS,
    OUTBOX_BYTES,
    OUTBOX_ITEMS,
    Outbox,
)


def test_one_frame_goes_as_it_is_and_several_as_an_array():
    outbox = Outbox()
    assert outbox.put(b'{"a":1}') and outbox.batch() == b'{"a":1}'
    assert outbox.put(b'{"a":1}') and outbox.put(b'{"b":2}')
    assert msgspec.json.decode(outbox.batch()) == [{"a": 1}, {"b": 2}]
    assert not outbox


def test_it_is_bounded_in_frames_and_in_bytes():
    outbox = Outbox()
    assert sum(outbox.put(b"1") for _ in range(OUTBOX_ITEMS + 9)) == OUTBOX_ITEMS == len(outbox)
    outbox.clear()
    assert outbox.put(b"1" * OUTBOX_BYTES) and not outbox.put(b"1")
    outbox.batch()
    assert outbox.put(b"1")


def test_an_array_is_bounded_in_frames_and_in_bytes():
    outbox = Outbox()
    for _ in range(BATCH_ITEMS + 1):
        outbox.put(b"1")
    assert len(msgspec.json.decode(outbox.batch())) == BATCH_ITEMS
    assert outbox.batch() == b"1"
    for _ in range(3):
        outbox.put(b"1" * BATCH_BYTES)
    assert len(outbox.batch()) == BATCH_BYTES
