"""Processes under test: started in a group of their own, read line by line, gone at the end.

    def test_up(procs):                                   # the fixture
        up = procs.start("up", "--port", "0")             # `python -m chatixia.cli up --port 0`
        port = up.wait_for(r"http://127.0.0.1:(\\d+)")[1]
        up.stop()                                         # SIGTERM; gives the exit code
        assert procs.run("agents", "--json").returncode == 0

Every process gets a CHATIXIA_HOME below the test's own folder. A wait ends with the line that it
waits for, with the end of the process, or with its bound, and then says all that was printed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tests.lab.netns import Host

CHATIXIA = (sys.executable, "-c", "import sys; from chatixia.cli import main; sys.exit(main())")
# A test says itself what its processes are told; nothing comes from the developer's shell.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "CI", "SYSTEMROOT")
FAULTS = ("CHATIXIA_FAULT", "CHATIXIA_FAULT_LOG")


class Process:
    """A running process whose standard output and error are read as they come."""

    def __init__(self, popen: subprocess.Popen[str], title: str) -> None:
        self.popen = popen
        self.title = title
        self.lines: list[str] = []
        self.news = threading.Condition()
        self.open = 2  # streams that may still say something
        self.readers = [
            threading.Thread(target=self._read, args=(pipe, tag), daemon=True)
            for pipe, tag in ((popen.stdout, "out"), (popen.stderr, "err"))
        ]
        self.tagged: list[tuple[str, str]] = []
        for reader in self.readers:
            reader.start()

    def _read(self, pipe: IO[str], tag: str) -> None:
        for line in pipe:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.tagged.append((tag, line))
                self.news.notify_all()
        pipe.close()
        with self.news:
            self.open -= 1
            self.news.notify_all()

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def output(self) -> str:
        """All that was printed so far, both streams as they came."""
        return "\n".join(self.lines)

    def stream(self, tag: str) -> str:
        """What went to `out` or `err`."""
        return "".join(line for which, line in self.tagged if which == tag)

    def wait_for(self, pattern: str, timeout: float = 30) -> re.Match[str]:
        """The first match of `pattern` in all that was or will be printed."""

        def seen() -> re.Match[str] | bool | None:
            found = re.search(pattern, self.output)
            return found or not self.open

        with self.news:
            self.news.wait_for(seen, timeout)
            found = re.search(pattern, self.output)
        assert found, f"{self.title} never printed {pattern!r}; it printed:\n{self.output}"
        return found

    def wait(self, timeout: float = 30) -> int:
        """The exit code, once the process and its output have ended."""
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.title} did not end; it printed:\n{self.output}") from None
        for reader in self.readers:
            reader.join(5)
        return code

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout: float = 15) -> int:
        """Ask the process to end; gives its exit code."""
        self.popen.send_signal(how)
        return self.wait(timeout)

    def kill(self) -> int:
        """End the process and all that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        return self.wait()


class Procs:
    """Starts processes for one test and ends them all.

    ``relay``: whether they may use the relay. Where a test is not about it they may not: on a busy
    machine a direct path takes longer than the relay waits, and the first answer's tier is chance.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.running: list[Process] = []
        self.relay = False

    def environment(self, **more: str) -> dict[str, str]:
        """What a process of this test sees."""
        kept = {k: os.environ[k] for k in (*KEPT, *FAULTS) if k in os.environ}
        own = {"CHATIXIA_HOME": str(self.home), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        own["CHATIXIA_LINKS_RELAY"] = str(self.relay).lower()
        return {**kept, **own, **more}

    def start(
        self,
        *arguments: str,
        program: tuple[str, ...] = CHATIXIA,
        host: Host | None = None,
        cwd: Path | None = None,
        **env: str,
    ) -> Process:
        """Start `chatixia ARGUMENTS` (or another program), inside `host` if one is given."""
        command = [*program, *arguments]
        popen: subprocess.Popen[Any] = subprocess.Popen(
            host.inside(*command) if host else command,
            cwd=cwd or self.folder,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        process = Process(popen, " ".join(("chatixia", *arguments)))
        self.running.append(process)
        return process

    def run(
        self, *arguments: str, timeout: float = 60, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; stdout and stderr apart."""
        process = self.start(*arguments, **more)
        code = process.wait(timeout)
        out, err = process.stream("out"), process.stream("err")
        return subprocess.CompletedProcess(arguments, code, out, err)

    def close(self) -> None:
        """End whatever still runs, with all that it started."""
        for process in reversed(self.running):
            process.kill()
