"""What MCP needs beside the base install."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from chatixia.agent.model.extras import missing

PARTS: Final = ("mcp", "jsonschema_rs")


def needed() -> None:
    """Raises MissingExtra with the line that installs it."""
    if any(find_spec(part) is None for part in PARTS):
        raise missing("mcp")
