"""Calls between two state machines, with a perfect wire and a clock by hand."""

import random

import msgspec
import pytest
from msgspec import Raw

from chatixia.core import frames
from chatixia.core.budget import MAX_RUNNING
from chatixia.core.call import MAX_PENDING, REMEMBER_SECONDS, Calls
from chatixia.core.exchange import (
    CallOverdue,
    PendingCall,
    PongReceived,
    ServedRequest,
    StopHandler,
)
from chatixia.core.ports import Outgoing
from chatixia.core.timers import TimerWheel
from chatixia.errors import BadRequest, MeshError, SkillFailed
from chatixia.wire import messages as m
from chatixia.wire.peer import TaskRequest


class Pair:
    """``a`` asks ``b``; ``now`` moves by hand."""

    def __init__(self):
        self.now = 100.0
        self.wheels = {"a": TimerWheel(), "b": TimerWheel()}
        self.a = Calls("a", "b", self.wheels["a"])
        self.b = Calls("b", "a", self.wheels["b"])
        self.a.via = self.b.via = "direct"

    def carry(self, source, target):
        """All that ``source`` has, delivered; the effects at ``target``."""
        sink = []
        while (data := source.session.build()) is not None:
            source.session.sent()
            self.bytes(target, data, sink)
        return sink

    def bytes(self, target, data, sink):
        came = []
        target.session.receive(data, self.now, came)
        target.handle(came, self.now, sink)

    def ask(self, rid="r", **kw):
        return self.a.ask(Outgoing("b", "s", b'{"x":1}', **kw), rid, self.now)

    def asked(self, rid="r", **kw):
        """A request that has arrived: asker's and server's side of it."""
        pending = self.ask(rid, **kw)
        (served,) = self.carry(self.a, self.b)
        return pending, served

    def expire(self, side, at):
        self.now, sink = at, []
        for item in self.wheels[side].due(at):
            item.owner.expire(item, at, sink)
        return sink

    def say(self, *messages):
        """Raw messages from a to b, as a peer might send them; the effects."""
        for each in messages:
            self.a.session.send(each if isinstance(each, bytes) else frames.encode(each))
        return self.carry(self.a, self.b)

    def heard(self):
        """What b sends back, read."""
        found = []
        while (data := self.b.session.build()) is not None:
            self.b.session.sent()
            found += frames.read_frame(data)[1]
        return found


def request(rid="r", **kw):
    return m.TaskAsk(request_id=rid, payload=TaskRequest("s", Raw(b"{}")), deadline_ms=5000, **kw)


def test_a_call_and_its_answer():
    pair = Pair()
    pending, served = pair.asked()
    assert isinstance(served, ServedRequest) and bytes(served.incoming.body) == b'{"x":1}'
    pair.b.answer(served, b"42")
    assert pair.carry(pair.b, pair.a) == [pending]
    assert (bytes(pending.value), pending.via) == (b"42", "direct")
    assert pair.a.open == pair.b.open == 0
    assert pair.wheels["a"].next() is None


def test_an_error_keeps_its_class_and_names_the_peer():
    pair = Pair()
    pending, served = pair.asked()
    pair.b.refuse(served, SkillFailed("no"))
    pair.carry(pair.b, pair.a)
    assert type(pending.error) is SkillFailed
    assert (pending.error.agent, pending.error.via) == ("b", "direct")


def test_only_the_first_answer_counts():
    pair = Pair()
    pending, served = pair.asked()
    pair.b.answer(served, b"1")
    pair.b.answer(served, b"2")
    pair.b.refuse(served, SkillFailed())
    assert pair.carry(pair.b, pair.a) == [pending]
    pair.a.session.send(b"")  # nothing else is under way
    assert bytes(pending.value) == b"1"


def test_a_duplicate_of_a_running_request_attaches_and_of_a_done_one_is_told_again():
    pair = Pair()
    (served,) = pair.say(request())
    assert pair.say(request()) == []
    pair.b.answer(served, b"1")
    assert len(pair.heard()) == 1
    assert pair.say(request()) == []
    assert [bytes(each.payload.result) for each in pair.heard()] == [b"1"]


def test_an_entry_goes_when_its_answer_is_acknowledged():
    pair = Pair()
    _, served = pair.asked()
    pair.b.answer(served, b"1")
    pair.carry(pair.b, pair.a)
    assert pair.b.served
    pair.bytes(pair.b, pair.a.session.ack_frame(), [])
    assert not pair.b.served


def test_an_entry_that_nobody_acknowledges_goes_after_its_time():
    pair = Pair()
    _, served = pair.asked(timeout=5)
    pair.b.answer(served, b"1")
    pair.b.sweep(pair.now + 5 + REMEMBER_SECONDS - 1)
    assert pair.b.served
    pair.b.sweep(pair.now + 5 + REMEMBER_SECONDS + 1)
    assert not pair.b.served


def test_a_cancel_overtakes_what_was_not_sent_and_stops_what_was():
    pair = Pair()
    unsent = pair.ask("u")
    pair.a.cancel(unsent)
    assert pair.carry(pair.a, pair.b) == []
    pending, served = pair.asked()
    pair.a.cancel(pending)
    (stop,) = pair.carry(pair.a, pair.b)
    assert isinstance(stop, StopHandler) and stop.served is served
    assert pair.carry(pair.b, pair.a) == []  # the answer ``canceled`` finds nobody


def test_a_cancel_that_comes_before_its_request_is_remembered():
    pair = Pair()
    assert pair.say(m.CancelTell(request_id="r"), request()) == []
    assert [each.error.code for each in pair.heard()] == ["canceled"]


def test_deadlines_at_both_ends():
    pair = Pair()
    pending, served = pair.asked(timeout=5)
    (stop,) = pair.expire("b", 106.0)
    assert stop.served is served
    assert pair.expire("a", 106.0) == [pending]
    assert (pending.error.code, pending.error.outcome) == ("deadline_exceeded", "unknown")


def test_an_unsent_call_is_late_once_and_then_unreachable():
    pair = Pair()
    pending = pair.ask(timeout=30)
    pair.a.wait_until(pending, 105.0)
    (late,) = pair.expire("a", 106.0)
    assert isinstance(late, CallOverdue) and late.pending is pending
    assert pair.expire("a", 131.0) == [pending]
    assert (pending.error.code, pending.error.outcome) == ("unreachable", "definite")


def test_a_moved_call_leaves_the_link():
    pair = Pair()
    pending, sink = pair.ask(), []
    pair.a.move(pending, sink)
    assert sink == [pending] and pending.moved
    assert pair.carry(pair.a, pair.b) == []


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (request(path=tuple("abcdefgh")), "hop_limit"),
        (request(source_agent="mallory"), "denied"),
        (request(target_agent="other"), "denied"),
        (request(rid=""), "bad_request"),
        (m.TaskAsk(request_id="r", payload=TaskRequest("s"), deadline_ms=0), "deadline_exceeded"),
        (b'{"type":"task_request","request_id":"r","payload":7}', "bad_request"),
        (b'{"type":"gossip","request_id":"r"}', "unknown_type"),
        (m.PromptAsk(request_id="r", payload=Raw(b'{"message":7}')), "bad_request"),
    ],
)
def test_what_is_refused_before_it_starts(ask, code):
    pair = Pair()
    assert pair.say(ask) == []
    assert [each.error.code for each in pair.heard()] == [code]


def test_names_that_fit_the_link_are_welcome():
    pair = Pair()
    assert len(pair.say(request("1", source_agent="a", target_agent="b"))) == 1
    assert len(pair.say(request("2", target_agent="*"))) == 1


def test_handlers_for_one_peer_are_bounded():
    pair = Pair()
    assert len(pair.say(*(request(f"r{n}") for n in range(MAX_RUNNING + 1)))) == MAX_RUNNING
    (busy,) = pair.heard()
    assert busy.error.code == "busy" and busy.error.retryable


def test_open_calls_to_one_peer_are_bounded():
    pair = Pair()
    for n in range(MAX_PENDING):
        pair.ask(f"r{n}")
    with pytest.raises(MeshError) as raised:
        pair.ask("one more")
    assert raised.value.code == "busy"


def test_an_answer_above_the_bound_is_an_error():
    pair = Pair()
    _, served = pair.asked()
    pair.b.answer(served, b'"' + bytes(17 * 1024 * 1024) + b'"')
    assert [each.error.code for each in pair.heard()] == ["too_large"]


def test_a_new_process_ends_sent_calls_but_idempotent_ones():
    pair, sink = Pair(), []
    sent, _ = pair.asked("s")
    sure = pair.ask("i", idempotent=True)
    pair.carry(pair.a, pair.b)
    unsent = pair.ask("u")
    pair.a.restart(sink)
    assert sink == [sent] and sent.error.code == "peer_restarted"
    fresh = Calls("b", "a", TimerWheel())
    again = pair.carry(pair.a, fresh)
    assert [each.rid for each in again] == ["i", "u"]
    assert sure.error is unsent.error is None


def test_a_process_that_is_gone_ends_sent_calls_and_their_handlers():
    pair, sink = Pair(), []
    _, served = pair.asked()
    pair.b.peer_lost(sink)
    assert [type(each) for each in sink] == [StopHandler] and sink[0].served is served
    pending = pair.ask("q")
    pair.a.session.build()
    pair.a.session.sent()
    sink = []
    pair.a.peer_lost(sink)
    assert pending in sink and pending.error.outcome == "unknown"
    assert pending.error.message == "b cannot be reached."


def test_an_answer_from_who_was_never_asked_is_ignored():
    pair = Pair()
    assert pair.say(frames.task_response("r", b"1"), m.ErrorTell(request_id="x")) == []


def test_a_ping_is_answered_ahead_of_everything():
    pair = Pair()
    pair.a.ping("p")
    pair.carry(pair.a, pair.b)
    assert pair.carry(pair.b, pair.a)[0] == PongReceived("p")


def test_a_told_status_is_done_when_it_is_acknowledged():
    pair = Pair()
    pending = pair.a.ask(Outgoing("b", "", b'{"status":"idle"}', "status"), "s", pair.now)
    (served,) = pair.carry(pair.a, pair.b)
    assert served.oneway and served.incoming.kind == "status"
    sink = []
    pair.bytes(pair.a, pair.b.session.ack_frame(), sink)
    assert sink == [pending]
    pair.b.answer(served, b"null")
    assert pair.heard() == [] and not pair.b.served


def test_the_described_message_becomes_an_argument():
    pair = Pair()
    data = b'{"type":"task_request","request_id":"r","payload":{"skill":"s","message":"hi"}}'
    (served,) = pair.say(data)
    assert bytes(served.incoming.body) == b'{"message":"hi"}'


def test_a_stream_beyond_its_credit_closes_the_path():
    pair = Pair()
    pending, _ = pair.asked(stream=True)
    chunk = m.TaskChunk(request_id="r", payload=m.StreamChunk(0, Raw(b'"' + b"x" * 9000 + b'"')))
    with pytest.raises(BadRequest):
        for n in range(20):
            chunk.payload.n = n
            pair.b.session.send(frames.encode(chunk))
            pair.carry(pair.b, pair.a)
    assert pending.flow.items


def test_random_frames_end_in_errors_and_never_in_a_crash():
    dice = random.Random(4)
    good = frames.write_frame(1, 0, [frames.encode(request()), frames.task_response("r", b"1")])
    for turn in range(2000):
        pair, data = Pair(), bytearray(good)
        for _ in range(dice.randrange(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        data = data[: dice.randrange(len(data) + 1)] if turn % 3 == 0 else data
        try:
            pair.bytes(pair.b, bytes(data), [])
        except MeshError as error:
            assert isinstance(error, BadRequest)
        pending = Pair().ask()
        assert isinstance(pending, PendingCall)


def test_pings_and_pongs_say_which_lists_each_has():
    pair = Pair()
    pair.a.lists = lambda: msgspec.Raw(b'{"revocations":2}')
    pair.b.lists = lambda: msgspec.Raw(b'{"revocations":3}')
    pair.a.ping("r")
    (asked,) = pair.carry(pair.a, pair.b)
    assert (asked.peer, bytes(asked.payload)) == ("a", b'{"revocations":2}')
    pong, answered = pair.carry(pair.b, pair.a)
    assert pong.rid == "r"
    assert (answered.peer, bytes(answered.payload)) == ("b", b'{"revocations":3}')
