"""Patterns of names, as a record says which ids its key may sign: a name, or a head and ``*``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chatixia.errors import BadRequest
from chatixia.ids import is_agent_id
from chatixia.wire.trust import MAX_PATTERNS, MAX_ROLES

ANY: Final = "*"
"""The pattern that takes in every name; so of roles."""
_STEM: Final = re.compile(r"[a-z0-9._-]{0,62}\Z")
_ROLE: Final = re.compile(r"([a-z0-9][a-z0-9._-]{0,62}|\*)\Z")


def covers(pattern: str, name: str) -> bool:
    """Whether ``pattern`` takes in ``name``."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return pattern == name


def narrower(pattern: str, bound: str) -> bool:
    """Whether all that ``pattern`` takes in, ``bound`` does too."""
    if pattern.endswith("*"):
        return bound.endswith("*") and pattern.startswith(bound[:-1])
    return covers(bound, pattern)


def is_pattern(text: str) -> bool:
    """Whether ``text`` is a pattern that a record may hold."""
    if text.endswith("*"):
        return _STEM.match(text[:-1]) is not None
    return is_agent_id(text)


def is_role(text: str) -> bool:
    """Whether ``text`` is a role that a record may hold."""
    return _ROLE.match(text) is not None


def check_bounds(names: Sequence[str], roles: Sequence[str] = ()) -> None:
    """Refuse patterns and roles, as somebody typed them, that no record may hold. Raises
    BadRequest, which names the first."""
    for name in names:
        if not is_pattern(name):
            raise BadRequest(
                f"{name!r} is no pattern of names: use lower-case letters, digits, . _ and -, and *"
                " at its end alone, as in 'lab-*'."
            )
    for role in roles:
        if not is_role(role):
            raise BadRequest(
                f"{role!r} is no role: use lower-case letters, digits, . _ and -, beginning with a"
                " letter or digit."
            )
    if len(names) > MAX_PATTERNS:
        raise BadRequest(f"{len(names)} patterns of names are too many; at most {MAX_PATTERNS}.")
    if len(roles) > MAX_ROLES:
        raise BadRequest(f"{len(roles)} roles are too many; at most {MAX_ROLES}.")
