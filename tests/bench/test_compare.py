"""Quotients point the same way whatever the figure, and a base commit leaves no trace."""

import subprocess

import pytest

from tests.bench.compare import ROOT, checkout, medians, parts_of, quotient


@pytest.mark.parametrize(
    ("name", "ours", "base", "better"),
    [
        ("call.per_s_32", 20.0, 10.0, 2.0),
        ("call.p50_ms", 1.0, 2.0, 2.0),
        ("bulk.mb_s", 50.0, 100.0, 0.5),
        ("agent.rss_mb", 80.0, 40.0, 0.5),
        ("tasks.past_ratio", 0.5, 1.0, 0.5),
        ("relay.bystander_p99_ratio", 2.0, 1.0, 0.5),
        ("link.idle_ms_per_s", 0.2, 0.1, 0.5),
    ],
)
def test_a_quotient_above_one_is_better(name: str, ours: float, base: float, better: float):
    assert quotient(name, ours, base) == better


def test_the_median_pair_counts_and_only_figures_of_both():
    pairs = [({"a_ms": n, "new_ms": 1.0, "nats.p50_ms": 1.0}, {"a_ms": 1.0}) for n in (1.0, 2, 9)]
    assert medians(pairs) == {"a_ms": 0.5}


def test_a_base_is_a_tree_of_its_own():
    head = subprocess.run(
        ["git", "rev-parse", "--verify", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    assert head.returncode == 0, "the tests run in a clone"
    with checkout("HEAD") as tree:
        assert (tree / "src" / "chatixia" / "__init__.py").is_file()
    assert not tree.exists()


def test_a_name_that_is_no_commit_is_said():
    with pytest.raises(SystemExit, match="no commit"), checkout("no-such-revision"):
        pass


def test_only_parts_that_the_base_has_are_compared():
    assert {"call", "relay", "past"} <= parts_of("HEAD")
    assert parts_of("no-such-revision") == set()
