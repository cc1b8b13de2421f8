"""A call outlives its path: cuts, a new address, a TURN server or a registry that dies meanwhile.

A client beside `anna` asks `bob` for something that takes a while; when `bob` has begun, the
network is changed. `bob` writes down each execution: one call, one execution, one answer.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.harness import MOVER
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


@pytest.mark.parametrize(
    "silently", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["restarted", "running"]
)
def test_a_registry_that_moves_is_found_again_and_no_call_notices(stage: Stage, silently: bool):
    """Its machine has another address, and its name follows: it was restarted for that, or nobody
    was told."""
    stage.public = "registry.lab"
    stage.set_up(SCENES["cone, cone"])
    call = asked(stage, 2.0 if not silently else 45.0)
    assert stage.host
    if not silently:
        stage.kill_registry()
    old, new = stage.host.ip, stage.net.renumber(stage.host)
    stage.tell_name()
    if not silently:
        stage.serve()
    assert answer(call)["value"] == 1 and stage.ledger.read_text() == "bob 1\n"
    began = time.monotonic()
    until_sync(lambda: online(stage) == {"anna", "bob"}, LONG, pause=0.2)
    assert stage.via() in ("direct", "relay"), "links open through it"
    print(f"from {old} to {new}: both are back {time.monotonic() - began:.1f} s later")


def online(stage: Stage) -> set[str]:
    """Who is there, as the registry says."""
    listed = stage.cli("agents")["agents"]
    return {each["agent_id"] for each in listed if each["status"] != "offline"}


def udp(stage: Stage, seconds: float) -> None:
    stage.anna.router.block_udp()
    time.sleep(seconds)
    stage.anna.router.open()


def everything(stage: Stage, seconds: float) -> None:
    stage.anna.router.cut()
    time.sleep(seconds)
    stage.anna.router.open()


def address(stage: Stage, seconds: float) -> None:
    """Another one, and after a while a third."""
    stage.anna.router.change_address()
    time.sleep(seconds)
    stage.anna.router.change_address()


def turn_server(stage: Stage, seconds: float) -> None:
    assert stage.turn
    stage.turn.stop()
    time.sleep(seconds)
    stage.turn.start()


def registry(stage: Stage, seconds: float) -> None:
    stage.kill_registry()
    time.sleep(seconds)
    stage.serve()


CUTS = {
    "UDP": ("cone, cone", udp),
    "everything": ("cone, cone", everything),
    "address": ("cone, cone", address),
    "TURN": ("symmetric, symmetric", turn_server),
    "registry": ("cone, cone", registry),
}
CALLS = 12
HOLD = 3.0
GRACE = 5.0
"""What an error may be late by: the machine is busy, and a hang's bound is no measure."""


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [5, 15, 60])
@pytest.mark.parametrize("name", CUTS)
def test_a_cut_loses_no_call_or_ends_it_in_one_clear_error(stage: Stage, name: str, seconds: int):
    """A client beside `anna` has her call `bob` before, in and after the cut, each call with a
    deadline of 60 s: of a cut of 5 or 15 s they know nothing."""
    scene, cut = CUTS[name]
    stage.program = MOVER
    stage.set_up(SCENES[scene])
    assert stage.via() in (SCENES[scene].via, "relay")
    given = {"to": "bob", "count": CALLS, "seconds": HOLD, "over": seconds, "deadline": DEADLINE}
    words = [f"{key}={value}" for key, value in given.items()]
    call = stage.procs.start(
        *("call", "anna", "several", *words, "--timeout", "300", "--json"), host=stage.anna.host
    )
    until_sync(lambda: stage.ledger.exists(), LONG)
    cut(stage, seconds)
    assert call.wait(LONG + DEADLINE + 60) == 0, call.output
    ends = json.loads(call.stream("out"))["value"]
    counts = Counter(f"{end['end']} {end.get('via') or end['outcome']}" for end in ends)
    slowest = max(end["took"] for end in ends)
    print(f"{name:10} cut for {seconds:2} s: {dict(counts)}, slowest {slowest:.1f} s")
    runs = Counter(stage.ledger.read_text().split("\n")[:-1])
    assert set(runs.values()) == {1}, runs
    assert slowest < DEADLINE + GRACE and len(ends) == CALLS
    bad = [end for end in ends if end["end"] not in ("answer", "deadline_exceeded", "unreachable")]
    assert not bad, bad
    if seconds < DEADLINE:
        assert [end.get("value") for end in ends] == list(range(CALLS))
