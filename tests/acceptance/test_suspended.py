"""A client that was suspended (a laptop's lid) until it was forgotten is direct again at once."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.harness import TestMesh

SLEEPER = Path(__file__).with_name("sleeper.py")
LID = [
    (14, {"ping_interval": 1, "ping_timeout": 2}),
    pytest.param(45, {}, marks=pytest.mark.soak),
]
"""Seconds, and settings under which the registry and the agent give a client up within them."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seconds", "settings"), LID)
def test_a_client_that_slept_is_direct_again(
    net: TestMesh, seconds: int, settings: dict[str, object]
):
    net.configure(**settings)
    agent = net.worker("a")
    client = net.procs.start("sleeper", program=(sys.executable, str(SLEEPER)))
    client.wait_for("warm direct")
    client.popen.send_signal(signal.SIGSTOP)
    time.sleep(seconds)  # a lid is closed for a time; nothing here could tell that it is enough
    client.popen.send_signal(signal.SIGCONT)
    held = client.wait_for(r"held .*", timeout=120)[0]
    calls = [line for line in client.lines if line.startswith("call ")]
    # What it says into the old path before it notices may be lost, and that is said as it is.
    lost = [line for line in calls if line != "call direct"]
    assert len(lost) <= 2 and set(lost) <= {"call unreachable unknown", "call queue, plain"}
    assert calls[-10:] == ["call direct"] * 10
    assert held == "held unreachable unknown"  # the agent gave it up, and has not restarted
    assert "closing the path" not in agent.output and "broke the protocol" not in agent.output
