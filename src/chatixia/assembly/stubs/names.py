"""Names of another agent as names in source text: it may call things as it likes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container
from typing import Final

LONGEST: Final = 26
"""Characters of a name; with a number and its type it stays within a line of 88."""
_OTHER: Final = re.compile(r"[^A-Za-z0-9]+")


def pascal(text: str, default: str = "Value") -> str:
    """``text`` as the name of a class: ``my-agent.v2`` is ``MyAgentV2``."""
    words = [word for word in _OTHER.split(text) if word]
    name = "".join(word[0].upper() + word[1:] for word in words)[:LONGEST]
    return name if name and not name[0].isdigit() else f"{default}{name}"[:LONGEST]


def snake(text: str, taken: Container[str] = ()) -> str:
    """``text`` as the name of a variable in Python that is none of ``taken``."""
    name = _OTHER.sub("_", text).strip("_")[:LONGEST].rstrip("_")
    if text.startswith("_") or not name or name[0].isdigit():
        name = f"x_{name}".rstrip("_")
    if keyword.iskeyword(name) or name in taken:
        name = f"{name}_"
    return free(name, taken)


def free(name: str, taken: Container[str]) -> str:
    """``name``, or with the first number that makes it none of ``taken``."""
    number, result = 2, name
    while result in taken:
        result = f"{name}{number}"
        number += 1
    return result
