"""An agent whose model is an endpoint of the test's, and whose tools write down what they did."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

from tests.acceptance.chat_endpoint import ChatEndpoint
from tests.acceptance.harness import TestMesh
from tests.lab.procs import CHATIXIA, Process

MANIFEST = """
name: stepper
provider: compatible
model: scripted
base_url: {url}
max_turns: 40
slots: 32
"""
CODE = '''
import asyncio
from pathlib import Path
from chatixia import Agent

HERE = Path(__file__).parent
agent = Agent("stepper", "Does what it is told, step by step")


async def work(run: str, n: int) -> str:
    with (HERE / "log").open("a") as log:
        log.write(f"{run} began {n}\\n")
    while (HERE / f"hang-{run}-{n}").exists():
        await asyncio.sleep(0.01)
    with (HERE / "log").open("a") as log:
        log.write(f"{run} done {n}\\n")
    return f"result {n}"


@agent.skill(idempotent=True, effect="call")
async def step(run: str, n: int) -> str:
    """Do a step that may be done twice."""
    return await work(run, n)


@agent.skill(effect="call")
async def pay(run: str, n: int) -> str:
    """Do a step that must not be done twice."""
    return await work(run, n)
'''


class Stepper:
    """The agent's folder, its process and the endpoint of its model."""

    def __init__(self, net: TestMesh, endpoint: ChatEndpoint) -> None:
        self._net, self.endpoint = net, endpoint
        self.folder = net.procs.home / "stepper"
        self.folder.mkdir(parents=True)
        manifest = MANIFEST.format(url=endpoint.url)
        (self.folder / "agent.yaml").write_text(manifest)
        (self.folder / "agent.py").write_text(CODE)
        self.process: Process | None = None

    def start(self) -> None:
        self.process = self._net.procs.start("run", str(self.folder), program=CHATIXIA)
        self.process.wait_for("online")

    def kill(self) -> None:
        assert self.process is not None
        self.process.popen.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def log(self) -> Counter[str]:
        path = self.folder / "log"
        return Counter(path.read_text().splitlines() if path.exists() else [])

    def hang(self, run: str, n: int) -> Path:
        (self.folder / f"hang-{run}-{n}").touch()
        return self.folder / f"hang-{run}-{n}"
