"""`make faults`: break one promise at a time and demand that its tests go red.

ONLY=name,name runs a part; JOBS=n faults at once (8: with a fault the tests of whole processes
mostly wait). Those with most such tests begin first, so that none of them runs on alone at the end.
Every named test is run without a fault as well, unless it just passed on this very tree
(passed.py); a fault with a test that is not green then counts as not seen. Each other fault must
turn each of its tests red, must have been applied in some process, and every place it patches
must exist. Exit 1 otherwise; the closing line counts. How long each took stands in
build/faults.json.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[0] = str(ROOT)  # not this folder, whose files have names of libraries

from tests.faults.faults import FAULTS, Fault  # noqa: E402
from tests.faults.passed import passed, plain  # noqa: E402 - found by the path
from tests.faults.pytest_process import run_green, run_with_fault  # noqa: E402 - found by the path

PASSED, FAILED = 0, 1  # pytest's exit codes; any other means that nothing was shown
TIMEOUT = 240
GREEN = 3600  # the whole table without a fault, beside those with one
JOBS = int(os.environ.get("JOBS", "8"))
GREEN_JOBS = 3
"""Beside them, without a fault."""
SECONDS = ROOT / "build/faults.json"


def went_red(node: str, output: str) -> bool:
    """Whether a test failed, with any of its parameters, by the lines of pytest's summary."""
    line = rf"^(?:FAILED|ERROR) {re.escape(node)}(?![^ \[\n])"
    return re.search(line, output, re.MULTILINE) is not None


def groups(nodes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """What one pytest runs: all unit tests together, each test of whole processes by itself."""
    units = tuple(node for node in nodes if "/acceptance/" not in node)
    return [group for group in (units, *((node,) for node in nodes if node not in units)) if group]


def unmoved(nodes: tuple[str, ...], code: int, output: str) -> list[str]:
    """What is wrong with the tests of one run: green, or nothing shown."""
    if code not in (PASSED, FAILED):
        return [f"showed nothing (exit {code}): {' '.join(nodes)}\n{output[-800:]}"]
    return [f"stays green: {node}" for node in nodes if not went_red(node, output)]


def complaints(fault: Fault) -> list[str]:
    """What is wrong with a fault: a test that stays green, a place that is gone, never applied."""
    wrong = [] if fault.red else ["names no test"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.touch()
        for nodes in groups(fault.red):
            wrong += unmoved(
                nodes, *run_with_fault(nodes, fault.name, str(log), TIMEOUT * len(nodes))
            )
        lines = log.read_text().splitlines()
    wrong += sorted({line.rpartition(" pid")[0] for line in lines if line.startswith("missing")})
    applied = {line.split()[1] for line in lines if line.startswith("applied")}
    wrong += [f"never applied: {place}" for place in fault.places if place not in applied]
    return wrong


def longest_first(faults: list[Fault]) -> list[Fault]:
    """By how many tests of whole processes they have: each may wait until it is given up."""
    return sorted(faults, key=lambda fault: -sum("/acceptance/" in node for node in fault.red))


def main() -> int:
    """Run the table and print a line per fault."""
    only = [name for name in os.environ.get("ONLY", "").split(",") if name]
    chosen = [fault for fault in FAULTS if not only or fault.name in only]
    if unknown := set(only) - {fault.name for fault in FAULTS}:
        print(f"faults: no such fault: {', '.join(sorted(unknown))}")
        return 2
    nodes, before = without_a_fault(chosen, passed())
    print(f"{len(nodes)} tests without a fault{before}, and {len(chosen)} faults ...", flush=True)
    start = time.monotonic()
    with ThreadPoolExecutor(JOBS + 1) as pool:
        # Beside each other: with a fault most tests wait for what does not come.
        green = pool.submit(run_green, nodes, GREEN_JOBS, GREEN) if nodes else None
        try:
            bad = look_at_all(pool, chosen)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)  # else the rest would still be run
            raise SystemExit(130) from None
        if green is not None:
            bad |= red_without(chosen, *green.result())
    print(
        f"{len(chosen) - len(bad)} passed, {len(bad)} failed   ({time.monotonic() - start:.0f} s)"
    )
    return 1 if bad else 0


def without_a_fault(chosen: list[Fault], done: frozenset[str]) -> tuple[tuple[str, ...], str]:
    """The tests that are to be run without one, and words on those that passed before."""
    named = dict.fromkeys(node for fault in chosen for node in fault.red)
    nodes = tuple(node for node in named if plain(node) not in done)
    more = len(named) - len(nodes)
    return nodes, f" ({more} more passed on this tree)" if more else ""


def look_at_all(pool: ThreadPoolExecutor, chosen: list[Fault]) -> set[str]:
    """Each fault by itself; the names of those of which something is wrong."""
    seconds: dict[str, float] = {}
    bad: set[str] = set()

    def look(fault: Fault) -> list[str]:
        began = time.monotonic()
        wrong = complaints(fault)
        seconds[fault.name] = round(time.monotonic() - began, 1)
        return wrong

    looks = {pool.submit(look, fault): fault for fault in longest_first(chosen)}
    for done in as_completed(looks):
        fault, wrong = looks[done], done.result()
        verdict = "NOT SEEN" if wrong else "red"
        print(
            "\n          ".join([f"{verdict:9} {fault.name:28} {fault.promise}", *wrong]),
            flush=True,
        )
        if wrong:
            bad.add(fault.name)
    SECONDS.parent.mkdir(exist_ok=True)
    SECONDS.write_text(json.dumps(dict(sorted(seconds.items(), key=lambda each: -each[1]))))
    return bad


def red_without(chosen: list[Fault], code: int, output: str) -> set[str]:
    """The faults with a test that is not green without: it showed nothing with them."""
    bad = set()
    for fault in chosen:
        for node in fault.red:
            if went_red(node, output):
                print(f"NOT SEEN  {fault.name:28} not green without: {node}")
                bad.add(fault.name)
    if code not in (PASSED, FAILED) or (code == FAILED and not bad):
        print(output[-3000:], "\nfaults: the tests are not green without a fault")
        return {fault.name for fault in chosen}
    return bad


if __name__ == "__main__":
    sys.exit(main())
