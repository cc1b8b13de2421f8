"""A socket is a fact; silence of a poller is judged by the described thresholds."""

from __future__ import annotations

import pytest

from chatixia.core.presence import OFFLINE_SECONDS, STALE_SECONDS, HeartbeatState, health


@pytest.mark.parametrize(
    ("silent", "expected"),
    [
        (0, "active"),
        (89.9, "active"),
        (90, "stale"),
        (269.9, "stale"),
        (270, "offline"),
        (1e9, "offline"),
    ],
)
def test_a_poller_by_its_silence(silent: float, expected: str):
    assert (STALE_SECONDS, OFFLINE_SECONDS) == (90, 270)
    assert health(HeartbeatState(1000.0), 1000.0 + silent) == expected


@pytest.mark.parametrize("silent", [0, 100, 1e6])
def test_a_socket_needs_no_thresholds(silent: float):
    assert health(HeartbeatState(0.0, socket=True), silent) == "active"
    assert health(HeartbeatState(0.0, socket=False), silent) == "offline"
