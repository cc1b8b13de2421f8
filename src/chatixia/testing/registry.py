"""A real registry for tests: in this process, or in one of its own that can be killed.

``async with RegistryHarness() as registry`` serves on a free loopback port from a profile in a
temporary home; ``registry.profile`` is the user's who ran ``up``. ``RegistryProcess`` is the same
as ``chatixia up``, for tests that kill -9 and start again.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import msgspec

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.serve.up import RunningRegistry, StartReport, UpOptions, run_up, serve
from chatixia.errors import Unavailable

START_SECONDS = 20.0


def options(home: Path, **more: Any) -> UpOptions:
    """Options of a test's registry: a home of its own and free ports."""
    free: dict[str, Any] = {"port": 0, "tls_port": 0, "stun_port": 0}
    return UpOptions(home=home, **{**free, **more})


class RegistryHarness:
    """A registry in this process and loop. ``home``: a folder that outlives it, for restarts;
    by default a temporary one. Further keywords are those of ``UpOptions``."""

    def __init__(self, home: Path | None = None, **more: Any) -> None:
        self._temporary = None if home else tempfile.mkdtemp(prefix="chatixia-test-")
        self.home = home or Path(str(self._temporary))
        self._options = options(self.home, **more)
        self._running: RunningRegistry | None = None

    @property
    def running(self) -> RunningRegistry:
        """The registry that serves now."""
        if self._running is None:
            raise Unavailable("The registry is stopped.")
        return self._running

    @property
    def url(self) -> str:
        """Its loopback address."""
        return self.running.started.urls[0]

    @property
    def profile(self) -> Profile:
        """The profile of the user who ran ``up``; outlives the registry."""
        return Profile.open(self._options.mesh, home=self.home)

    async def start(self) -> None:
        """Serve; after a stop on the same ports."""
        self._running = await serve(self._options)
        for name in ("port", "tls_port", "stun_port"):
            setattr(self._options, name, None)  # remembered in registry.yaml from now on

    async def stop(self) -> None:
        """Stop cleanly; the home stays."""
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    async def __aenter__(self) -> RegistryHarness:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


class RegistryProcess:
    """A registry in a process of its own: ``start``, ``kill`` (-9), ``terminate``, start again."""

    def __init__(self, home: Path, **more: Any) -> None:
        self.home = home
        self._options = options(home, **more)
        self.process: subprocess.Popen[bytes] | None = None
        self.started: StartReport | None = None

    @property
    def url(self) -> str:
        """Its loopback address."""
        if self.started is None:
            raise Unavailable("The registry has not been started.")
        return self.started.urls[0]

    @property
    def profile(self) -> Profile:
        """The profile of the user who ran ``up``."""
        return Profile.open(self._options.mesh, home=self.home)

    def start(self) -> StartReport:
        """Start it and wait until it serves. Raises Unavailable with what it printed."""
        argument = msgspec.json.encode(self._options, enc_hook=str).decode()
        command = [sys.executable, "-m", "chatixia.testing.registry", argument]
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            _, stderr = self.process.communicate(timeout=START_SECONDS)
            raise Unavailable(f"The registry did not start: {stderr.decode()[-500:]}")
        self.started = msgspec.json.decode(line, type=StartReport)
        for name in ("port", "tls_port", "stun_port"):
            setattr(self._options, name, None)
        return self.started

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, sig: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(sig)
        code = self.process.wait(START_SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            _close(pipe)
        self.process = None
        return code

    async def __aenter__(self) -> RegistryProcess:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.terminate)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        pipe.close()


def main(argument: str) -> None:
    """Run a registry with options as JSON; prints its StartReport as one line of JSON."""

    def report(started: StartReport) -> None:
        print(msgspec.json.encode(started).decode(), flush=True)  # noqa: T201 - the harness reads it

    read = msgspec.json.Decoder(UpOptions, dec_hook=lambda kind, text: kind(text)).decode
    run_up(read(argument), report)


if __name__ == "__main__":
    main(sys.argv[1])
