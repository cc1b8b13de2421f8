"""The README's ten minutes, typed as they stand there: two machines, empty homes, one network.

The `console` blocks are read from README.md. `A1$` is terminal 1 of machine A. The install line is
answered by the wheel of this tree, whichever path it names; a join string that ends in dots is the
one that was printed; all else is typed literally, and what comes back must have the shape of what
the README shows.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.lab.netns import Host, Lab
from tests.lab.procs import Process, Procs

ROOT = Path(__file__).parents[2]
INSTALL = "uv tool install "
LONG = 60
TYPED = [
    f"A1 {INSTALL}.",
    "A1 chatixia up",
    "A2 chatixia init weather",
    "A2 chatixia run weather",
    "A3 chatixia call weather forecast city=Oslo days=2",
    "A1 chatixia up --lan",
    "A3 chatixia invite pi",
    f"B {INSTALL}chatixia_mesh-0.1.0-py3-none-any.whl",
    "B chatixia join 192.168.1.20",
    "B chatixia call weather forecast city=Oslo",
]
"""So that no step of the ten minutes can go missing from the README; of a join string its host."""
pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

# What may differ from the README's line, most special first.
SHAPES = [
    (r"[\w.:,-]+#[a-z2-7]+(\.\.\.)?", r"[\w.:,\[\]-]+#[a-z2-7]{79}"),
    (
        r"https?://[\w.:-]+(, https?://[\w.:-]+)*",
        r"https?://[\w.:\[\]-]+(, https?://[\w.:\[\]-]+)*",
    ),
    (r"([0-9a-f]{4}-){3}[0-9a-f]{4}", r"([0-9a-f]{4}-){3}[0-9a-f]{4}"),
    (r"\d+\.\d+\.\d+\.\d+(:\d+)?", r"[0-9a-f.:\[\]]+"),
    (r"\d+(\.\d+)? ms", r"\d+(\.\d+)? ms"),
]


class Step(NamedTuple):
    """A line to type at a terminal, and the lines that the README shows after it."""

    terminal: str
    command: str
    shown: list[str]


def steps(text: str) -> list[Step]:
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            if typed := re.match(r"(\w+)\$ (.*)", line):
                found.append(Step(typed[1], typed[2], []))
            else:
                found[-1].shown.append(line)
    return found


def shape(line: str) -> str:
    """A pattern for lines like this one; any run of spaces is as good as another."""
    out, rest = "", line.strip()
    while rest:
        for pattern, wanted in SHAPES:
            if match := re.match(pattern, rest):
                out += wanted
                rest = rest[match.end() :]
                break
        else:
            word = re.match(r"\s+|\S", rest)
            assert word
            out += r"\s+" if word[0].isspace() else re.escape(word[0])
            rest = rest[word.end() :]
    return rf"(?m)^ *{out} *$"


def looks_like(shown: str, printed: str) -> bool:
    """Whether some printed line has the shape of the shown one."""
    if not shown.startswith("{"):
        return re.search(shape(shown), printed) is not None
    wanted = json.loads(shown)
    rows = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    fixed = {key: value for key, value in wanted.items() if key != "high_c"}
    return any(
        row.keys() == wanted.keys()
        and isinstance(row["high_c"], float)
        and row.items() >= fixed.items()
        for row in rows
    )


class Desk:
    """Two machines on one network, with as many terminals as the README uses."""

    def __init__(self, procs: Procs, lab: Lab, wheel: Path) -> None:
        self.procs, self.wheel = procs, wheel
        a, b = lab.lan(2)
        self.hosts: dict[str, Host] = {"A": a, "B": b}
        self.open: dict[str, Process] = {}
        self.joined = ""
        self.later: list[tuple[Process, str]] = []

    def type(self, step: Step) -> None:
        """Type a line, ending with Ctrl-C what still runs there, and check what it answers."""
        if step.command.startswith(INSTALL):
            install(self.folder(step.terminal) / "tool", self.wheel)
            return
        before = self.open.pop(step.terminal, None)
        if before is not None and before.popen.poll() is None:
            assert before.stop(signal.SIGINT) == 0, before.output
        command = re.sub(r"\S+#\S+\.\.\.", lambda _: self.joined, step.command)
        process = self.start(step.terminal, command)
        self.open[step.terminal] = process
        for shown in step.shown:
            self.expect(process, shown)
        stays = re.match(r"chatixia (up|run)\b", command) or " ... " in "".join(step.shown)
        assert stays or process.wait(LONG) == 0, process.output
        if found := re.search(r"chatixia join (\S+#\S+)", process.output):
            self.joined = found[1]

    def expect(self, process: Process, shown: str) -> None:
        """Wait for a line like that. One that goes on after ` ... ` is completed later."""
        if " ... " in shown:
            self.later.append((process, shown))
        elif shown.startswith("{"):
            process.wait_for(r"(?m)^\{", LONG)
            assert looks_like(shown, process.output), f"{shown!r} is not in:\n{process.output}"
        else:
            process.wait_for(shape(shown), LONG)

    def start(self, terminal: str, command: str) -> Process:
        home = self.folder(terminal)
        return self.procs.start(
            program=("bash", "-c", f"unset CHATIXIA_HOME; exec {command}"),
            host=self.hosts[terminal[0]],
            cwd=home,
            HOME=str(home),
            PATH=f"{home / 'tool' / 'bin'}:/usr/bin:/bin",
        )

    def folder(self, terminal: str) -> Path:
        home = self.procs.folder / terminal[0]
        home.mkdir(exist_ok=True)
        return home


def install(folder: Path, wheel: Path) -> None:
    """The wheel in an environment of its own, and its dependencies from this one."""
    if folder.exists():
        return
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    uv = Path(sys.executable).parent / "uv"
    command = [uv, "pip", "install", "--offline", "--no-deps", "--python", python, wheel]
    subprocess.run(command, check=True, capture_output=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    yield next(folder.glob("*.whl"))


def test_ten_minutes(procs: Procs, lab: Lab, wheel: Path):
    script = steps((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [f"{step.terminal} {step.command.partition(':')[0]}" for step in script] == TYPED
    desk = Desk(procs, lab, wheel)
    others = [host.count_others(lab.subnet) for host in desk.hosts.values()]
    for step in script:
        print(f"{step.terminal}$ {step.command}")
        desk.type(step)
    for process, shown in desk.later:
        process.wait_for(shape(shown), LONG)
    for terminal, process in desk.open.items():
        code = process.stop(signal.SIGINT) if terminal in {"A1", "A2"} else process.wait()
        assert code == 0, f"{terminal}: {process.output}"
    assert [count() for count in others] == [0, 0], "packets to hosts that are not the mesh's"


def test_the_wheel_holds_the_page_and_the_schema(wheel: Path):
    import zipfile

    names = set(zipfile.ZipFile(wheel).namelist())
    static = {f"chatixia/hub/static/{name}" for name in ("index.html", "hub.js", "hub.css")}
    assert static <= names
    assert any(name.endswith(".sql") for name in names)
    assert not [name for name in names if name.startswith(("tests", "examples", "web"))]


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("  weather, direct, 9 ms", "  weather, direct, 12.5 ms", True),
        ("  weather, direct, 9 ms", "  weather, queue, plain, 12 ms", False),
        ("  pong  key 7f3a-91c2-0b4d-88e1 ok", "pong key 0000-1111-2222-ffff ok", True),
        ("  pong  key 7f3a-91c2-0b4d-88e1 ok", "pong key 0000-ffff ok", False),
        ('{"city":"Oslo","high_c":3.1}', '{"city":"Oslo","high_c":9.0}', True),
        ('{"city":"Oslo","high_c":3.1}', '{"city":"Rome","high_c":9.0}', False),
        ("  at 192.168.1.20:8443 now", "  at 10.78.1.1:8443 now", True),
    ],
)
def test_shapes(shown: str, printed: str, fits: bool):
    assert looks_like(shown, printed) == fits
