"""What an agent with a model needs beside the base install."""

from __future__ import annotations

from typing import Final

from chatixia.errors import MissingExtra

_WHAT: Final = {
    "model": "The part for models is",
    "anthropic": "The part for models of anthropic is",
    "mcp": "The part for MCP is",
}
_CURE: Final = (
    "not installed; install it with: uv tool install '.[{0}]' in a checkout, or, in the environment"
    " that runs this, pip install '.[{0}]' (a wheel's path instead of the dot does as well)"
)


def missing(extra: str) -> MissingExtra:
    """The error with the install line of ``extra``."""
    return MissingExtra(f"{_WHAT[extra]} {_CURE.format(extra)}.")
