"""A mesh of real processes for the acceptance tests: one registry, workers, and this test's client.

Everything runs in the test's own CHATIXIA_HOME and on ports that the system chose.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from tests.lab.netns import Host
from tests.lab.procs import CHATIXIA, Process, Procs

WORKER = Path(__file__).with_name("worker.py")
MOVER = Path(__file__).with_name("mover.py")
ONLINE = r"online"


class TestMesh:
    """``up`` and its workers; each ``start_*`` returns when the process says that it is there."""

    __test__ = False

    def __init__(self, procs: Procs, host: Host | None = None) -> None:
        self.procs = procs
        self.host = host
        self.workers: dict[str, Process] = {}
        self.port = 0
        self.registry: Process

    def up(self, *options: str, program: tuple[str, ...] = CHATIXIA, **env: str) -> Process:
        """Start (or start again, on the same port) the registry."""
        words = ("up", "--port", str(self.port or 0), *options)
        self.registry = self.procs.start(*words, program=program, host=self.host, **env)
        found = self.registry.wait_for(r"registry\s+http://127\.0\.0\.1:(\d+)")
        self.port = int(found[1])
        self.registry.wait_for(r"next\s|ready")
        return self.registry

    def configure(self, **settings: object) -> None:
        """Write settings of the registry that no option of ``up`` has, and start it with them."""
        self.up()
        self.registry.stop()
        [file] = self.procs.home.glob("**/registry.yaml")
        with file.open("a") as out:
            out.writelines(f"{key}: {value}\n" for key, value in settings.items())
        self.up()

    def worker(self, name: str, wait: bool = True, **env: str) -> Process:
        """Start one worker; with ``wait`` until it is online."""
        program = (sys.executable, str(WORKER))
        process = self.procs.start(name, program=program, host=self.host, **env)
        self.workers[name] = process
        if wait:
            process.wait_for(ONLINE)
        return process

    def several(self, *names: str, **env: str) -> None:
        """Start workers at once and wait for all."""
        for name in names:
            self.worker(name, wait=False, **env)
        for name in names:
            self.workers[name].wait_for(ONLINE)

    def cli(self, *arguments: str, timeout: float = 60) -> Any:
        """Run a command with ``--json``; its decoded standard output. Fails on a bad exit."""
        done = self.procs.run(*arguments, "--json", timeout=timeout, host=self.host)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def kill_registry(self) -> None:
        """Pull its plug."""
        self.registry.popen.send_signal(signal.SIGKILL)
        self.registry.wait()

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """This test as a client of the mesh."""
        from chatixia import connect

        with environment(CHATIXIA_HOME=str(self.procs.home)):
            opened = connect()
            mesh = await opened.__aenter__()
        try:
            yield mesh
        finally:
            await opened.__aexit__(None, None, None)


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
