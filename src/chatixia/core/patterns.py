"""Patterns of names, as a record says which ids its key may sign: a name, or a head and ``*``."""

from __future__ import annotations


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
