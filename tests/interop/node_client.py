"""The Node client as tests run it: built from clients/node with the tools of scripts/node.sh."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "clients" / "node"
BUILT = ROOT / "build" / "node"
OLDEST = 18
"""The Node that it asks for."""


def unable() -> str:
    """Why nothing of the Node client can run here; empty where it can."""
    found = shutil.which("node")
    if found is None:
        return "there is no Node here"
    shown = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    if int(shown.stdout.lstrip("v").partition(".")[0]) < OLDEST:
        return f"the Node here is older than {OLDEST}"
    if not (BUILT / "node_modules").is_dir():
        return "scripts/node.sh has not installed what the Node client is built with"
    return ""


def node() -> str:
    """The system's Node; skips the test where the client cannot run."""
    if why := unable():
        pytest.skip(f"{why}: the tests of the Node client are skipped")
    return str(shutil.which("node"))


@cache
def built() -> Path:
    """The client's folder, built from the present source; skips where it cannot be built."""
    program = node()
    with open(BUILT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of one run share the folder
        stamp, digest = BUILT / "built", _digest()
        if not stamp.exists() or stamp.read_text() != digest:
            _build(program)
            stamp.write_text(digest)
    return BUILT


def _files() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*") if path.is_file())


def _digest() -> str:
    hashed = hashlib.sha256()
    for path in _files():
        hashed.update(f"{path.relative_to(SOURCE)}\0".encode() + path.read_bytes() + b"\0")
    return hashed.hexdigest()


def _build(program: str) -> None:
    for path in _files():
        place = BUILT / path.relative_to(SOURCE)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    done = subprocess.run(
        [program, "build.mjs"], cwd=BUILT, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
