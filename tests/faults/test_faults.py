"""The frame of the planted faults: it patches what it says, and complains where it cannot."""

import ast
import importlib
import os
import pathlib
import subprocess
import sys

import pytest

from tests.faults.faults import BY_NAME, FAULTS, Fault
from tests.faults.run import (
    groups,
    longest_first,
    red_without,
    unmoved,
    went_red,
    without_a_fault,
)

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]

NO_FAULT = {
    "test_paths.py::test_each_network_has_its_tier_with_aiortc_at_one_end": (
        "the same networks as test_each_network_has_its_tier, whose faults stand for it, in soak"
    ),
    "test_intruders.py::test_a_registry_that_relays_carries_a_link": (
        "the positive control of a registry that bends: it shows the lab, and other tests the link"
    ),
    "test_past.py::test_a_million_finished_tasks_cost_neither_memory_nor_speed": (
        "minutes of soak: the faults of its short form show what it sees"
    ),
    "test_secrets.py::test_the_search_sees_what_the_queue_carries_in_clear": (
        "the positive control of the search for the marker: it shows that the lab's search sees"
    ),
    "test_storm.py::test_a_storm_loses_nothing_and_says_nothing_untrue": (
        "minutes of chance: the mutants of tests/lab/test_history.py show what its checker sees,"
        " and the faults of test_outcomes.py what a crash at the worst moment does"
    ),
    "test_matrix.py::test_a_cell_that_differs_is_seen": (
        "checks the comparison that the matrix is read with"
    ),
    "test_node_guide.py::test_the_example_is_the_file_that_lies_there": (
        "compares a page with a file, and no code runs"
    ),
    "test_transcript.py::test_shapes": "checks the matcher that test_ten_minutes reads with",
}
"""Acceptance tests that stand for no promise of the product: (file::test) -> why."""


def test_names_are_unique_and_say_something():
    assert len(BY_NAME) == len(FAULTS)
    assert all(fault.promise and fault.places and fault.red for fault in FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_places_and_tests_exist(fault: Fault):
    for place in fault.places:
        module, _, path = place.partition(":")
        thing = importlib.import_module(module)
        for name in path.split("."):
            thing = getattr(thing, name)
    for node in fault.red:
        file, *names = node.split("[")[0].split("::")
        body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        for name in names:
            found = [b for b in body if getattr(b, "name", "") == name]
            assert found, node
            body = getattr(found[0], "body", [])


def test_every_acceptance_test_is_reddened_by_some_fault():
    written = {
        f"{file.name}::{node.name}"
        for file in (ROOT / "tests" / "acceptance").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }
    named = {
        node.split("[")[0].removeprefix("tests/acceptance/")
        for fault in FAULTS
        for node in fault.red
        if node.startswith("tests/acceptance/")
    }
    assert not written - named - NO_FAULT.keys(), "add a fault, or say in NO_FAULT why none"
    assert not NO_FAULT.keys() - written, "there is no such test"
    assert not NO_FAULT.keys() & named, "a fault names it, so it needs no excuse"


TABLE = """
from typing import NamedTuple
class Fault(NamedTuple):
    places: dict
def lie(original):
    return lambda *a: not original(*a)
BY_NAME = {
    "lie": Fault({"chatixia.ids:is_skill": lie}),
    "gone": Fault({"chatixia.ids:was_skill": lie}),
    "early": Fault({"stat:filemode": lie}),
}
"""
ASK = "import chatixia.ids as i; from chatixia.ids import is_skill; print(is_skill('a b'))"


def run(tmp_path: pathlib.Path, fault: str, ask: str = ASK) -> tuple[str, str]:
    """The answer of a fresh process under a fault of TABLE, and what the injector told."""
    folder = tmp_path / "inject"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text((HERE / "inject/sitecustomize.py").read_text())
    (tmp_path / "faults.py").write_text(TABLE)
    log = tmp_path / "log"
    log.touch()
    env = {**os.environ, "PYTHONPATH": str(folder)}
    env |= {"CHATIXIA_FAULT": fault, "CHATIXIA_FAULT_LOG": str(log)}
    # The process asks in a child of its own: faults must reach what tests start.
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ask!r}], check=True)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip(), log.read_text()


def test_without_a_switch_nothing_changes(tmp_path: pathlib.Path):
    assert run(tmp_path, "") == ("False", "")


def test_a_fault_reaches_a_child_process(tmp_path: pathlib.Path):
    answer, told = run(tmp_path, "lie")
    assert answer == "True"
    assert told.startswith("applied chatixia.ids:is_skill pid ")


def test_a_fault_reaches_a_module_that_was_there_before(tmp_path: pathlib.Path):
    answer, told = run(tmp_path, "early", "import stat; print(stat.filemode(0))")
    assert answer == "False"
    assert told.startswith("applied stat:filemode pid ")


@pytest.mark.parametrize("name", ["gone", "unheard"])
def test_a_fault_without_its_place_is_told(tmp_path: pathlib.Path, name: str):
    answer, told = run(tmp_path, name)
    assert answer == "False"
    assert told.startswith("missing ")


def test_no_product_code_knows_of_faults():
    knowing = [
        str(path)
        for path in (ROOT / "src").rglob("*.py")
        if "CHATIXIA_FAULT" in path.read_text(encoding="utf-8")
    ]
    assert not knowing


SUMMARY = """\
PASSED tests/a.py::test_one
FAILED tests/a.py::test_two[x y] - AssertionError
ERROR tests/a.py::test_three - OSError
FAILED tests/a.py::test_whose_name_leaves_no_room_for_a_reason
"""


@pytest.mark.parametrize(
    ("node", "red"),
    [
        ("tests/a.py::test_one", False),
        ("tests/a.py::test_two", True),
        ("tests/a.py::test_two[x y]", True),
        ("tests/a.py::test_two[x]", False),
        ("tests/a.py::test_three", True),
        ("tests/a.py::test_th", False),
        ("tests/a.py::test_whose_name_leaves_no_room_for_a_reason", True),
    ],
)
def test_a_node_is_red_by_its_own_line_of_the_summary(node: str, red: bool):
    assert went_red(node, SUMMARY) is red


def test_a_node_too_long_for_a_reason_beside_it_is_red():
    """pytest leaves the reason out where the line has no room for it."""
    assert went_red("tests/a.py::test_long", "FAILED tests/a.py::test_long\n1 failed in 1.0s\n")
    assert not went_red("tests/a.py::test_lo", "FAILED tests/a.py::test_long\n")


def test_a_run_that_shows_nothing_is_no_red():
    assert unmoved(("tests/a.py::test_two",), 1, SUMMARY) == []
    assert unmoved(("tests/a.py::test_one",), 1, SUMMARY) == ["stays green: tests/a.py::test_one"]
    assert "showed nothing" in unmoved(("tests/a.py::test_two",), 4, SUMMARY)[0]


def test_unit_tests_share_a_run_and_each_of_whole_processes_has_its_own():
    nodes = (
        "tests/a.py::x",
        "tests/acceptance/b.py::y",
        "tests/c.py::z",
        "tests/acceptance/d.py::w",
    )
    assert groups(nodes) == [(nodes[0], nodes[2]), (nodes[1],), (nodes[3],)]


def test_a_fault_counts_only_where_its_tests_are_green_without(capsys: pytest.CaptureFixture[str]):
    one, other = (Fault(name, "x", {}, (f"tests/test_{name}.py::test",)) for name in ("a", "b"))
    assert red_without([one, other], 0, "2 passed") == set()
    assert red_without([one, other], 1, "FAILED tests/test_a.py::test[1] - x") == {"a"}
    assert "not green without: tests/test_a.py::test" in capsys.readouterr().out
    assert red_without([one, other], 1, "a crash") == {"a", "b"}
    assert red_without([one, other], -1, "hung") == {"a", "b"}


def test_what_passed_on_this_tree_is_not_run_again_without_a_fault():
    one = Fault("one", "x", {}, ("tests/test_a.py::test[1]", "tests/test_b.py::test"))
    other = Fault("other", "x", {}, ("tests/test_b.py::test", "tests/test_c.py::test"))
    every = ("tests/test_a.py::test[1]", "tests/test_b.py::test", "tests/test_c.py::test")
    assert without_a_fault([one, other], frozenset()) == (every, "")
    done = frozenset({"tests/test_a.py::test", "tests/test_c.py::test"})
    assert without_a_fault([one, other], done) == (every[1:2], " (2 more passed on this tree)")


def test_what_waits_longest_begins_first():
    quick = Fault("quick", "x", {}, ("tests/test_x.py::test",) * 3)
    slow = Fault("slow", "x", {}, ("tests/acceptance/test_x.py::test",))
    assert [fault.name for fault in longest_first([quick, slow])] == ["slow", "quick"]
