"""Addresses under which hosts of MCP read what skills answer: ``notes://{day}``.

A URI with variables in braces, each of them a whole part between two characters: the simplest form
of a URI template, so that what fits is never in doubt.
"""

from __future__ import annotations

import re
from typing import Final

RESERVED: Final = frozenset(("data", "file", "http", "https", "javascript", "mesh"))
"""Schemes that say where something else is: hosts may fetch such themselves, ``mesh`` is ours."""
_ADDRESS: Final = re.compile(
    r"([a-z][a-z0-9+.-]{0,31}):(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]|\{[A-Za-z_][A-Za-z0-9_]{0,63}\})+"
)
_VARIABLE: Final = re.compile(r"\{([A-Za-z0-9_]+)\}")


def variables(address: str) -> list[str]:
    """The names in braces, in their order."""
    return _VARIABLE.findall(address)


def address_problem(address: str) -> str:
    """Why it is no such address; empty if it is one."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        return "it is no URI with a scheme, such as notes://{day}"
    if match[1] in RESERVED:
        return f"{match[1]}: is the address of something else; take a scheme of your own"
    names = variables(address)
    if len(set(names)) < len(names) or "}{" in address:
        return "each variable stands once, and something between two of them"
    return ""
