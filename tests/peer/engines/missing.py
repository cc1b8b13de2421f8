"""An engine's library taken away, as where no wheel of it fits."""

from __future__ import annotations

import sys
from typing import Final

import pytest

OURS: Final = {"webrtc": "wrtc", "wrtc": "wrtc", "aiortc": "aiortc"}
"""What the library is called, and how our modules for it begin."""


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Neither these libraries nor our modules that have loaded them are there."""
    mine = tuple(f"chatixia.peer.engines.{OURS[name]}" for name in names)
    for loaded in list(sys.modules):
        if loaded.split(".")[0] in names or loaded.startswith(mine):
            monkeypatch.delitem(sys.modules, loaded)
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)
