"""The errors of work that an orderly stop ends or does not begin."""

from __future__ import annotations

from chatixia.errors import Outcome, Unavailable
from chatixia.ids import AgentId


def stopping(me: AgentId, outcome: Outcome = "unknown") -> Unavailable:
    """What a request gets whose agent stops; another may do it."""
    return Unavailable("The agent is stopping.", agent=me, outcome=outcome)


def interrupted(me: AgentId) -> Unavailable:
    """What a request gets whose work was cancelled by neither its caller nor us: a library let a
    cancellation of its own out, or the loop ends."""
    return Unavailable(
        "The work was cancelled inside the agent, not by its caller.", agent=me, outcome="unknown"
    )


def closing(sent: bool = True) -> Unavailable:
    """What a call gets that is open when its mesh closes; nobody is left who could retry it."""
    return Unavailable(
        "The mesh was closed while this was under way; wait for its end before you close.",
        retryable=False,
        outcome="unknown" if sent else "definite",
    )
