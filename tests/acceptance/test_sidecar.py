"""An agent behind a sidecar, as real processes: killed, stopped and ended, each for itself."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import pytest

from chatixia import Artifact
from chatixia.errors import MeshError
from chatixia.sidecar import proof, sockets
from chatixia.sidecar.client import SidecarClient
from chatixia.wire import ipc
from chatixia.world import REAL
from tests.acceptance.harness import TestMesh
from tests.lab.leaks import found_in_memory, new_marker
from tests.lab.procs import Process
from tests.until import until

CODE = Path(__file__).with_name("behind.py")
ONLINE = r"side\s+online\s+skills"
ENDS_S = 5.0
"""By when each call under way has ended."""
BACK_S = 1.5
"""By when calls answer again, on a machine that is idle, and on one that has much to do."""
BUSY_S = 30.0
LOST_S = 10.0
"""A peer that says nothing for longer than that may be given up: what it held ends unknown."""


class Pair:
    """A sidecar and its program under one `chatixia run`."""

    def __init__(self, run: Process, ledger: Path) -> None:
        self.run, self.ledger = run, ledger

    def part(self, word: str) -> int:
        """The pid of the sidecar (`chatixia.cli.supervised`) or of the program (`run`)."""
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
                parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            if parent == self.run.pid and word.encode() in words:
                return int(path.name)
        raise AssertionError(f"no {word} runs")

    @property
    def sidecar(self) -> int:
        return self.part("chatixia.cli.supervised")

    @property
    def program(self) -> int:
        return self.part("run")

    def lines(self, word: str) -> list[int]:
        text = self.ledger.read_text() if self.ledger.exists() else ""
        return [int(line.split()[1]) for line in text.splitlines() if line.startswith(word)]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A socket's path has at most 100 bytes, and the usual folder's is longer than that."""
    with TemporaryDirectory(prefix="cx-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def behind(net: TestMesh, tmp_path: Path, secret: str = "", **env: str) -> Pair:
    """Start the agent's folder; ``secret`` stands in its ``.env``."""
    folder, ledger = tmp_path / "side", tmp_path / "ledger"
    folder.mkdir()
    shutil.copy(CODE, folder / "agent.py")
    (folder / "agent.yaml").write_text("name: side\nsidecar: true\n")
    (folder / ".env").write_text(f"TOOL_KEY={secret}\n")
    (folder / ".env").chmod(0o600)
    runtime = tmp_path / "r"
    runtime.mkdir(mode=0o700)
    env |= {"LEDGER": str(ledger), "XDG_RUNTIME_DIR": str(runtime)}
    run = net.procs.start("run", str(folder), **env)
    run.wait_for(ONLINE)
    return Pair(run, ledger)


async def ends(calls: list[asyncio.Future[Any]]) -> list[str]:
    """How each ended, within the bound."""
    done, late = await asyncio.wait(calls, timeout=ENDS_S)
    assert not late, f"{len(late)} calls hang"
    return [said(call) for call in done]


def said(call: asyncio.Future[Any]) -> str:
    error = call.exception()
    assert error is None or isinstance(error, MeshError), error
    return "value" if error is None else f"{error.code} {error.outcome}"


async def answers(agent: Any) -> float:
    """Seconds until a call answers."""
    began = monotonic()

    async def try_once() -> bool:
        try:
            return bool(await agent.echo(data="x") == "x")
        except MeshError:
            return False

    await until(try_once, pause=0.02)
    return monotonic() - began


def age(pid: int) -> float:
    """Seconds since that process started."""
    from time import CLOCK_BOOTTIME, clock_gettime  # of Linux, as all of /proc

    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    return clock_gettime(CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


async def link(mesh: Any) -> str:
    [one] = [link.link for link in mesh.links() if link.peer == "side"]
    return str(one)


def idle() -> bool:
    return os.getloadavg()[0] < (os.cpu_count() or 1)


async def test_it_is_an_agent_like_any_other(net: TestMesh, tmp_path: Path):
    net.up()
    net.worker("a")
    marker = new_marker()
    pair = behind(net, tmp_path, secret=marker, OPENAI_API_KEY="of the program")
    async with net.client() as mesh:
        side = mesh.agent("side")
        assert (await side.call("echo", {"data": "x"})).via == "direct"
        async with side.stream("tell", {"count": 100}) as items:
            assert [item async for item in items] == list(range(100))
        assert await side.through(other="a", data="y") == "y"
        assert await side.echo(data="z" * 1_000_000) == "z" * 1_000_000
        copied = await side.copy(file=Artifact.of(b"abc" * 1000, name="abc.txt"))
        assert (copied.name, await copied.read()) == ("copy of abc.txt", b"abc" * 1000)
        async with side.stream("pieces", {"count": 3}) as files:
            assert [await file.read() async for file in files] == [
                b"piece %d" % n for n in range(3)
            ]
        task = await mesh.submit("side", "echo", {"data": "queued"})
        assert await task == "queued"
        queued = await (await mesh.submit("side", "copy", {"file": Artifact.of(b"q", name="q")}))
        assert (queued.name, await queued.read()) == ("copy of q", b"q")
        assert await mesh.any("again").again(n=1, seconds=0) == 1
        assert await side.environment(name="OPENAI_API_KEY") == "of the program"
    environ = Path(f"/proc/{pair.sidecar}/environ").read_bytes()
    assert b"of the program" not in environ and b"CHATIXIA_HOME" in environ
    assert found_in_memory(pair.program, marker), "the search would find it"
    assert not found_in_memory(pair.sidecar, marker)


async def test_a_killed_sidecar_ends_what_it_held_and_is_back_at_once(
    net: TestMesh, tmp_path: Path
):
    net.up()
    net.worker("a")
    pair = behind(net, tmp_path)
    async with net.client() as mesh:
        side = mesh.agent("side", timeout=60)
        program = await side.pid()
        assert await side.outward(other="a", count=32, seconds=60) == 32
        calls = [asyncio.ensure_future(side.hold(n=n, seconds=60)) for n in range(32)]
        await until(lambda: len(pair.lines("hold")) == 32, pause=0.02)
        os.kill(pair.sidecar, signal.SIGKILL)
        back = await answers(mesh.agent("side", timeout=2))
        print(f"after kill -9 of the sidecar calls answer again within {back:.2f} s")
        assert back < (BACK_S if idle() else BUSY_S)
        assert set(await ends(calls)) <= {"unreachable unknown", "peer_restarted unknown"}
        assert set(await side.outcomes(seconds=ENDS_S)) == {"unavailable unknown"}
        assert await side.pid() == program


async def test_a_killed_program_breaks_no_link_and_what_waits_is_answered_once(
    net: TestMesh, tmp_path: Path
):
    net.up()
    pair = behind(net, tmp_path)
    async with net.client() as mesh:
        side = mesh.agent("side", timeout=30)
        program = await side.pid()
        before = await link(mesh)
        held = [asyncio.ensure_future(side.hold(n=n, seconds=60)) for n in range(8)]
        safe = [asyncio.ensure_future(side.again(n=n, seconds=0.5)) for n in range(8)]
        await until(lambda: len(pair.lines("again")) + len(pair.lines("hold")) == 16, pause=0.02)
        os.kill(pair.program, signal.SIGKILL)
        assert await ends(held) == ["peer_restarted unknown"] * 8
        waiting = [asyncio.ensure_future(side.echo(data=str(n))) for n in range(8)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        took = age(pair.program)
        print(f"after kill -9 of the program the new one serves {took:.2f} s after its start")
        assert took < (BACK_S if idle() else BUSY_S)
        assert await asyncio.gather(*safe) == list(range(8))
        assert await asyncio.gather(*waiting) == [str(n) for n in range(8)]
        assert sorted(pair.lines("again")) == sorted([*range(8), *range(8)])
        assert await side.pid() != program
        assert await link(mesh) == before


STOPS = [3.0, pytest.param(30.0, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]


@pytest.mark.parametrize("seconds", STOPS, ids=["3 s", "30 s"])
@pytest.mark.parametrize("who", ["sidecar", "program"])
async def test_one_that_stands_still_loses_nothing(
    net: TestMesh, tmp_path: Path, who: str, seconds: float
):
    net.up()
    pair = behind(net, tmp_path)
    async with net.client() as mesh:
        side = mesh.agent("side", timeout=seconds + 30)
        assert await side.echo(data="warm") == "warm"
        before = await link(mesh)
        pid = getattr(pair, who)
        os.kill(pid, signal.SIGSTOP)
        calls = [asyncio.ensure_future(side.echo(data=str(n))) for n in range(32)]
        with pytest.raises(MeshError) as caught:
            await mesh.agent("side", timeout=1.0).echo(data="late")
        assert caught.value.code == "deadline_exceeded"
        await asyncio.sleep(seconds - 1)
        os.kill(pid, signal.SIGCONT)
        if who == "sidecar" and seconds > LOST_S:
            assert set(await ends(calls)) <= {"value", "unreachable unknown"}
            assert await answers(mesh.agent("side", timeout=2)) < BUSY_S
        else:
            assert await asyncio.gather(*calls) == [str(n) for n in range(32)]
            assert await link(mesh) == before


async def test_ctrl_c_leaves_nothing(net: TestMesh, tmp_path: Path):
    net.up()
    pair = behind(net, tmp_path)
    pids = [pair.run.pid, pair.sidecar, pair.program]
    assert all(pids)
    pair.run.popen.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(pair.run.wait) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert list((tmp_path / "r").rglob("*")) == [tmp_path / "r" / "chatixia"]


async def test_a_program_of_any_language_is_kept_alive_too(net: TestMesh, tmp_path: Path):
    net.up()
    folder = tmp_path / "lines"
    folder.mkdir()
    (folder / "agent.yaml").write_text(f"name: side\nexec: [{sys.executable}, agent.script]\n")
    (folder / "agent.script").write_text(SCRIPT)
    runtime = tmp_path / "r"
    runtime.mkdir(mode=0o700)
    run = net.procs.start("run", str(folder), XDG_RUNTIME_DIR=str(runtime))
    run.wait_for(ONLINE)
    async with net.client() as mesh:
        side = mesh.agent("side", timeout=20)
        assert await side.echo(data="x") == "x"
        with pytest.raises(MeshError):
            await side.echo(data="die")
        assert await side.echo(data="y") == "y"
    assert await asyncio.to_thread(run.stop) == 0


SCRIPT = """
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect(os.environ["CHATIXIA_SOCKET"])
file = line.makefile("rw")
def send(**line):
    file.write(json.dumps(line) + "\\n"); file.flush()
send(type="hello", id=1, payload={"program": "script", "skills": [{"name": "echo"}]})
for line in file:
    line = json.loads(line)
    if line["type"] == "request":
        data = line["payload"]["args"]["data"]
        if data == "die":
            sys.exit(7)
        send(type="reply", **{"for": line["id"]}, payload={"value": data})
"""


STRANGERS = ("wrong token", "2 KiB", "silence")


async def test_over_tcp_a_process_without_the_token_is_closed(net: TestMesh, tmp_path: Path):
    net.up()
    path = tmp_path / "s.json"
    side = net.procs.start("sidecar", "--name", "side", "--socket", str(path), "--tcp")
    side.wait_for(r"side\s+online")
    address = sockets.read_address(path)
    for stranger in STRANGERS:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        challenge = json.loads(await reader.readline())["payload"]["nonce"]
        began, nonce = monotonic(), "A" * 22
        if stranger == "wrong token":
            mac = proof.mac(bytes(32), ipc.CLIENT_PROOF, challenge, nonce)
            line = {"type": "proof", "payload": {"nonce": nonce, "mac": mac}}
            writer.write(json.dumps(line).encode() + b"\n")
        elif stranger == "2 KiB":
            writer.write(b" " * 2047 + b"\n")
        async with asyncio.timeout(ipc.PROOF_SECONDS + 20):
            assert await reader.read() == b"", stranger
        assert monotonic() - began >= (ipc.PROOF_SECONDS - 0.1 if stranger == "silence" else 0)
        writer.close()
    client = SidecarClient(path, REAL, lambda: ipc.IpcHelloPayload("side"), lambda event: None)
    await client.start(10)
    assert client.welcome.name == "side"
    await client.stop()
    assert await asyncio.to_thread(side.stop) == 0
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
async def test_another_user_is_refused(net: TestMesh, tmp_path: Path):
    net.up()
    open_to_all = Path(f"/tmp/chatixia-test-{os.getpid()}")
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    try:
        path = open_to_all / "s.sock"
        side = net.procs.start("sidecar", "--name", "side", "--socket", str(path))
        side.wait_for(r"side\s+online")
        path.chmod(0o666)
        code = f"""
import os, socket
os.setgid(65534); os.setuid(65534)
line = socket.socket(socket.AF_UNIX); line.settimeout(5); line.connect({str(path)!r})
try:
    line.sendall(b'{{"type":"status","id":1}}\\n')
    print("read", line.recv(100))
except (ConnectionResetError, BrokenPipeError):
    print("read", b"")
"""
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True
        )
        assert done.stdout == "read b''\n", done
        assert await asyncio.to_thread(side.stop) == 0
        assert not path.exists()
    finally:
        shutil.rmtree(open_to_all)
