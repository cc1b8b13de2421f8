"""`make faults`: break one promise at a time and demand that its tests go red.

ONLY=name,name runs a part; JOBS=n tests at once (2). First every named test must be green without
a fault; then each fault must turn each of its tests red, must have been applied in some process,
and every place it patches must exist. Exit 1 otherwise; the closing line counts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.faults.faults import FAULTS, Fault  # noqa: E402

PASSED, FAILED = 0, 1  # pytest's exit codes; any other means that nothing was shown
TIMEOUT = 240
GREEN = 900  # the whole table without a fault
JOBS = os.environ.get("JOBS", "2")


def pytest(nodes: tuple[str, ...], fault: str = "", log: str = "") -> tuple[int, str]:
    """Run tests with or without a fault; gives pytest's exit code and its output."""
    env = {**os.environ, "CHATIXIA_FAULT": fault, "CHATIXIA_FAULT_LOG": log}
    env["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(HERE / "inject"), os.environ.get("PYTHONPATH")])
    )
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "-p", "no:cacheprovider"]
    if fault:
        # Packets that one fault lets out must not turn the test of another red.
        env.pop("CHATIXIA_CUT_OFF", None)
        command += ["--timeout=90", "--timeout-method=signal"]
    else:
        command += ["-n", JOBS, "--dist", "loadgroup"]
    run = subprocess.Popen(
        [*command, *nodes], cwd=ROOT, env=env, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    bound = TIMEOUT if fault else GREEN
    try:
        output, _ = run.communicate(timeout=bound)
    except subprocess.TimeoutExpired:
        run.send_signal(signal.SIGINT)  # so that it still ends the processes that it started
        try:
            run.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
        return -1, f"hung for {bound} s"
    return run.returncode, output


def complaints(fault: Fault) -> list[str]:
    """What is wrong with a fault: a test that stays green, a place that is gone, never applied."""
    wrong = [] if fault.red else ["names no test"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.touch()
        for node in fault.red:
            code, output = pytest((node,), fault.name, str(log))
            if code == PASSED:
                wrong.append(f"stays green: {node}")
            elif code != FAILED:
                wrong.append(f"showed nothing (exit {code}): {node}\n{output[-800:]}")
        lines = log.read_text().splitlines()
    wrong += sorted({line.rpartition(" pid")[0] for line in lines if line.startswith("missing")})
    applied = {line.split()[1] for line in lines if line.startswith("applied")}
    wrong += [f"never applied: {place}" for place in fault.places if place not in applied]
    return wrong


def main() -> int:
    """Run the table and print a line per fault."""
    only = [name for name in os.environ.get("ONLY", "").split(",") if name]
    chosen = [fault for fault in FAULTS if not only or fault.name in only]
    if unknown := set(only) - {fault.name for fault in FAULTS}:
        print(f"faults: no such fault: {', '.join(sorted(unknown))}")
        return 2
    nodes = tuple(dict.fromkeys(node for fault in chosen for node in fault.red))
    print(f"{len(nodes)} tests without a fault ...", flush=True)
    start, bad = time.monotonic(), 0
    code, output = pytest(nodes)
    if code != PASSED:
        print(output[-3000:], "\nfaults: these must be green before a fault can turn them red")
        return 1
    with ThreadPoolExecutor(int(JOBS)) as pool:
        for fault, wrong in zip(chosen, pool.map(complaints, chosen), strict=True):
            print(f"{'NOT SEEN' if wrong else 'red':9} {fault.name:28} {fault.promise}", flush=True)
            for line in wrong:
                print(f"          {line}")
            bad += bool(wrong)
    print(f"{len(chosen) - bad} passed, {bad} failed   ({time.monotonic() - start:.0f} s)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
