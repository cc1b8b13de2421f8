"""What could not be read, at this end or at the other: only the calls concerned end.

A frame of which no message can be read is acknowledged and named to its sender: were
its path closed instead, the session would send the same frame on each new one (links.md section 1).
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from chatixia.errors import BadRequest, MeshError, SkillFailed
from chatixia.ids import AgentId
from chatixia.wire import messages as m

from . import exchange
from .exchange import PendingCall, ServedRequest
from .session import PeerSession

CALL: Final = "The agent could not read this call, nor what went with it in one frame."
ANSWER: Final = "The answer came and could not be read."


class CallsPort(Protocol):
    """What is used here of ``core.call.Calls``, which uses this file."""

    me: AgentId
    session: PeerSession
    asked: dict[str, PendingCall]
    served: dict[str, ServedRequest]

    def end(self, pending: PendingCall, error: MeshError, sink: list[Any]) -> None:
        """End a call of ours with ``error``."""
        ...

    def amend(self, served: ServedRequest, error: MeshError) -> None:
        """Give an error in the place of an answer."""
        ...


def here(calls: CallsPort, read: m.Unread, sink: list[Any]) -> None:
    """A message of the peer's: it is told, and if the message answers a call of ours, that ends."""
    pending = calls.asked.get(read.request_id) if read.answers else None
    if read.frame:
        calls.session.reply(exchange.frame_complaint(read.frame, read.error))
    elif pending is not None:
        calls.end(pending, BadRequest(ANSWER, outcome="unknown"), sink)
    else:
        calls.session.reply(exchange.complaint(read.request_id, read.error))


def there(calls: CallsPort, frame: int, sink: list[Any]) -> None:
    """A frame of ours: what it carried ends, and never goes again."""
    for pending in [one for one in calls.asked.values() if one.frame == frame]:
        calls.session.refund(pending.cost)
        calls.end(pending, BadRequest(CALL, outcome="unknown"), sink)
    for served in [one for one in calls.served.values() if one.frame == frame]:
        if served.answer is not None:
            calls.amend(served, SkillFailed(ANSWER, agent=calls.me))
