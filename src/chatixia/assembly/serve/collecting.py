"""How often Python looks for cycles, in a process that does much and keeps little of it."""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 20_000
"""Objects that come to be between two collections, 2,000 unless said; 256 tasks at work are as
many."""


def collect_seldom() -> None:
    """Leave what the start made out of collections, and make those rarer: nearly all that a request
    makes ends with it, and under load each collection looked at what was at work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
