"""One run of pytest in a process of its own, with a planted fault or without.

A run with a fault is forked from a process where the libraries that tests import stand ready: most
of them take longer to import than their tests run. Nothing of chatixia or of its tests stands
there, so that a fault is planted before its module is imported, as in every process that a test
starts.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

INJECT = Path(__file__).resolve().parent / "inject"
ROOT = INJECT.parents[2]
LIBRARIES = (
    *("cryptography.x509", "hypothesis.strategies", "msgspec", "pygments", "pytest"),
    *("pytest_asyncio.plugin", "schemathesis.pytest.plugin", "starlette.applications"),
    *("uvicorn", "websockets.asyncio.client", "xdist.plugin"),
)
OPTIONS = ("-q", "--tb=line", "-p", "no:cacheprovider")
WITH_FAULT = ("-rA", "--timeout=90", "--timeout-method=signal")
END_SECONDS = 20
"""For a run that hung, to end the processes that it started."""

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(list(LIBRARIES))


def run_green(nodes: tuple[str, ...], jobs: int, bound: float) -> tuple[int, str]:
    """Run tests without a fault, `jobs` at once; gives pytest's exit code and its output, and -1
    after ``bound`` seconds."""
    command = [sys.executable, "-m", "pytest", *OPTIONS, "-n", str(jobs), "--dist", "loadgroup"]
    try:
        run = subprocess.run(
            [*command, *nodes],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=bound,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"hung for {bound:.0f} s"
    return run.returncode, run.stdout


def run_with_fault(nodes: tuple[str, ...], fault: str, log: str, bound: float) -> tuple[int, str]:
    """The same with a fault planted, whose places are told in the file ``log``."""
    with tempfile.NamedTemporaryFile("r", suffix=".out") as output:
        process = _forks.Process(target=_run_forked, args=(nodes, fault, log, output.name))
        process.start()
        process.join(bound)
        if process.exitcode is None:
            _end(process)
            return -1, f"hung for {bound:.0f} s"
        return process.exitcode, output.read()


def _end(process: BaseProcess) -> None:
    if process.pid is not None:
        os.kill(process.pid, signal.SIGINT)
    process.join(END_SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()


def _run_forked(nodes: tuple[str, ...], fault: str, log: str, output: str) -> None:
    """In the new process: become what `python -m pytest` is where CHATIXIA_FAULT is set."""
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(ROOT)
    os.environ |= {
        "CHATIXIA_FAULT": fault,
        "CHATIXIA_FAULT_LOG": log,
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(INJECT), os.environ.get("PYTHONPATH", "")])
        ),
    }
    # Packets that one fault lets out must not turn the test of another red.
    os.environ.pop("CHATIXIA_CUT_OFF", None)
    sys.path.insert(0, str(INJECT))
    runpy.run_path(str(INJECT / "sitecustomize.py"))
    import pytest

    # Of one test's parameters one red is enough, and the others would wait as long in vain.
    first = ("--exitfirst",) if len(nodes) == 1 else ()
    arguments = ["pytest", *OPTIONS, *WITH_FAULT, *first, *nodes]
    sys.argv = arguments
    sys.exit(int(pytest.main(arguments[1:])))
