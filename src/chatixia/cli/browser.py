"""A browser's own words in short, as the hub's page says them (``browserName`` of the page)."""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 40
"""Characters shown of what is no browser's."""
NAMES: Final = {"Edg": "Edge", "OPR": "Opera", "Version": "Safari"}

_BROWSER: Final = re.compile(r"\b(?:Headless)?(Firefox|Edg|OPR|Chrome|Version)/([0-9]{1,6})")
_SYSTEM: Final = re.compile(r"Android|iPhone|iPad|Windows|Mac OS X|Linux")


def browser_name(words: str) -> str:
    """``Firefox 140, Linux``; the first characters of what is no browser's; ``-`` for nothing."""
    names = _BROWSER.findall(words)
    if not names:
        return words[:MOST] or "-"
    name, version = names[-1]  # the last counts: Edge calls itself Chrome too
    system = _SYSTEM.search(words)
    return f"{NAMES.get(name, name)} {version}" + (f", {system[0]}" if system else "")
