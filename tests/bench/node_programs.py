"""The same two programs in Node (node_program.mjs), behind sidecars of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import IO

from tests.interop.node_client import built, unable

SCRIPT = Path(__file__).with_name("node_program.mjs")


def client() -> Path | None:
    """The built client; None, and a sentence, where there is none."""
    if why := unable():
        print(f"bench: no node: {why}", file=sys.stderr)
        return None
    return built() / "dist" / "index.js"


def serving(client: Path, socket: str, log: IO[str]) -> subprocess.Popen[str]:
    """The one that serves."""
    words = ["node", str(SCRIPT), str(client), "serve", socket]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)


def row(client: Path, socket: str, target: str) -> dict[str, float]:
    """The row of the one that asks."""
    words = ["node", str(SCRIPT), str(client), "ask", socket, target]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"bench: the program in Node failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout))
