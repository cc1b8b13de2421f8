"""A server may send much, but not without end."""

from __future__ import annotations

import pytest

from chatixia.errors import TooLarge
from chatixia.gateway.mcp.flood import BURST_S, SPEED, FloodGuard
from chatixia.testing.clock import FakeWorld


def test_a_burst_passes_and_a_flood_does_not():
    world = FakeWorld()
    guard = FloodGuard(world)
    for _ in range(int(BURST_S)):
        guard.count(SPEED)
    guard.count(1)
    with pytest.raises(TooLarge, match="bytes a second"):
        guard.count(1)
