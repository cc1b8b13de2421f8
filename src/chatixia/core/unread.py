"""What could not be read, at this end or at the other: only the calls concerned end.

A frame of which no message can be read is acknowledged and named to its sender: were
its path closed instead, the session would send the same frame on each new one (links.md section 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from chatixia.errors import BadRequest, MeshError, SkillFailed
from chatixia.ids import AgentId
from chatixia.wire.messages import Unread

from . import exchange, frames
from .budget import PeerBudget
from .exchange import PendingCall, ServedRequest
from .session import PeerSession

CALL: Final = "The agent could not read this call, nor what went with it in one frame."
ANSWER: Final = "The answer came and could not be read."


class PeerCalls(Protocol):
    """The calls with one peer (``core.call.Calls``, which imports this file)."""

    me: AgentId
    pending: dict[str, PendingCall]
    served: dict[str, ServedRequest]
    session: PeerSession
    account: PeerBudget

    def end(self, pending: PendingCall, error: MeshError, sink: list[Any]) -> None:
        """End a call of ours here and now."""
        ...


def calls_of(pending: Mapping[str, PendingCall], frame: int) -> list[PendingCall]:
    """The calls whose last part that frame carried."""
    return [each for each in pending.values() if each.frame == frame]


def answers_of(served: Mapping[str, ServedRequest], frame: int) -> list[ServedRequest]:
    """The requests whose answer that frame carried."""
    return [each for each in served.values() if each.frame == frame and each.answer is not None]


def call() -> BadRequest:
    """What a call ends with that its peer could not read."""
    return BadRequest(CALL, outcome="unknown")


def answer() -> BadRequest:
    """What a call ends with whose answer could not be read here."""
    return BadRequest(ANSWER, outcome="unknown")


def unreadable(me: AgentId) -> SkillFailed:
    """What a peer gets in the place of an answer that it could not read."""
    return SkillFailed(ANSWER, agent=me)


def received(calls: PeerCalls, read: Unread, sink: list[Any]) -> None:
    """A message that cannot be read: its sender hears so, and a call that it answers ends."""
    pending = calls.pending.get(read.request_id) if read.answers else None
    if pending is not None:
        calls.end(pending, answer(), sink)
    else:
        calls.session.reply(exchange.complaint(read.request_id, read.error, read.frame))


def refused(calls: PeerCalls, frame: int, sink: list[Any]) -> None:
    """The peer cannot read a frame of ours: what it carried ends, and never goes again."""
    for pending in calls_of(calls.pending, frame):
        calls.session.refund(pending.cost)
        calls.end(pending, call(), sink)
    for served in answers_of(calls.served, frame):
        data = frames.error_response(served.reply, served.rid, unreadable(calls.me))
        calls.account.keep(len(data) - len(served.answer or b""))
        served.answer = data
        calls.session.send(data, served)
