"""One bad body harms one call: the link, its other calls and those to come go on."""

import pytest
from msgspec import Raw

from chatixia.core import frames
from chatixia.core.exchange import ServedRequest
from chatixia.core.ports import Outgoing
from chatixia.core.session import LINK_WINDOW, PeerSession
from chatixia.errors import BadRequest
from chatixia.wire import messages as m
from chatixia.wire.peer import TaskResponse
from tests.core.test_call import Pair, request

DEEP = b"[" * 200_000 + b"]" * 200_000
NO_JSON = [Raw(b"{"), Raw(b"nul"), Raw(b"]")]


def spoil(pair: Pair, good: bytes, bad: bytes) -> bytes:
    """The next frame of ``a``, as an older version would have sent it."""
    data = pair.a.session.build()
    assert data is not None
    pair.a.session.sent()
    return data.replace(good, bad)


@pytest.mark.parametrize("bad", [b'{"x":' + DEEP + b"}", b'{"x":}', b'{"x":1}]'])
def test_a_frame_that_cannot_be_read_ends_the_calls_in_it_and_no_other(bad: bytes):
    pair = Pair()
    before, served = pair.asked("before")
    spoilt, beside = pair.ask("spoilt"), pair.ask("beside")
    sink: list[object] = []
    pair.bytes(pair.b, spoil(pair, b'{"x":1}', bad), sink)
    assert sink == [] and pair.b.session.a == 2, "acknowledged, and nothing of it served"
    ended = pair.carry(pair.b, pair.a)
    assert ended == [spoilt, beside]
    for pending in ended:
        assert isinstance(pending.error, BadRequest) and pending.error.outcome == "unknown"
    assert not pair.a.session.unacked, "it never goes again"
    pair.b.answer(served, b"1")
    assert pair.carry(pair.b, pair.a) == [before]
    after, served = pair.asked("after")
    pair.b.answer(served, b"2")
    assert pair.carry(pair.b, pair.a) == [after] and after.error is None


def test_what_the_unread_calls_took_of_the_credit_comes_back():
    pair = Pair()
    body = b'{"x":"' + b"y" * 15_000 + b'"}'
    for turn in range(3 * LINK_WINDOW // len(body)):
        pending = pair.a.ask(Outgoing("b", "s", body), f"big{turn}", pair.now)
        pair.bytes(pair.b, spoil(pair, body, b"{"), [])
        assert pair.carry(pair.b, pair.a) == [pending]


def test_an_answer_that_cannot_be_read_ends_its_call_at_both_ends():
    pair = Pair()
    pending, served = pair.asked()
    pair.b.answer(served, b'{"y":1}')
    data = pair.b.session.build()
    assert data is not None
    pair.b.session.sent()
    pair.bytes(pair.a, data.replace(b'{"y":1}', DEEP), [])
    assert pair.carry(pair.a, pair.b) == [], "the serving side has nothing to do"
    assert pair.carry(pair.b, pair.a) == [pending]
    assert pending.error.code == "skill_failed" and pair.a.open == 0
    pair.carry(pair.a, pair.b)
    pair.a.session.urgent(b'{"type":"ping","request_id":"p"}')
    pair.carry(pair.a, pair.b)


@pytest.mark.parametrize("bad", NO_JSON)
def test_a_whole_message_that_cannot_be_read_is_named_by_its_request(bad: Raw):
    pair = Pair()
    pending, served = pair.asked()
    answer = m.TaskAnswer(request_id="r", payload=TaskResponse(bad))
    read = m.read(frames.encode(answer))
    assert isinstance(read, m.Unread) and (read.request_id, read.answers) == ("r", True)
    sink: list[object] = []
    pair.a.handle([read], pair.now, sink)
    assert sink == [pending] and pending.error.outcome == "unknown"
    assert isinstance(served, ServedRequest)


def test_a_request_that_cannot_be_read_is_answered_to_its_sender():
    pair = Pair()
    data = frames.encode(request("r9")).replace(b'"args":{}', b'"args":{')
    read = m.read(data)
    pair.b.handle([read], pair.now, [])
    (told,) = pair.heard()
    assert isinstance(told, m.ErrorTell) and (told.request_id, told.frame) == ("r9", 0)


@pytest.mark.parametrize(
    "data", [b'{"s":0,"a":0,"m":[', b'{"s":1', b'{"s":-1,"a":0,"m":[{', b'{"a":0,"s":1,"m":[{']
)
def test_a_frame_whose_numbers_cannot_be_read_closes_the_path(data: bytes):
    with pytest.raises(BadRequest, match="numbers"):
        PeerSession().receive(data, 0.0, [])
