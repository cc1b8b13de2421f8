"""``make bench [ONLY=call,link]``: contenders in one run, their order alternating; ratios first.

``BASE=REV`` compares with another commit instead: see compare.py, which starts this file once for
each tree (BENCH_TREE: whose package is measured, alone; BENCH_OUT: where the figures go).

Writes ``build/bench.json``, one flat object. Nothing here is a timed test: figures move by a third
from run to run, ratios less.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parents[2]
ALONE = "BENCH_TREE" in os.environ
ROOT = Path(os.environ.get("BENCH_TREE", HERE))
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from chatixia.testing.registry import RegistryProcess  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "1" if ALONE else "5"))
PROCESSES = 4
"""That a crowd of agents is in."""
Row = dict[str, float]


def run(*command: str, env: dict[str, str] | None = None, timeout: float = 300) -> Row:
    """A contender's process; the row that it prints last."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment(env),
        timeout=timeout,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return {**os.environ, "PYTHONPATH": path, "WRTC_ALLOW_LOOPBACK": "1", **(more or {})}


class Mesh:
    """A registry and its agents, in a home of their own; ``remote``: the agents on a machine that
    joined, so that they reach the registry over TLS."""

    def __init__(self, home: Path, remote: bool = False) -> None:
        self.env = {"CHATIXIA_HOME": str(home / "remote" if remote else home)}
        self.owner = {"CHATIXIA_HOME": str(home)}
        self.registry = RegistryProcess(home, lan=True if remote else None)
        self.remote = remote
        self.agents: dict[str, subprocess.Popen[str]] = {}
        self.some: list[subprocess.Popen[str]] = []
        self.log = open(home / "agents.log", "w")  # noqa: SIM115 - lives as long as they do

    def start(self, *names: str, module: str = "tests.bench.agent") -> None:
        self.registry.start()
        if self.remote:
            invitation = self.cli(self.owner, "invite", "pi", "--no-wait", "--json")
            self.cli(self.env, "join", json.loads(invitation)["join"])
        for name in names:
            self.agents[name] = subprocess.Popen(
                [sys.executable, "-m", module, name],
                cwd=ROOT,
                env=environment(self.env),
                stdout=self.log,
                stderr=self.log,
                text=True,
            )
        deadline = time.monotonic() + 30
        while not all(self.listed(name) for name in names):
            if time.monotonic() > deadline:
                raise SystemExit("bench: the agents do not come online")
            time.sleep(0.1)

    def listed(self, name: str) -> bool:
        text = Path(self.log.name).read_text()
        return f"{name}  online" in text or f"{name} online" in text

    def cli(self, env: dict[str, str], *words: str) -> str:
        command = [str(Path(sys.executable).with_name("chatixia")), *words]
        done = subprocess.run(
            command, env=environment(env), cwd=ROOT, check=True, capture_output=True, text=True
        )
        return done.stdout

    def relayed(self, part: str, name: str = "echo") -> list[str]:
        return ["-m", "tests.bench.relayed", part, name, str(self.agents[name].pid)]

    def ask(self, part: str, name: str = "echo") -> Row:
        pid = self.agents[name].pid if name in self.agents else 0
        return run("-m", "tests.bench.ask", part, name, str(pid), env=self.env)

    def crowd(self, count: int, links: int, **env: str) -> list[Row]:
        """So many agents in four processes; what each says, once each agent has so many links."""
        each = -(-count // PROCESSES)
        crowd = [
            self._some(first, min(each, count - first), links, env)
            for first in range(0, count, each)
        ]
        said = []
        for process in crowd:
            assert process.stdout
            if process.stdout.readline().strip() != "online":
                raise SystemExit("bench: the crowd does not come online")
        for process in crowd:
            assert process.stdout
            said.append(dict(json.loads(process.stdout.readline())))
        return said

    def _some(
        self, first: int, count: int, links: int, env: dict[str, str]
    ) -> subprocess.Popen[str]:
        words = ("-m", "tests.bench.many", str(first), str(count), str(links))
        process = background(self, *words, **env)
        self.some.append(process)
        return process

    def stop(self) -> None:
        for process in self.some:  # five hundred goodbyes take long, and nobody measures them
            process.kill()
            process.communicate()
        for agent in self.agents.values():
            agent.terminate()
            agent.wait(10)
        self.registry.terminate()
        self.log.close()


@contextlib.contextmanager
def mesh(*names: str, remote: bool = False) -> Iterator[Mesh]:
    with tempfile.TemporaryDirectory(prefix="chatixia-bench-") as home:
        made = Mesh(Path(home), remote)
        try:
            made.start(*names)
            yield made
        finally:
            made.stop()


@contextlib.contextmanager
def model_endpoint() -> Iterator[str]:
    """The address of an endpoint that answers as `tests/bench/model_endpoint.py` says."""
    command = [sys.executable, "-m", "tests.bench.model_endpoint"]
    process = subprocess.Popen(command, cwd=HERE, env=environment(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


def alternating(contenders: dict[str, Callable[[], Row]]) -> dict[str, Row]:
    """Each contender once a round, another one first each time; medians."""
    names = list(contenders)
    rows: dict[str, list[Row]] = {name: [] for name in names}
    for turn in range(ROUNDS):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            rows[name].append(contenders[name]())
            print(f"  {name:7} {rows[name][-1]}", file=sys.stderr)
    return {
        name: {key: statistics.median(row[key] for row in rows[name]) for key in rows[name][0]}
        for name in names
    }


def part_call() -> Row:
    with mesh("echo") as ours:
        others = {
            "engine": lambda: run("-m", "tests.bench.rpc_wrtc", "--coalesce"),
            "nats": lambda: run("-m", "tests.bench.nats_echo"),
            "http": lambda: run("-m", "tests.bench.http_echo"),
        }
        contenders = {"call": lambda: ours.ask("call"), **({} if ALONE else others)}
        found = alternating(contenders)
    return {f"{name}.{key}": value for name, row in found.items() for key, value in row.items()}


def part_sidecar(calm: float = 5.0 if ALONE else 25.0) -> Row:
    """Program, sidecar, link, sidecar, program: in Python and in Node; and what an idle sidecar
    has for itself."""
    from tests.bench.lines import handed

    node, named = None, "chatixia.cli.supervised"  # as `chatixia run` starts one
    if not ALONE:
        from tests.bench import node_programs

        node = node_programs.client()
    with mesh() as ours, tempfile.TemporaryDirectory(prefix="chatixia-") as place:
        names = ("asks", "serves", *(("node-asks", "node-serves") if node else ()))
        path = {name: f"{place}/{name}.sock" for name in names}
        sides = [background(ours, "-m", named, path[name], **handed(name)) for name in names]
        programs = [background(ours, "-m", "tests.bench.lines", "serve", path["serves"])]
        pids = [str(one.pid) for one in (*sides[:2], *programs)]
        lines = ("-m", "tests.bench.lines", "ask", path["asks"], "serves", *pids)
        contenders = {"sidecar": lambda: run(*lines, env=ours.env)}
        if node:
            programs.append(node_programs.serving(node, path["node-serves"], ours.log))
            contenders["node"] = lambda: node_programs.row(node, path["node-asks"], "node-serves")
        if not ALONE:
            contenders["engine"] = lambda: run("-m", "tests.bench.rpc_wrtc", "--coalesce")
        try:
            assert all(one.stdout and one.stdout.readline() == "serves\n" for one in programs)
            time.sleep(calm)
            mb = memory_mb(sides[1].pid, "Private_Dirty")
            found = alternating(contenders)
        finally:
            for process in (*programs, *sides):
                process.terminate()
                process.communicate(timeout=20)
    row = {f"{name}.{key}": value for name, row in found.items() for key, value in row.items()}
    return row | {"sidecar.mb": mb}


def background(ours: Mesh, *command: str, **more: str) -> subprocess.Popen[str]:
    """A process that lives as long as the part."""
    words, env, pipe = [sys.executable, *command], environment(ours.env) | more, subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, env=env, stdout=pipe, stderr=ours.log, text=True)


def part_link() -> Row:
    with mesh("echo") as ours:
        return {f"link.{key}": value for key, value in ours.ask("link").items()}


def part_bulk() -> Row:
    with mesh("echo") as ours:
        found = {"bulk.mb_s": ours.ask("bulk")["mb_s"]}
    return found | engine_bulk()


def engine_bulk() -> Row:
    return {} if ALONE else {"engine.bulk_mb_s": run("-m", "tests.bench.bulk_wrtc")["mb_s"]}


def part_artifact() -> Row:
    with mesh("echo") as ours:
        found = ours.ask("artifact")
    return found | engine_bulk()


def part_mesh50() -> Row:
    """Fifty agents that keep all links: from the first start until all 1,225 are there."""
    with mesh() as ours:
        said = ours.crowd(50, 49, CHATIXIA_LINKS_KEEP="all")
    began = min(row["began"] for row in said)
    return {"mesh50.open_s": max(row["linked"] for row in said) - began}


def part_broadcast500() -> Row:
    with mesh() as ours:
        ours.crowd(500, 0)
        return {"broadcast500.s": ours.ask("broadcast", "500")["s"]}


def part_loss() -> Row:
    """Nothing where no lab can be made."""
    from tests.lab.netns import unable

    if why := unable():
        print(f"bench: no loss: {why}", file=sys.stderr)
        return {}
    found = run("-m", "tests.bench.lossy", timeout=900)
    return {f"loss.1pct_50ms.{key}": value for key, value in found.items()}


def part_relay() -> Row:
    """Everything over TLS to the registry; the bystander is another machine."""
    with mesh("echo", remote=True) as ours:

        def ask(part: str) -> Row:
            return run(*ours.relayed(part), env=ours.env)

        def bystander() -> Row:
            return run("-m", "tests.bench.relayed", "bystander", "1500", "0", env=ours.owner)

        found = {"direct.after_relay_ms": ask("after")["after_relay_ms"]}
        found |= {f"relay.{key}": value for key, value in ask("call").items()}
        found |= {f"relay.{key}": value for key, value in (ask("link") | ask("bulk")).items()}
        idle = bystander()
        with busy(ours.relayed("endless"), ours.env):
            ratio = bystander()["p99_ms"] / idle["p99_ms"]
        return found | {"relay.bystander_p99_ratio": ratio}


@contextlib.contextmanager
def busy(command: list[str], env: dict[str, str]) -> Iterator[None]:
    """A process that works meanwhile, from its first line on."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment(env), stdout=subprocess.PIPE
    )
    try:
        if process.stdout is None or not process.stdout.readline():
            raise SystemExit(f"bench: {' '.join(command)} does not begin")
        yield
    finally:
        process.kill()
        process.communicate()


def part_ask() -> Row:
    """A turn of a model over the bare library's, a token's way through two agents, and what a turn
    costs those who only call a skill."""
    with model_endpoint() as url:
        found: Row = {}
        for count in ("20", "200"):
            found |= run("-m", "tests.bench.model_turn", url, count)
        found["overhead_ratio"] = max(found["overhead_ratio_20"], found["overhead_ratio_200"])
        with tempfile.TemporaryDirectory(prefix="chatixia-bench-") as home:
            ours = Mesh(Path(home))
            ours.env["BENCH_ENDPOINT"] = url
            try:
                ours.start("thinker", "passer", module="tests.bench.thinking")
                for part in ("lag", "bystander"):
                    found |= run("-m", "tests.bench.asking", part, env=ours.env)
            finally:
                ours.stop()
    return {f"ask.{key}": value for key, value in found.items()}


def part_mcp() -> Row:
    with mesh("echo") as ours:
        found = run("-m", "tests.bench.mcp_call", "ask", str(6 * ROUNDS), env=ours.env)
    return {f"mcp.{key}": value for key, value in found.items()}


def part_tasks() -> Row:
    with mesh("echo") as ours:
        found = ours.ask("tasks")
    return {f"tasks.{key}": value for key, value in found.items()} | {
        "disk.fsync_per_s": fsync_rate()
    }


def part_past() -> Row:
    """What the past costs: cycles after many others, over those of a fresh registry."""
    with mesh("echo") as ours:
        return {f"tasks.{key}": value for key, value in ours.ask("past").items()}


def fsync_rate(seconds: float = 1.0) -> float:
    """Appends of 4 KB a second, each on disk before the next."""
    with tempfile.NamedTemporaryFile(dir=HERE / "build") as file:
        count, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            count += 1
    return count / seconds


def part_memory(idle: float = 10.0 if ALONE else 60.0) -> Row:
    """An agent with two open links after a minute without a call, and what a link costs.

    The kernel maps a library in larger pieces while the pages that the installation wrote are still
    cached (72 MB were seen where a fresh boot gives 61), so they are let go first, and what the
    process has for itself alone is told as well.
    """
    forget_libraries()
    with mesh("echo") as ours:
        pid = ours.agents["echo"].pid
        alone = memory_mb(pid, "Rss")
        holders = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.hold", "echo"],
                cwd=ROOT,
                env=environment(ours.env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for holder in holders:
            assert holder.stdout and holder.stdout.readline().strip() == "open"
        time.sleep(idle)
        full, own = memory_mb(pid, "Rss"), memory_mb(pid, "Private_Dirty")
        for holder in holders:
            holder.communicate("end\n", timeout=20)
    return {"agent.rss_mb": full, "agent.private_mb": own, "link.kb": 1000 * (full - alone) / 2}


def forget_libraries() -> None:
    """Let the kernel drop its copies of the installed libraries; a mapped page stays."""
    for library in Path(sys.prefix).rglob("*.so*"):
        with open(library, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory_mb(pid: int, kind: str) -> float:
    """One sum of /proc/PID/smaps_rollup, in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(kind + ":"):
            return int(line.split()[1]) / 1000
    raise SystemExit(f"bench: no {kind}")


def part_start() -> Row:
    """Whole processes: ``chatixia --help``, and an import with an agent made."""

    def seconds(*command: str) -> float:
        times = []
        for _ in range(11):
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    empty = seconds(sys.executable, "-c", "pass")
    made = seconds(sys.executable, "-c", "import chatixia; chatixia.Agent('x')")
    helped = seconds(str(Path(sys.executable).with_name("chatixia")), "--help")
    return {"cli.help_ms": 1000 * helped, "import_ms": 1000 * (made - empty)}


def part_idle() -> Row:
    """One end of an idle link: our own share, and the engine's."""
    return {f"link.{key}": value for key, value in run("-m", "tests.bench.idle").items()}


PARTS: dict[str, Callable[[], Row]] = {
    "call": part_call,
    "sidecar": part_sidecar,
    "link": part_link,
    "idle": part_idle,
    "bulk": part_bulk,
    "artifact": part_artifact,
    "relay": part_relay,
    "mesh50": part_mesh50,
    "broadcast500": part_broadcast500,
    "loss": part_loss,
    "tasks": part_tasks,
    "memory": part_memory,
    "start": part_start,
    "past": part_past,
    "people": lambda: run("tests/bench/people.py"),
    "ask": part_ask,
    "mcp": part_mcp,
}


def table(found: Row) -> str:
    """Ratios first, then figures."""
    from tests.bench.goals import GOALS, RATIOS  # of this tree; an older one has none

    lines = [f"Python {platform.python_version()}, {os.cpu_count()} cores, {ROUNDS} rounds", ""]
    for name, above, below, goal in RATIOS:
        if above in found and below in found:
            lines.append(f"{name:40} {found[above] / found[below]:10.2f}   {goal}")
    lines.append("")
    lines += [f"{name:40} {value:10.2f}   {GOALS.get(name, '')}" for name, value in found.items()]
    return "\n".join(line.rstrip() for line in lines)


def main() -> None:
    base = os.environ.get("BASE")
    usual = list(PARTS)
    if base:
        from tests.bench.compare import parts_of

        # How the past weighs is a ratio within one run already, and takes minutes.
        usual = [part for part in PARTS if part in parts_of(base) and part != "past"]
    chosen = [part for part in os.environ.get("ONLY", "").split(",") if part] or usual
    if wrong := [part for part in chosen if part not in PARTS]:
        raise SystemExit(f"bench: no part {', '.join(wrong)}; there are: {', '.join(PARTS)}")
    build = HERE / "build"
    build.mkdir(exist_ok=True)
    if base:
        from tests.bench.compare import compare

        sys.exit(compare(base, ",".join(chosen)))
    found: Row = {}
    for part in chosen:
        print(f"bench: {part}", file=sys.stderr)
        found |= PARTS[part]()
    out = Path(os.environ.get("BENCH_OUT", build / "bench.json"))
    out.write_text(json.dumps(found, indent=1) + "\n")
    if not ALONE:
        print(table(found))


if __name__ == "__main__":
    main()
