"""``make bench BASE=REV``: this tree against another commit, in alternating pairs of runs.

Each pair measures the same parts of both trees one after the other, with the bench of this tree
and the package of each; which goes first alternates. A figure's quotient is above 1 where this
tree is better. The machine's moods hit both halves of a pair alike, so the median quotient is
trusted where a figure alone is not. PAIRS=n takes more than 7, where the machine is restless.
Writes ``build/bench-base.json``: the medians, and the figures of each pair.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
Row = Mapping[str, float]

PAIRS = max(7, int(os.environ.get("PAIRS", "7")))
FLOOR = 0.97
RISING = ("per_s", "mb_s", "past_ratio")
"""Figures of which more is better, by their names; of all others less is."""
FALLING = ("p99", "idle_ms")
"""But for these."""
UNJUDGED = ("engine.", "nats.", "http.", "disk.")
"""What no change of ours moves."""


def quotient(name: str, ours: float, base: float) -> float:
    """How much better ours is: 1.0 the same, 2.0 twice as good, whatever the figure's unit."""
    rising = any(part in name for part in RISING) and not any(part in name for part in FALLING)
    better, worse = (ours, base) if rising else (base, ours)
    return better / worse if worse else 1.0


def medians(pairs: Sequence[tuple[Row, Row]]) -> dict[str, float]:
    """The median quotient of each figure that both halves of every pair have."""
    shared = set.intersection(*({*ours} & {*base} for ours, base in pairs))
    judged = sorted(name for name in shared if not name.startswith(UNJUDGED))
    return {
        name: statistics.median(quotient(name, ours[name], base[name]) for ours, base in pairs)
        for name in judged
    }


@contextlib.contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """A tree of that commit in a temporary folder; the repository stays as it was."""
    with tempfile.TemporaryDirectory(prefix="chatixia-base-") as folder:
        tree = Path(folder) / "tree"
        archive = Path(folder) / "tree.tar"
        tree.mkdir()
        git = ["git", "archive", "--output", str(archive), f"{revision}^{{commit}}"]
        done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: {revision} is no commit of this repository")
        subprocess.run(["tar", "-xf", str(archive), "-C", str(tree)], check=True)
        yield tree


def parts_of(revision: str) -> set[str]:
    """The parts that the bench of that commit has: what is newer has nothing to compare with."""
    show = ["git", "show", f"{revision}:tests/bench/run.py"]
    done = subprocess.run(show, cwd=ROOT, capture_output=True, text=True)
    return set(re.findall(r'"(\w+)": part_\w+', done.stdout))


def measure(tree: Path, parts: str) -> Row:
    """One run of the parts over the package of a tree, without the other contenders."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        env = {
            **os.environ,
            "BENCH_TREE": str(tree),
            "BENCH_OUT": out.name,
            "ONLY": parts,
            "PYTHONPATH": os.pathsep.join([str(tree), str(tree / "src")]),
        }
        env.pop("BASE", None)
        command = [sys.executable, str(ROOT / "tests" / "bench" / "run.py")]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: {tree} failed:\n{done.stderr[-3000:]}")
        row: dict[str, float] = json.loads(Path(out.name).read_text())
    return row


def compare(revision: str, parts: str, pairs: int = PAIRS) -> int:
    """Measure and print; 1 if a figure's median quotient is below the floor."""
    rows: list[tuple[Row, Row]] = []
    with checkout(revision) as tree:
        for turn in range(pairs):
            order = [ROOT, tree] if turn % 2 == 0 else [tree, ROOT]
            done = {at: measure(at, parts) for at in order}
            rows.append((done[ROOT], done[tree]))
            print(f"  pair {turn + 1} of {pairs}", file=sys.stderr, flush=True)
    found = medians(rows)
    (ROOT / "build" / "bench-base.json").write_text(
        json.dumps({"median": found, "pairs": rows}, indent=1) + "\n"
    )
    print(f"median quotient of {pairs} pairs against {revision}; above 1 is better\n")
    for name, value in found.items():
        print(f"{name:40} {value:10.3f}   {'' if value >= FLOOR else f'below {FLOOR}'}".rstrip())
    return int(any(value < FLOOR for value in found.values()))
