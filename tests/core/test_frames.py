"""Frames and fragments as bytes, and what is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from chatixia.core import frames
from chatixia.core.frames import CHUNK, Fragment
from chatixia.errors import BadRequest, DeadlineExceeded, TooLarge
from chatixia.wire import messages as m
from chatixia.wire.peer import FRAME_TARGET, MAX_MESSAGE, TaskRequest, TaskResponse

text = st.text(min_size=1, max_size=60)


@given(text, text, st.lists(text, max_size=8), st.integers(0, 2**40))
def test_the_template_of_a_request_is_its_encoding(rid, skill, path, millis):
    made = frames.task_request(
        rid, skill, b'{"a":1}', millis, path=tuple(path), traceparent=rid, flags=b',"stream":true'
    )
    want = m.TaskAsk(
        request_id=rid,
        deadline_ms=millis,
        path=tuple(path),
        traceparent=rid,
        payload=TaskRequest(skill, Raw(b'{"a":1}'), stream=True),
    )
    assert made == frames.encode(want)


@given(text)
def test_the_template_of_a_response_is_its_encoding(rid):
    want = m.TaskAnswer(request_id=rid, payload=TaskResponse(Raw(b"[1]")))
    assert frames.task_response(rid, b"[1]") == frames.encode(want)


def test_a_frame_is_its_messages_joined():
    parts = [frames.task_request("r1", "s", b"{}", 5), frames.task_response("r2", b"1")]
    frame, inside = frames.read_frame(frames.write_frame(7, 6, parts))
    assert (frame.s, frame.a) == (7, 6)
    assert [type(each) for each in inside] == [m.TaskAsk, m.TaskAnswer]


def test_one_bad_message_spoils_no_other():
    good = frames.task_response("r", b"1")
    bad = [b'{"type":"nope","request_id":"x"}', b'{"type":"task_request"}', b"7"]
    _, inside = frames.read_frame(frames.write_frame(1, 0, [good, *bad, good]))
    assert [type(each) for each in inside] == [m.TaskAnswer, *[m.Unread] * 3, m.TaskAnswer]
    assert [each.error.code for each in inside[1:4]] == [
        "unknown_type",
        "bad_request",
        "bad_request",
    ]
    assert inside[1].request_id == "x"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused(data):
    for read in (frames.read_frame, frames.read_fragment):
        with contextlib.suppress(BadRequest):
            read(data)


@given(st.binary(min_size=1, max_size=50), st.integers(1, 2**53), st.integers(0, 2**53))
def test_fragments_come_back(data, s, a):
    piece = Fragment(s, a, 2**32 - 1, 3, 9, data)
    assert frames.read_fragment(frames.write_fragment(piece)) == piece


@pytest.mark.parametrize(("i", "n"), [(0, 0), (2, 2), (0, 2**31)])
def test_a_fragment_whose_header_lies_is_refused(i, n):
    with pytest.raises(BadRequest):
        frames.read_fragment(frames.write_fragment(Fragment(1, 0, 1, i, n, b"x")))


def test_a_full_fragment_is_a_full_frame():
    assert len(frames.write_fragment(Fragment(1, 0, 1, 0, 1, b"x" * CHUNK))) == 16 * 1024


def test_the_bound_of_a_message_is_named():
    assert frames.bounded(b"x") == b"x"
    with pytest.raises(TooLarge, match="16 MiB"):
        frames.bounded(bytes(MAX_MESSAGE + 1))


def test_an_error_travels_whole():
    error = DeadlineExceeded("late", agent="b", via="direct")
    _, (back,) = frames.read_frame(
        frames.write_frame(1, 0, [frames.error_response(m.TaskAnswer, "r", error)])
    )
    assert back.error == error.to_wire()


def test_what_goes_again_says_what_is_acknowledged_by_now():
    parts = [frames.task_response("r", b"1")]
    assert frames.with_ack(frames.write_frame(3, 1, parts), 12) == frames.write_frame(3, 12, parts)
    old, new = (frames.Fragment(3, a, 4, 0, 2, b"piece") for a in (1, 2**40))
    assert frames.with_ack(frames.write_fragment(old), 2**40) == frames.write_fragment(new)


def test_a_frame_takes_what_fits_and_at_least_one_message():
    half = (b"x" * (FRAME_TARGET // 2), None)
    assert frames.count_that_fits([half]) == 1
    assert frames.count_that_fits([half] * 3) == 2
    assert frames.count_that_fits([(b"x" * 2 * FRAME_TARGET, None), half]) == 1
