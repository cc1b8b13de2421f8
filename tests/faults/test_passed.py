"""What passed on a tree is known of that tree alone."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.passed import PassedTests, passed, plain, tree


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    root.mkdir()
    git(root, "init")
    (root / ".gitignore").write_text("build/\n")
    (root / "a.py").write_text("1\n")
    git(root, "add", ".")
    git(root, "commit", "-m", "A first file")
    return root


def report(node: str, when: str = "call", outcome: str = "passed") -> Any:
    return SimpleNamespace(nodeid=node, when=when, passed=outcome == "passed")


def run(root: Path, *reports: Any) -> frozenset[str]:
    """What is known after a run of those."""
    recorder = PassedTests(root / "build" / "passed.json", root)
    for each in reports:
        recorder.pytest_runtest_logreport(each)
    recorder.pytest_sessionfinish()
    return known(root)


def known(root: Path) -> frozenset[str]:
    return passed(root / "build" / "passed.json", root)


def test_a_name_has_neither_parameters_nor_group():
    assert plain("a.py::test_x[1-b@c]@mesh") == plain("a.py::test_x") == "a.py::test_x"
    assert plain("a.py::test_x[two\nlines]") == "a.py::test_x"


def test_what_is_not_green_with_each_parameter_in_each_phase_did_not_pass(clone: Path):
    assert run(
        clone,
        report("a.py::test_good", "setup"),
        report("a.py::test_good"),
        report("a.py::test_half[1]"),
        report("a.py::test_half[2]", outcome="failed"),
        report("a.py::test_late"),
        report("a.py::test_late", "teardown", "failed"),
        report("a.py::test_skipped", "setup", "skipped"),
    ) == {"a.py::test_good"}


def test_a_part_adds_to_the_rest_and_takes_back_what_is_red_now(clone: Path):
    run(clone, report("a.py::test_one"), report("a.py::test_two"))
    both = run(clone, report("a.py::test_two", outcome="failed"), report("a.py::test_three"))
    assert both == {"a.py::test_one", "a.py::test_three"}


def test_it_counts_for_the_same_tree_alone(clone: Path):
    run(clone, report("a.py::test_one"))
    (clone / "a.py").write_text("2\n")
    assert tree(clone) is None and known(clone) == frozenset()
    assert run(clone, report("a.py::test_two")) == frozenset()
    git(clone, "commit", "-am", "Another")
    assert tree(clone) and known(clone) == frozenset()
    (clone / "a.py").write_text("1\n")
    git(clone, "commit", "-am", "Back")
    assert known(clone) == {"a.py::test_one"}


def test_a_tree_that_changed_in_mid_run_has_no_record(clone: Path):
    recorder = PassedTests(clone / "build" / "passed.json", clone)
    recorder.pytest_runtest_logreport(report("a.py::test_one"))
    (clone / "b.py").write_text("new\n")
    recorder.pytest_sessionfinish()
    git(clone, "add", ".")
    git(clone, "commit", "-m", "More")
    assert not (clone / "build").exists() and known(clone) == frozenset()


def test_no_git_and_no_good_record_are_no_record(tmp_path: Path):
    assert tree(tmp_path) is None
    file = tmp_path / "passed.json"
    for text in ("", "[]", "{}", '{"tree": null}'):
        file.write_text(text)
        assert passed(file, tmp_path) == frozenset()
