"""`make demo`: real agents, real links, a real document, and honest when it cannot be done."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from chatixia.assembly.run import pyfile
from tests.acceptance.counted import counted, of
from tests.lab.netns import Host, Lab
from tests.lab.procs import Process, Procs
from tests.until import until_sync

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, str(ROOT / "examples" / "demo" / "run.py"))
BOOK = ROOT / "examples" / "demo" / "text" / "opticks-book-three.txt"
OTHERS = {"researcher", "analyst"}
LONG = 240  # seconds, a hang's bound: four processes start, on few cores

pytestmark = pytest.mark.timeout(LONG + 60)


def demo(procs: Procs, name: str = "report", host: Host | None = None, **env: str) -> Process:
    """Start the demo; its report goes to `name`.json in the test's folder."""
    report = str(procs.folder / f"{name}.json")
    return procs.start(program=DEMO, host=host, cwd=ROOT, REPORT=report, **env)


def read(procs: Procs, name: str = "report") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((procs.folder / f"{name}.json").read_text(encoding="utf-8"))
    return found


def started_by(run: Process | None, procs: Procs) -> list[psutil.Process]:
    """Processes of that demo: they inherit the place of its report."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("REPORT", "").startswith(str(procs.folder))
        and (run is None or process.pid != run.pid)
    ]


@pytest.fixture(autouse=True)
def nothing_left(procs: Procs) -> Iterator[None]:
    """A demo that a test kills can end none of its own, which stand in groups of their own."""
    yield
    for process in started_by(None, procs):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def check_counts(report: dict[str, Any], document: Path) -> None:
    truth = counted(document)
    for what in ("words", "distinct", "sentences"):
        assert report[what] == truth[what], what
    assert list(report["frequent"].items()) == list(truth["frequent"].items())


def check_links(report: dict[str, Any], engines: dict[str, str]) -> None:
    """Every call between agents was direct, as the engines at both ends of each link say."""
    assert {row["agent"] for row in report["work"]} == OTHERS
    assert {via for row in report["work"] for via in row["via"]} == {"direct"}
    assert {(link["from"], link["to"]) for link in report["links"]} >= {
        ("analyst", "coordinator"),
        ("coordinator", "researcher"),
    }
    for link in report["links"]:
        here, there = link["here"], link["there"]
        assert here["link"] == there["link"] != ""
        for end, name in ((here, link["from"]), (there, link["to"])):
            assert end["tier"] == "direct"
            assert end["engine"] == engines.get(name, "wrtc")
            assert {end["local"], end["remote"]} <= {"host", "srflx", "prflx"}
            assert 0 <= end["rtt_ms"] < 1000


@pytest.mark.parametrize(
    "engine", ["", "aiortc", "analyst=aiortc,researcher=wrtc"], ids=["wrtc", "aiortc", "mixed"]
)
def test_the_job_over_direct_links(procs: Procs, engine: str):
    run = demo(procs, ONCE="1", ENGINE=engine)
    assert run.wait(LONG) == 0, run.output
    names = dict.fromkeys(["coordinator", *OTHERS], "aiortc") if engine == "aiortc" else {}
    check_links(read(procs), names | ({"analyst": "aiortc"} if "=" in engine else {}))
    check_counts(read(procs), BOOK)
    assert read(procs)["missing"] == {}
    assert len(read(procs)["sentences_that_matter"]) == 5
    for label in (
        "document",
        "counted",
        "sentences",
        "frequent",
        "keywords",
        "read",
        "work",
        "link",
        "hub",
    ):
        assert re.search(rf"^  {label} ", run.output, re.M), label
    assert r"a word is a run of \w+" in run.output
    assert "each ends with . ! or ?, closing quotes or brackets, and white space" in run.output
    assert "(words of 4 characters or more)" in run.output


def test_make_demo(procs: Procs):
    """By the very command: in the checkout's own environment, which `make` finds to be current."""
    check = (sys.executable, str(ROOT / "scripts" / "bootstrap.py"), "demo", "--check")
    if procs.run(program=check).returncode:
        pytest.skip(
            "`make demo` would install from the package index here; `make test` has done so"
        )
    run = procs.start(
        "demo", "ONCE=1", f"REPORT={procs.folder / 'report.json'}", program=("make",), cwd=ROOT
    )
    assert run.wait(LONG) == 0, run.output
    check_links(read(procs), {})
    check_counts(read(procs), BOOK)
    assert run.stream("err") == ""
    assert not started_by(run, procs)


def test_what_is_counted_in_parts_adds_up():
    """Wherever the cuts fall: each text is cut as small as may be, and as the demo does."""
    coordinator, analyst = (
        pyfile.run_file(ROOT / "examples" / "demo" / name / "agent.py")
        for name in ("coordinator", "analyst")
    )
    draw = random.Random(1704)
    texts = ["".join(draw.choices("aB1_.!?\"')” \n\t\x1c\x85\u2003", k=80)) for _ in range(2000)]
    for text in [*texts, "", " " * 9000, " " * 9000 + "End.", BOOK.read_text(encoding="utf-8")]:
        truth = of(text)
        for size in (1, 5, 8000):
            coordinator.CHUNK = size
            parts = coordinator.split(text)
            assert "".join(parts) == text
            found = coordinator.counted([analyst.measure(part) for part in parts])
            assert {what: found[what] for what in found.keys() & truth} == {
                what: truth[what] for what in found.keys() & truth
            }, (size, text)


def test_two_files_drawn_at_random_at_once_from_a_path_with_spaces(procs: Procs):
    draw = random.Random()
    every = [
        p
        for f in ("docs", "src", "tests")
        for p in (ROOT / f).rglob("*.*")
        if p.suffix in {".md", ".py", ".sql"} and p.stat().st_size > 3000
    ]
    folder = procs.folder / "my own notes"
    folder.mkdir()
    drawn = draw.sample(every, 2)
    print("drawn:", *drawn)
    chosen = [  # two files of one name are two
        Path(shutil.copy(path, folder / f"{n} {path.name}")) for n, path in enumerate(drawn)
    ]
    runs = [demo(procs, f"r{n}", ONCE="1", FILE=str(path)) for n, path in enumerate(chosen)]
    for run in runs:
        assert run.wait(LONG) == 0, run.output
    reports = [read(procs, f"r{n}") for n in range(2)]
    for report, path in zip(reports, chosen, strict=True):
        check_counts(report, path)
    assert reports[0]["frequent"] != reports[1]["frequent"]
    assert reports[0]["keywords"] != reports[1]["keywords"]


def child(run: Process, name: str) -> psutil.Process:
    """The process of one agent of that demo, or of its registry by the name `up`."""
    return next(
        process
        for process in psutil.Process(run.pid).children(recursive=True)
        if any(word == name or word.endswith(f"/{name}") for word in process.cmdline())
    )


@pytest.fixture
def large(procs: Procs) -> str:
    """A document whose job takes seconds."""
    path = procs.folder / "large.txt"
    path.write_text(BOOK.read_text(encoding="utf-8") * 8, encoding="utf-8")
    return str(path)


def test_a_killed_analyst_is_missed(procs: Procs, large: str):
    run = demo(procs, ONCE="1", FILE=large)
    run.wait_for(r"  mesh ", LONG)
    os.kill(child(run, "analyst").pid, signal.SIGKILL)
    assert run.wait(LONG) == 1, run.output
    assert re.search(r"  missing +analyst did not answer", run.output)
    report = read(procs)
    assert set(report["missing"]) == {"analyst"}
    assert "words" not in report and report["keywords"]


@pytest.mark.parametrize("name", ["coordinator", "up"])
def test_without_a_killed_part_it_ends_with_a_sentence(procs: Procs, large: str, name: str):
    run = demo(procs, ONCE="1", FILE=large)
    run.wait_for(r"  mesh ", LONG)
    os.kill(child(run, name).pid, signal.SIGKILL)
    assert run.wait(60) == 1, run.output
    said = run.stream("err").splitlines()
    assert said == [f"demo: {name} has ended by itself: it was killed (signal 9)"]
    assert not started_by(run, procs)


EARLY = """
import os, signal, sys
if sys.orig_argv[-2].endswith(os.sep + "coordinator") and "die" in os.environ:
    os.kill(os.getpid(), signal.SIGKILL)
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "asyncio" and "interrupted" in os.environ:
            os.kill(os.getpid(), signal.SIGINT)
        if name == "aiortc" and "missing" in os.environ:
            raise ImportError
sys.meta_path.insert(0, Interrupting())
for folder in os.environ["PYTHONPATH"].split(os.pathsep)[1:]:  # as if this were not before it
    path = os.path.join(folder, "sitecustomize.py")
    if os.path.exists(path):
        import importlib.util
        spec = importlib.util.spec_from_file_location("planted", path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ended_before_its_report_it_leaves_nothing(procs: Procs, large: str, sent: signal.Signals):
    run = demo(procs, ONCE="1", FILE=large)
    run.wait_for(r"  mesh ", LONG)
    home = Path(child(run, "up").environ()["CHATIXIA_HOME"])
    assert home.is_dir()
    assert run.stop(sent, 60) == 128 + sent
    said = "  stopped   before there was a report; no process is left"
    assert run.stream("err").splitlines() == ["", said]
    assert not home.exists() and not started_by(run, procs)


def test_ended_while_it_starts_it_says_so_in_a_sentence(procs: Procs, tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(EARLY)
    more = filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])
    run = demo(procs, PYTHONPATH=os.pathsep.join(more), die="1")
    assert run.wait(LONG) == 1
    assert run.stream("err") == "demo: coordinator did not start: it was killed (signal 9)\n"
    assert not started_by(run, procs)
    run = demo(procs, PYTHONPATH=str(tmp_path), missing="1", ENGINE="aiortc")
    assert run.wait(LONG) == 1
    assert "did not start: The aiortc engine is not installed" in run.output
    assert run.output.endswith("in a checkout, `make demo ENGINE=aiortc` does so first")
    run = demo(procs, PYTHONPATH=str(tmp_path), interrupted="1")
    assert run.wait(LONG) == -signal.SIGINT
    assert run.output == ""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_stays_until_told_and_leaves_nothing(procs: Procs, sent: signal.Signals):
    run = demo(procs)
    setting, *_ = shlex.split(run.wait_for(r"  hub +(CHATIXIA_HOME=.+)\n", LONG)[1])
    home = Path(setting.partition("=")[2])
    run.wait_for("Ctrl-C ends the demo", LONG)
    assert home.is_dir() and len(started_by(run, procs)) == 4
    assert run.stop(sent, 60) == 0
    assert not home.exists() and not started_by(run, procs)


def test_a_file_that_is_none(procs: Procs, tmp_path: Path):
    run = demo(procs, FILE="/nowhere/at all")
    assert run.wait(30) == 1
    assert "is no file" in run.output
    large, empty = tmp_path / "large.txt", tmp_path / "empty.txt"
    large.write_bytes(b"a" * (8 * 2**20 + 1))
    empty.touch()
    run = demo(procs, FILE=str(large), ONCE="1")
    assert run.wait(90) == 1
    assert "large.txt is larger than 8,388,608 bytes" in run.output
    run = demo(procs, FILE=str(empty), ONCE="1")
    assert run.wait(90) == 0
    assert "none was needed: the document has no text" in run.output
    assert "queue" not in run.output


def test_a_file_without_a_word_where_only_ascii_can_be_shown(procs: Procs, tmp_path: Path):
    path = tmp_path / "grün.bin"
    path.write_bytes(b"\xff" * 8_000_000)
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    run = demo(procs, FILE=str(path), ONCE="1", **ascii_only)
    assert run.wait(LONG) == 1
    assert "Traceback" not in run.output
    assert "  document  gr?n.bin, 8,000,000 bytes in 1 parts" in run.lines
    assert "  link      none is open, and no call was answered" in run.lines
    assert set(read(procs)["missing"]) == OTHERS
    assert read(procs)["document"]["name"] == "grün.bin"


DROP = """
table inet noudp {
  chain out {
    type filter hook output priority 0; policy accept;
    meta l4proto udp drop
  }
}
"""


@pytest.mark.root
def test_without_udp_it_says_queue(procs: Procs, lab: Lab):
    (host,) = lab.lan(1)
    host.nft(DROP)
    others = host.count_others(lab.subnet)  # it counts before the rule above drops
    run = demo(procs, host=host, ONCE="1")
    assert run.wait(LONG) == 0, run.output
    assert {via for row in read(procs)["work"] for via in row["via"]} == {"queue, plain"}
    assert read(procs)["links"] == []
    assert re.search(r"  work .* queue, plain", run.output)
    check_counts(read(procs), BOOK)
    assert others() == 0


@pytest.mark.root
def test_udp_that_ends_in_the_middle_costs_a_detour(procs: Procs, lab: Lab):
    (host,) = lab.lan(1)
    path = procs.folder / "large.txt"
    path.write_text(BOOK.read_text(encoding="utf-8") * 3, encoding="utf-8")
    run = demo(procs, host=host, ONCE="1", FILE=str(path))
    run.wait_for(r"  mesh ", LONG)
    researcher = child(run, "researcher")
    until_sync(
        lambda: researcher.cpu_times().user > 2
    )  # it is at work: links are open, and carry calls
    host.nft(DROP)
    assert run.wait(120) == 0, run.output
    check_counts(read(procs), path)
    assert "queue, plain" in {via for row in read(procs)["work"] for via in row["via"]}
    assert read(procs)["links"] == []
