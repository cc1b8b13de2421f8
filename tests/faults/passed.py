"""Which tests passed on which tree, so that `make faults` does not run them again.

`make test` writes `build/passed.json` where nothing differs from the commit, at its start and at
its end; a part of the tests adds to what is there of the same tree.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "build" / "passed.json"
_MORE = re.compile(r"(\[.*\])?(@[\w-]+)?$", re.DOTALL)
"""Parameters, and the group that xdist writes behind a name."""


def plain(node: str) -> str:
    """The test of a node id, whatever its parameters."""
    return _MORE.sub("", node, count=1)


def tree(root: Path = ROOT) -> str | None:
    """The id of the tree at ``root``; None where a file differs from the commit, or git is not
    there."""
    try:
        changes = _git(root, "status", "--porcelain")
        return None if changes else _git(root, "rev-parse", "HEAD^{tree}")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def passed(file: Path = FILE, root: Path = ROOT) -> frozenset[str]:
    """The tests, without their parameters, that passed on the present tree."""
    try:
        record, present = json.loads(file.read_text()), tree(root)
        same = present is not None and record["tree"] == present
        return frozenset(record["passed"]) if same else frozenset()
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


class PassedTests:
    """A plug-in of pytest that keeps the record; for the process that hears of all tests."""

    def __init__(self, file: Path = FILE, root: Path = ROOT) -> None:
        self._file, self._root = file, root
        self._tree = tree(root)
        self._passed: set[str] = set()
        self._others: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test; one that is not green in all of them, with all its parameters, did
        not pass."""
        name = plain(report.nodeid)
        if not report.passed:
            self._others.add(name)
        elif report.when == "call":
            self._passed.add(name)

    def pytest_sessionfinish(self) -> None:
        """Write what passed, unless the tree changed meanwhile."""
        if self._tree is not None and self._tree == tree(self._root):
            self._write((passed(self._file, self._root) | self._passed) - self._others)

    def _write(self, names: Iterable[str]) -> None:
        self._file.parent.mkdir(exist_ok=True)
        record = {"tree": self._tree, "passed": sorted(names)}
        self._file.write_text(json.dumps(record, indent=1) + "\n")
