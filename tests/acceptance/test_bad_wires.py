"""Wires that delay and lose: numbered messages arrive once and in order, whatever moves meanwhile.

`anna` is behind a bad wire; she has `bob` write numbers down, each in a call of its own.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from tests.acceptance.harness import MOVER
from tests.acceptance.test_paths import LONG, Scene, Stage
from tests.acceptance.test_paths import stage as stage
from tests.lab.nat import Home, Internet
from tests.lab.wire import Wire

HOUR = 3600
pytestmark = [pytest.mark.root, pytest.mark.timeout(LONG + 120)]
soak = [pytest.mark.soak, pytest.mark.timeout(HOUR)]


class Weather(NamedTuple):
    """What the wire does, and how many numbers go over it."""

    wire: Wire
    count: int
    every: float


NEAR = Wire(delay=0.025, loss=0.01)
FAR = Wire(delay=0.1, jitter=0.005, loss=0.05, duplicate=0.01)
WEATHER = {
    "50 ms, 1 %, moving": Weather(NEAR, 2_000, 1.0),
    "200 ms, 5 %": Weather(FAR, 200, 0.0),
}
SOAK = {
    "50 ms, 1 %, whole": Weather(NEAR, 10_000, 0.0),
    "200 ms, 5 %, whole": Weather(FAR, 10_000, 0.0),
    "50 ms, 1 %, moving, whole": Weather(NEAR, 10_000, 1.0),
    "200 ms, 5 %, moving, whole": Weather(FAR, 10_000, 1.0),
}
CASES = [*WEATHER, *(pytest.param(name, marks=soak) for name in SOAK)]


def behind(wire: Wire) -> Scene:
    """Two cones, one of them behind that wire."""

    def homes(net: Internet) -> tuple[Home, Home]:
        return net.behind("cone", wire=wire), net.behind("cone")

    return Scene(homes, "direct", turn=False)


def told(stage: Stage, *words: str, timeout: float = LONG) -> Any:
    """The value of a call by a client beside `anna`."""
    options = ("--timeout", str(timeout), "--json")
    done = stage.procs.run("call", *words, *options, timeout=timeout + 30, host=stage.anna.host)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["value"]


@pytest.mark.parametrize("name", CASES)
def test_numbered_messages_arrive_once_and_in_order(stage: Stage, name: str):
    wire, count, every = {**WEATHER, **SOAK}[name]
    stage.program, stage.settings["UNHELD"] = MOVER, "1"
    stage.set_up(behind(wire))
    seconds = HOUR / 2 if name in SOAK else LONG
    words = ("to=bob", f"count={count}", "flight=32", f"every={every}")
    said = told(stage, "anna", "numbers", *words, timeout=seconds)
    print(f"{name:28} {count} messages: {said}")
    assert stage.anna.wire
    print("   ", stage.anna.wire.unplug())
    lines = stage.ledger.read_text().splitlines()
    assert lines == [f"bob {n}" for n in range(count)]
    assert sum(said["tiers"].values()) == count
    if every:
        assert said["changes"] >= 3 and len(said["tiers"]) > 1, said
