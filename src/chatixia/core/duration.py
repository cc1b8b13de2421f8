"""Lengths of time as settings hold them: ``20s``, ``5m``, ``12h``, ``7d``, or seconds."""

from __future__ import annotations

import re
from typing import Any, Final

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WRITTEN = re.compile(r"(\d{1,9}) ?([smhd])\Z")


def seconds(text: Any) -> Any:
    """``text`` in seconds. What is not written so comes back as it is, for its type to judge."""
    match = _WRITTEN.match(text) if isinstance(text, str) else None
    return int(match[1]) * UNITS[match[2]] if match else text
