"""A model endpoint that nobody here wrote: aimock, in Node. See scripts/node.sh."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.until import until_sync

ROOT = Path(__file__).parents[2]
CLI = ROOT / "build/aimock/node_modules/@copilotkit/aimock/dist/cli.js"
FIXTURES = Path(__file__).parent / "aimock" / "fixtures.json"
OLDEST = 20
"""The Node that it asks for."""


def node() -> str:
    """A Node that is new enough: the system's, or the one that Playwright brings along."""
    if (own := shutil.which("node")) and _major(own) >= OLDEST:
        return own
    import playwright

    return str(Path(playwright.__file__).parent / "driver" / "node")


def _major(program: str) -> int:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return int(shown.stdout.lstrip("v").partition(".")[0])


class Aimock:
    """``url``: where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url

    def journal(self) -> list[dict[str, Any]]:
        """The requests that it has answered."""
        with urlopen(f"{self.url}/__aimock/journal", timeout=5) as answer:
            read = json.load(answer)
        return read["entries"] if isinstance(read, dict) else read

    def forget(self) -> None:
        """Begin the journal anew."""
        request = Request(f"{self.url}/__aimock/reset/journal", b"{}", method="POST")
        urlopen(request, timeout=5).close()


@contextmanager
def aimock() -> Iterator[Aimock]:
    """It serves the fixtures; skips the test where it is not installed."""
    if not CLI.is_file():
        pytest.skip("aimock is not installed: scripts/node.sh does that where npm is")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [node(), str(CLI), "-p", str(port), "-f", str(FIXTURES), "--strict"]
    log = subprocess.DEVNULL
    process = subprocess.Popen(
        [*command, "--log-level", "warn"], stdout=log, stderr=log, env={**os.environ, "CI": "true"}
    )
    try:
        served = Aimock(f"http://127.0.0.1:{port}")
        until_sync(lambda: _answers(served), 30, pause=0.05, what="aimock answers")
        yield served
    finally:
        process.terminate()
        process.wait(10)


def _answers(served: Aimock) -> bool:
    try:
        served.journal()
    except OSError:
        return False
    return True
