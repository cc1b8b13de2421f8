"""A call outlives its path: cuts, a new address, a TURN server or a registry that dies meanwhile.

A client beside `anna` asks `bob` for something that takes a while; when `bob` has begun, the
network is changed. `bob` writes down each execution: one call, one execution, one answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.test_paths import LONG, SCENES, Stage
from tests.acceptance.test_paths import stage as stage
from tests.lab.procs import CHATIXIA, Process
from tests.until import until_sync

pytestmark = [pytest.mark.root, pytest.mark.timeout(LONG + 120)]

DEADLINE = 60
CUT = 5.0
"""Seconds; longer than the 4 s of silence after which a path is judged."""


def asked(stage: Stage, seconds: float) -> Process:
    """A call that `bob` has begun to serve, over a link."""
    words = ("call", "bob", "hold", "n=1", f"seconds={seconds}", "--timeout", str(DEADLINE))
    process = stage.procs.start(*words, "--json", program=CHATIXIA, host=stage.anna.host)
    until_sync(lambda: stage.ledger.exists() and stage.ledger.read_text() == "bob 1\n", LONG)
    return process


def answer(process: Process) -> Any:
    """What the call printed, once it has ended in good order."""
    assert process.wait(DEADLINE + 30) == 0, process.output
    return json.loads(process.stream("out"))


def no_udp_for_a_while(stage: Stage) -> None:
    stage.anna.router.block_udp()
    time.sleep(CUT)
    stage.anna.router.open()


def nothing_for_a_while(stage: Stage) -> None:
    stage.anna.router.cut()
    time.sleep(CUT)
    stage.anna.router.open()


def another_address(stage: Stage) -> None:
    stage.anna.router.change_address()


def turn_dies_and_returns(stage: Stage) -> None:
    assert stage.turn
    stage.turn.stop()
    time.sleep(CUT)
    stage.turn.start()


def registry_dies(stage: Stage) -> None:
    stage.kill_registry()


CHANGES: dict[str, tuple[str, Callable[[Stage], None]]] = {
    "no UDP for 5 s": ("cone, cone", no_udp_for_a_while),
    "nothing for 5 s": ("cone, cone", nothing_for_a_while),
    "another address": ("cone, cone", another_address),
    "TURN dies and returns": ("symmetric, symmetric", turn_dies_and_returns),
    "the registry dies": ("cone, cone", registry_dies),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_call_outlives_its_path(stage: Stage, name: str):
    scene, change = CHANGES[name]
    stage.set_up(SCENES[scene])
    call = asked(stage, 3 * CUT)
    change(stage)
    said = answer(call)
    print(f"{name:22} via {said['via']:8} {said['ms']:.0f} ms")
    assert said["value"] == 1 and said["via"] in (SCENES[scene].via, "relay")
    assert stage.ledger.read_text() == "bob 1\n"


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [15, 60])
@pytest.mark.parametrize("what", ["UDP", "everything"])
def test_a_long_cut_ends_in_an_answer_or_one_clear_error(stage: Stage, what: str, seconds: int):
    """A call that is left time is answered, one that is not fails before its deadline."""
    stage.set_up(SCENES["cone, cone"])
    call = asked(stage, seconds + 10)
    fence = stage.anna.router.block_udp if what == "UDP" else stage.anna.router.cut
    fence()
    time.sleep(seconds)
    stage.anna.router.open()
    code = call.wait(DEADLINE + 30)
    printed = call.stream("out") + call.stream("err")
    print(f"{what:10} cut for {seconds} s: {code} {printed.strip()[:200]}")
    assert stage.ledger.read_text() == "bob 1\n"
    if seconds + 10 < DEADLINE:
        assert code == 0 and json.loads(call.stream("out"))["value"] == 1
    else:
        assert code and ("deadline" in printed or "unreachable" in printed)
