"""One injective mapping from skills to the tool names that every model provider takes.

A tool is called ``[A-Za-z_][A-Za-z0-9_-]{0,63}``; a skill may hold dots, and ``agent/skill`` has up
to 128 characters. ``-`` begins an escape, so that the plain names, by far the most, stay as they
are: ``read_file``, and ``weather-_forecast`` for the skill ``forecast`` of ``weather``.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from typing import Final

MAX_TOOL: Final = 64
"""The longest name that all providers take."""
_ESCAPES: Final = {"-": "--", ".": "-p", "/": "-_"}
_PLAIN: Final = {escape: character for character, escape in _ESCAPES.items()}
_DIGIT: Final = "_-n"
"""Before a name that begins with a digit."""
_HASHED: Final = "-h"
_HASH: Final = 26
"""Base32 characters: 130 bits of SHA-256, so that two long names never meet."""
_TOKEN: Final = re.compile(r"-.|[A-Za-z0-9_]")

FIND: Final = "find-skill"
DESCRIBE: Final = "describe-skill"
CALL: Final = "call-skill"
DELEGATE: Final = "delegate-task"
MESH_TOOLS: Final = (FIND, DESCRIBE, CALL, DELEGATE)
"""The tools of the mesh itself. ``-s`` and ``-t`` are no escapes: no skill is called like one."""


def tool_name(skill: str, agent: str = "") -> str:
    """What a model calls ``skill`` of ``agent``; of its own agent, where that is empty.

    Two skills never have one name, and no skill has one of :data:`MESH_TOOLS`.
    """
    name = f"{agent}/{skill}" if agent else skill
    escaped = "".join(_ESCAPES.get(character, character) for character in name)
    if name[:1].isdigit():
        escaped = _DIGIT + escaped
    return escaped if len(escaped) <= MAX_TOOL else _shortened(name, escaped)


def skill_of(tool: str) -> tuple[str, str] | None:
    """Agent and skill that ``tool`` names, the agent empty for one's own.

    None for a name that was shortened, a tool of the mesh, and what :func:`tool_name` never gives.
    """
    text = tool.removeprefix(_DIGIT)
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text or any(t[0] == "-" and t not in _PLAIN for t in tokens):
        return None
    name = "".join(_PLAIN.get(token, token) for token in tokens)
    agent, slash, skill = name.rpartition("/")
    fits = skill and bool(agent) == bool(slash) and tool_name(skill, agent) == tool
    return (agent, skill) if fits else None


def _shortened(name: str, escaped: str) -> str:
    """Its beginning, cut between escapes, and a hash: ``-h`` is no escape, so no other is such."""
    room = MAX_TOOL - len(_HASHED) - _HASH
    digest = b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()[:_HASH]
    head = ""
    for token in _TOKEN.findall(escaped):
        if len(head) + len(token) > room:
            break
        head += token
    return head + _HASHED + digest
