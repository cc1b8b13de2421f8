"""Which skills of the mesh fit some words: for a model, or whoever asks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from chatixia.wire.registry import AgentRecord

MAX_MATCHES: Final = 20
MAX_ABOUT: Final = 240
"""Characters of a description in a list."""


def matches(agents: Iterable[AgentRecord], query: str, me: str) -> list[dict[str, str]]:
    """Skills of others that ``query`` fits, the best first, and agents that fit without one."""
    words = set(re.findall(r"\w+", query.lower()))
    ranked: list[tuple[int, int, dict[str, str]]] = []
    for agent in agents:
        if agent.agent_id == me or agent.health != "active":
            continue
        for line in _lines(agent):
            text = " ".join((*line.values(), agent.description)).lower()
            hits = sum(word in text for word in words)
            if hits or not words:
                ranked.append((-hits, len(ranked), line))
    return [line for _, _, line in sorted(ranked, key=lambda one: one[:2])[:MAX_MATCHES]]


def _lines(agent: AgentRecord) -> list[dict[str, str]]:
    """One for each skill, or one for an agent that has none."""
    listed = [(skill.name, skill.description) for skill in agent.skills]
    listed = listed or [(name, "") for name in agent.capabilities.skills]
    if not listed:
        return [{"agent": agent.agent_id, "description": agent.description[:MAX_ABOUT]}]
    return [
        {"agent": agent.agent_id, "skill": name, "description": about[:MAX_ABOUT]}
        for name, about in listed
    ]
