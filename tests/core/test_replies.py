"""Who makes us speak and does not listen is bounded; who listens is not."""

from __future__ import annotations

import pytest

from chatixia.core import replies as replies_module
from chatixia.core import session as session_module
from chatixia.core.call import Calls
from chatixia.core.replies import REPLY_BYTES, ReplyBudget
from chatixia.core.timers import TimerWheel
from chatixia.errors import BadRequest
from chatixia.ids import AgentId
from chatixia.wire.base import KIB

RID = b"x" * 200
MESSAGES = {
    "pings": b'{"type":"ping","request_id":"%s"}' % RID,
    "no such type": b'{"type":"nonsense","request_id":"%s"}' % RID,
    "refused": b'{"type":"task_request","deadline_ms":0,"request_id":"%s",'
    b'"payload":{"skill":"x"}}' % RID,
    "no JSON": b"}",
}


def flood(message: bytes, frames: int, reads: bool) -> Calls:
    """Frames of a peer that acknowledges what it is sent, or nothing of it."""
    calls = Calls(AgentId("me"), AgentId("liar"), TimerWheel())
    for s in range(1, frames + 1):
        acked = calls.session.s if reads else 0
        data = b'{"s":%d,"a":%d,"m":[%s]}' % (s, acked, b",".join([message] * 50))
        came: list[object] = []
        calls.session.receive(data, 0.0, came)  # type: ignore[arg-type]
        calls.handle(came, 0.0, [])  # type: ignore[arg-type]
        while calls.session.build() is not None:
            calls.session.sent()
    return calls


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_replies_that_the_peer_does_not_take_end_its_path(
    kind: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replies_module, "REPLY_BYTES", 64 * KIB)
    monkeypatch.setattr(session_module, "WINDOW_BYTES", 256 * KIB)
    # Frames that cannot be read bring one reply each, others one for each message.
    frames = 8000 if kind == "no JSON" else 300
    with pytest.raises(BadRequest, match="does not take"):
        flood(MESSAGES[kind], frames, reads=False)
    calls = flood(MESSAGES[kind], frames, reads=True)
    assert calls.session._bytes <= 64 * KIB and calls.session._unacked_bytes <= 256 * KIB


def test_an_answer_asked_for_again_and_again_is_bounded_too():
    ask = b'{"type":"task_request","request_id":"one","payload":{"skill":"x"}}'
    calls = flood(ask, 1, reads=False)
    calls.answer(calls.served["one"], b'"%s"' % (b"y" * 900))
    with pytest.raises(BadRequest, match="does not take"):
        for s in range(2, 2000):
            came: list[object] = []
            data = b'{"s":%d,"a":0,"m":[%s]}' % (s, b",".join([ask] * 50))
            calls.session.receive(data, 0.0, came)  # type: ignore[arg-type]
            calls.handle(came, 0.0, [])  # type: ignore[arg-type]
    assert calls.session._bytes < 2 * REPLY_BYTES


def test_what_went_waits_no_more():
    replies = ReplyBudget()
    for _ in range(10_000):
        replies.add(1000)
        replies.sent(1200)
    assert replies.waiting == 0
