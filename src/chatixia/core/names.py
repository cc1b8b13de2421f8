"""Names that come from outside: what can be none is refused alike at every door."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from chatixia.errors import UnknownAgent, UnknownSkill
from chatixia.ids import MAX_SKILL, AgentId, id_problem, is_peer_id, is_skill

SHOWN: Final = 80
"""Characters of a bad name that its refusal repeats."""


@lru_cache(1024)
def agent(name: str) -> AgentId:
    """``name`` as the id of an agent or client. Raises UnknownAgent."""
    if not is_peer_id(name):
        raise UnknownAgent(f"No agent can be called {name[:SHOWN]!r}: {id_problem(name)}.")
    return AgentId(name)


@lru_cache(1024)
def skill(name: str) -> str:
    """``name`` as that of a skill. Raises UnknownSkill."""
    if not is_skill(name):
        raise UnknownSkill(
            f"No skill can be called {name[:SHOWN]!r}: a letter or _, then letters, digits, . _ or"
            f" -, at most {MAX_SKILL}."
        )
    return name
