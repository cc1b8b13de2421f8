"""Typed identifiers: one name for one thing, checked once at the door.

An agent has ONE address everywhere, its agent id, which is also its peer id.
"""

from __future__ import annotations

import re
from typing import Final, NewType

AgentId = NewType("AgentId", str)
"""A principal's address: agent, machine, client, registry. Compared as bytes."""
TaskId = NewType("TaskId", str)
"""``t_`` and 26 base32 characters, drawn by the submitter."""
RequestId = NewType("RequestId", str)
"""Unique per caller incarnation; at most 64 characters."""
KeyId = NewType("KeyId", str)
"""First 16 hex characters of SHA-256 of a public key."""
Incarnation = NewType("Incarnation", str)
"""16 hex characters: 64 random bits drawn at process start."""

MAX_NAME: Final = 63
"""Characters of an agent's id, and of an API key's name."""
MAX_MACHINE: Final = 56
"""Characters of a machine's id: ``~`` and six more make its clients' ids."""
MAX_SKILL: Final = 64
PERSON: Final = "hub~"
"""How a person's id begins: the machine's name that stands there is reserved."""
RESERVED: Final = frozenset(
    {"registry", "hub", "admin", "mesh", "all", "self", "con", "prn", "aux", "nul"}
    | {f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10)}
)
"""Names no agent or machine may take: roles of the mesh and Windows devices."""

_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_NAME - 1}}}\Z")
_PERSON = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9_-])?\Z")
_CLIENT = re.compile(rf"([a-z0-9][a-z0-9._-]{{0,{MAX_MACHINE - 1}}})~([a-z2-7]{{6}})\Z")
_SKILL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
_TASK = re.compile(r"t_[a-z2-7]{26}\Z")
_HEX16 = re.compile(r"[0-9a-f]{16}\Z")


def is_agent_id(text: str) -> bool:
    """Whether ``text`` may name an agent or a machine (trust.md section 1)."""
    stem = text.split(".", 1)[0]
    return (
        _NAME.match(text) is not None
        and not text.endswith(".")
        and text not in RESERVED
        and stem not in RESERVED
    )


def is_machine_id(text: str) -> bool:
    """Whether ``text`` may name a machine: its clients' ids must have room behind it."""
    return len(text) <= MAX_MACHINE and is_agent_id(text)


def id_problem(text: str, most: int = MAX_NAME) -> str:
    """What is wrong with a text that may name no agent, or, with ``most`` characters, no machine;
    and what would do."""
    stem = text.split(".", 1)[0]
    if stem in RESERVED:
        return f"{stem} is reserved; use another name, such as my-{text}"[:120].rstrip(".")
    return (
        f"use lower-case letters, digits, . _ and -, at most {most}, beginning with a letter or"
        " digit"
    )


def is_client_id(text: str) -> bool:
    """Whether ``text`` is a client's id, ``machine~xxxxxx``."""
    match = _CLIENT.match(text)
    return match is not None and is_agent_id(match[1])


def person_id(name: str) -> str:
    """The id of the person called ``name``: none that an agent, a machine or a client can have.
    "" for a text that names nobody."""
    text = name.removeprefix(PERSON)
    return PERSON + text if _PERSON.match(text) else ""


def is_peer_id(text: str) -> bool:
    """Whether ``text`` may stand at either end of a link: an agent or a client."""
    return is_agent_id(text) or is_client_id(text)


def is_skill(text: str) -> bool:
    """Whether ``text`` is a skill's name: a letter or underscore, at most 64 characters."""
    return _SKILL.match(text) is not None


def is_task_id(text: str) -> bool:
    """Whether ``text`` is a task id as :data:`TaskId` says."""
    return _TASK.match(text) is not None


def is_incarnation(text: str) -> bool:
    """Whether ``text`` is 64 bits in lower-case hex."""
    return _HEX16.match(text) is not None
