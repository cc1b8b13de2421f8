"""Whoever asks and whoever answers: the same value, items, error, cancel, deadline and file.

An agent in Python with the peer in its process, one behind a sidecar, and one in Node: each asks
each, itself's twin too, and every cell must be what Python says to Python.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from chatixia.errors import TABLE
from tests.acceptance.harness import TestMesh
from tests.interop.node_client import built, node
from tests.lab.procs import Process

CODE = Path(__file__).parent / "matrix"
KINDS = {"python": "", "sidecar": "sidecar: true\n", "node": "exec: [{node}, agent.mjs]\n"}
START_S = 180.0
"""A hang's bound: fourteen processes start at once."""
Row = dict[str, Any]


@pytest.fixture
def place() -> Iterator[Path]:
    """A socket's path has at most 100 bytes, and the usual folder's is longer than that."""
    with TemporaryDirectory(prefix="cx-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "r").mkdir(mode=0o700)
        yield Path(folder)


def start(net: TestMesh, place: Path, kind: str, name: str, client: Path) -> Process:
    folder = place / name
    folder.mkdir()
    shutil.copytree(CODE, folder, dirs_exist_ok=True)
    (folder / "agent.yaml").write_text(f"name: {name}\n" + KINDS[kind].format(node=node()))
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "chatixia-mesh").symlink_to(client)
    return net.procs.start("run", str(folder), NAME=name, XDG_RUNTIME_DIR=str(place / "r"))


def plain(row: Row, asks: str, answers: str) -> Row:
    """A row without the names of the two."""
    text = json.dumps(row, ensure_ascii=False, sort_keys=True)
    return dict(json.loads(text.replace(answers, "ANSWERS").replace(asks, "ASKS")))


def table(rows: dict[tuple[str, str], Row], wanted: Row) -> str:
    """A line for each pair, and for each cell whether it is equal or differs."""
    width = 2 + max(map(len, wanted))
    lines = [" " * 18 + "".join(f"{cell:>{width}}" for cell in wanted)]
    for (asks, answers), row in rows.items():
        cells = ("equal" if row.get(cell) == wanted[cell] else "differs" for cell in wanted)
        lines.append(f"{asks:>7} → {answers:8}" + "".join(f"{cell:>{width}}" for cell in cells))
    return "\n".join(lines)


def differences(rows: dict[tuple[str, str], Row], wanted: Row) -> list[str]:
    """Each cell that is not what is wanted, part by part where it has parts."""
    found = []
    for (asks, answers), row in rows.items():
        for cell, value in wanted.items():
            got = row.get(cell)
            parts = value if isinstance(value, dict) else {"": value}
            seen = got if isinstance(value, dict) and isinstance(got, dict) else {"": got}
            found += [
                f"{asks} → {answers}, {cell} {part}: {seen.get(part)} and not {one}"
                for part, one in parts.items()
                if seen.get(part) != one
            ]
    return found


@pytest.mark.timeout(900)
async def test_every_kind_of_agent_gives_every_other_the_same(net: TestMesh, place: Path):
    client = built()
    net.up()
    names = {f"{kind}{n}": kind for n in (1, 2) for kind in KINDS}
    processes = {name: start(net, place, kind, name, client) for name, kind in names.items()}
    for name, process in processes.items():
        process.wait_for(rf"{name}\s+online\s+skills", START_S)
    rows: dict[tuple[str, str], Row] = {}
    async with net.client() as mesh:
        for asks in KINDS:
            for answers in KINDS:
                asker = mesh.agent(f"{asks}1", timeout=120)
                row = await asker.probe(target=f"{answers}2")
                rows[asks, answers] = plain(row, f"{asks}1", f"{answers}2")
    wanted = rows["python", "python"]
    print(table(rows, wanted))
    check(wanted)
    assert not differences(rows, wanted), "\n".join(differences(rows, wanted))
    for process in processes.values():
        assert process.popen.poll() is None, process.output


def check(wanted: Row) -> None:
    """That what all are compared with is right itself."""
    assert wanted["value"]["via"] == "direct"
    assert wanted["stream"] == list(range(100))
    assert wanted["cancel"] is True and wanted["deadline"][1:] == [True, True]
    assert wanted["deadline"][0]["code"] == "deadline_exceeded"
    assert wanted["1 MiB"][0] == 1 << 19
    assert wanted["artifact"][:3] == ["copy of bytes.bin", "application/x-bytes", 256 * 1200]
    assert {code: error["class"] for code, error in wanted["errors"].items()} == {
        code: kind.__name__ for code, kind in TABLE.items()
    }
    assert all(error["sentence"] for error in wanted["sentences"].values())
    assert [error["code"] for error in wanted["arguments"]] == ["bad_arguments"] * 3


def test_a_cell_that_differs_is_seen():
    wanted = {"value": {"a": 1}, "stream": [1]}
    rows = {("a", "b"): dict(wanted), ("b", "a"): {"value": {"a": 2}, "stream": [1]}}
    assert differences(rows, wanted) == ["b → a, value a: 2 and not 1"]
    assert "differs" in table(rows, wanted) and os.linesep in table(rows, wanted)
