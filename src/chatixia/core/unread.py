"""What could not be read, at this end or at the other: only the calls concerned end.

A frame of which no message can be read is acknowledged and named to its sender: were
its path closed instead, the session would send the same frame on each new one (links.md section 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chatixia.errors import BadRequest, SkillFailed
from chatixia.ids import AgentId

from .exchange import PendingCall, ServedRequest

CALL: Final = "The agent could not read this call, nor what went with it in one frame."
ANSWER: Final = "The answer came and could not be read."


def calls(pending: Mapping[str, PendingCall], frame: int) -> list[PendingCall]:
    """The calls whose last part that frame carried."""
    return [each for each in pending.values() if each.frame == frame]


def answers(served: Mapping[str, ServedRequest], frame: int) -> list[ServedRequest]:
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
