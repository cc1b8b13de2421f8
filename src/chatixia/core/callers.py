"""Who may cause what changes something: a path takes rights away and never gives them.

A model does what text asks of it. So a tool that writes is only there where each id that led here
is one that the agent's owner named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

PROVED: Final = frozenset({"direct", "turn", "relay"})
"""Tiers on which every peer proves its key. What comes by the queue or a broadcast of the registry
has a path that only the registry vouches for."""

UNPROVED: Final = "queue:unproved"
"""On a path: those before it are as the registry reports them. Nobody can have this id."""


def speaker(name: str) -> str:
    """Whose id counts for ``name``: the machine of a client, whose own is new in each process."""
    return name.partition("~")[0]


def all_named(path: Sequence[str], via: str, callers: Collection[str]) -> bool:
    """Whether each id on ``path`` is in ``callers``, a client as its machine.

    False for a path without anybody, and for one that no link proved.
    """
    return bool(path) and via in PROVED and all(speaker(name) in callers for name in path)


def carried(path: tuple[str, ...], via: str) -> tuple[str, ...]:
    """``path`` of a request as the calls that it causes carry it.

    What no link proved is marked: else a call by a proved link would make it count as proved.
    """
    return path if via in PROVED else (*path, UNPROVED)


def stranger(path: Sequence[str], via: str, callers: Collection[str]) -> str:
    """The first on ``path`` because of whom :func:`all_named` is false, in words."""
    if via not in PROVED:
        return f"a caller that came by {via or 'no link'}, which proves no key,"
    unnamed = (speaker(name) for name in path if speaker(name) not in callers)
    return next(unnamed, "a caller without a name")
