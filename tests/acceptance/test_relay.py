"""Two agents that reach only the registry's port: all goes by the relay, and it reads nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.acceptance.test_paths import LONG, SCENES, Stage
from tests.acceptance.test_paths import stage as stage
from tests.lab import leaks

pytestmark = [pytest.mark.root, pytest.mark.timeout(LONG + 120)]

soak = pytest.mark.soak
WALLED = SCENES["only the registry"]


def beside_anna(stage: Stage, *words: str) -> list[str]:
    """The lines that a command beside `anna` prints."""
    done = stage.procs.run(*words, "--json", timeout=LONG, host=stage.anna.host)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


PYTHON_ENGINE = [{}, *(pytest.param({end: "aiortc"}, marks=soak) for end in ("anna", "bob"))]


@pytest.mark.parametrize("engines", PYTHON_ENGINE, ids=lambda engines: "-".join(engines) or "wrtc")
def test_a_stream_of_twenty_items_flows(stage: Stage, engines: dict[str, str]):
    """With aiortc at one end too: `anna` or `bob`."""
    stage.set_up(WALLED, **engines)
    lines = [json.loads(line) for line in beside_anna(stage, "call", "bob", "count", "to=20")]
    assert [line["item"] for line in lines if line["kind"] == "item"] == list(range(20))
    assert "relay" in {line.get("via") for line in lines}


def test_a_marker_is_found_at_both_agents_and_nowhere_at_the_registry(stage: Stage, tmp_path: Path):
    assert stage.host
    stage.set_up(WALLED)
    capture = leaks.Capture(tmp_path / "packets.pcap", stage.host)
    marker, control = leaks.new_marker(), leaks.new_marker()
    [line] = beside_anna(stage, "call", "anna", "keep", "other=bob", f"data={marker}")
    assert json.loads(line)["value"] == "relay"
    packets = capture.stop()
    assert packets.stat().st_size > 10_000
    assert leaks.found_in_memory(stage.registry.pid, marker) == set()
    assert leaks.found_in_files(stage.procs.home, marker) == {}
    assert leaks.found_in_files(tmp_path, marker) == {}
    assert leaks.search([stage.registry.output.encode()], marker) == set()
    for name in ("anna", "bob"):
        assert "plain" in leaks.found_in_memory(stage.workers[name].pid, marker), name
    # The control: what the queue carries stands in the registry's files.
    beside_anna(stage, "call", "bob", "echo", f"data={control}", "--queue")
    assert leaks.found_in_files(stage.procs.home, control)


def test_a_link_moves_up_when_udp_comes_and_down_when_it_goes(stage: Stage):
    stage.set_up(WALLED)
    assert stage.via() == "relay"
    stage.anna.router.open()
    stage.bob.router.open()
    end = time.monotonic() + LONG
    while stage.via() != "direct":
        assert time.monotonic() < end
    WALLED.fence(stage.anna, stage.bob)
    end = time.monotonic() + LONG
    while stage.via() != "relay":
        assert time.monotonic() < end
