"""The bytes of a call, kind by kind."""

import pytest
from msgspec import Raw

from chatixia.core import exchange, frames
from chatixia.core.exchange import PendingCall, ServedRequest
from chatixia.core.ports import Incoming, Outgoing
from chatixia.core.streams import Outflow
from chatixia.errors import PeerRestarted, Unreachable
from chatixia.wire import messages as m


def served(reply, stream=False):
    incoming = Incoming("a", "r", "task", "s", Raw(b"{}"), stream, ("a",), None, "", "direct", "r")
    return ServedRequest("r", None, reply, incoming, 1.0)


KINDS = [
    ("task", m.TaskAsk),
    ("prompt", m.PromptAsk),
    ("skills", m.SkillAsk),
    ("status", m.StatusTell),
]


@pytest.mark.parametrize(("kind", "type_"), KINDS)
def test_each_kind_of_call_has_its_message(kind, type_):
    out = Outgoing("b", "s", b'{"x":1}', kind, 2.5, path=("z",), traceparent="t")
    read = m.read(exchange.request(out, "r1"))
    assert type(read) is type_
    assert (read.request_id, read.deadline_ms, read.path) == ("r1", 2500, ("z",))


def test_flags_travel_only_when_set():
    plain = m.read(exchange.request(Outgoing("b", "s"), "r"))
    assert not plain.payload.stream and not plain.payload.idempotent
    both = m.read(exchange.request(Outgoing("b", "s", stream=True, idempotent=True), "r"))
    assert both.payload.stream and both.payload.idempotent


def test_a_deadline_that_is_left_is_never_sent_as_passed():
    assert m.read(exchange.request(Outgoing("b", "s", timeout=0.0001), "r")).deadline_ms == 1
    assert m.read(exchange.request(Outgoing("b", "s", timeout=0), "r")).deadline_ms == 0


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (m.TaskAnswer, lambda read: read.payload.result),
        (m.PromptAnswer, lambda read: read.payload.text),
        (m.SkillAnswer, lambda read: read.payload),
    ],
)
def test_each_reply_holds_the_result(reply, value):
    read = m.read(exchange.response(served(reply), b'"v"'))
    assert bytes(value(read)) == b'"v"'


def test_the_number_of_items_ends_a_stream():
    for reply, items in ((m.TaskAnswer, 3), (m.PromptAnswer, 4)):
        streamed = served(reply, stream=True)
        streamed.flow = Outflow(items)
        assert m.read(exchange.response(streamed, b"null")).payload.items == items


@pytest.mark.parametrize(
    ("reply", "kind"), [(m.TaskAnswer, m.TaskChunk), (m.PromptAnswer, m.PromptChunk)]
)
def test_items_are_numbered(reply, kind):
    read = m.read(exchange.chunk(served(reply), 7, b"[1]"))
    assert type(read) is kind and read.payload.n == 7 and bytes(read.payload.item) == b"[1]"


def test_who_holds_a_call_that_is_cut_off_is_named():
    for kind, text in (
        (Unreachable, "b cannot be reached."),
        (PeerRestarted, "b restarted while it held the call."),
    ):
        error = exchange.cut_off(kind, "b")
        assert (type(error), error.message, error.agent) == (kind, text, "b")
        assert error.outcome == "unknown"


def test_two_calls_of_the_same_look_are_two():
    first, second = (PendingCall("r", None, Outgoing("b"), b"", 0, 1.0, 0.0) for _ in range(2))
    assert len({first, second}) == 2


def test_frames_and_exchange_share_one_encoder():
    assert exchange.encode is frames.encode


def test_a_cancel_that_came_first_is_remembered_once_and_the_oldest_goes():
    cancels = exchange.EarlyCancels()
    for turn in range(exchange.MAX_CANCELLED + 1):
        cancels.add(f"r{turn}")
    assert len(cancels) == exchange.MAX_CANCELLED and not cancels.take("r0")
    assert cancels.take("r1") and not cancels.take("r1")
