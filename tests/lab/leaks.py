"""Looks for a marker where it must not be: in memory, files and packets, in every usual spelling.

    marker = new_marker()                         # 24 letters that appear nowhere else
    ... send it ...
    assert not found_in_memory(registry.pid, marker)
    assert found_in_memory(agent.pid, marker)     # the positive control

A marker is upper-case letters, so its spellings below are told from accident and from each other.
"""

from __future__ import annotations

import base64
import mmap
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.lab.netns import Host

STEP = 16 * 1024 * 1024


def new_marker() -> str:
    """A word of 24 random letters. It stands in this process's memory, so never search that."""
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(24))


def spellings(marker: str) -> dict[str, bytes]:
    """The byte strings that give a marker away: plain, UTF-16, hex, base64 at three offsets."""
    raw = marker.encode()
    found = {"plain": raw, "utf-16": marker.encode("utf-16-le")}
    found |= {"hex": raw.hex().encode(), "HEX": raw.hex().upper().encode()}
    for offset in range(3):
        # What precedes the marker shifts it; the first and last letters depend on neighbours.
        text = base64.b64encode(b"\0" * offset + raw)
        found[f"base64+{offset}"] = text[4 if offset else 0 : len(text) - 4]
    return found


def search(pieces: Iterable[bytes], marker: str) -> set[str]:
    """Which spellings stand in a stream of bytes, across the seams of its pieces too."""
    wanted, seen, tail = spellings(marker), set(), b""
    longest = max(map(len, wanted.values()))
    for piece in pieces:
        window = tail + piece
        seen |= {name for name, spelling in wanted.items() if spelling in window}
        tail = window[-longest:]
    return seen


def memory(pid: int) -> Iterator[bytes]:
    """The readable memory of a process, region after region (Linux; needs ptrace rights)."""
    regions = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for region in regions:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r...", region)
            if not match or region.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = int(match[1], 16), int(match[2], 16)
            try:
                for at in range(start, end, STEP):
                    mem.seek(at)
                    yield mem.read(min(STEP, end - at))
            except OSError:  # gone meanwhile, or a device's
                continue


def found_in_memory(pid: int, marker: str) -> set[str]:
    """The spellings of a marker in a process's memory, searched by a process of its own."""
    program = (
        "import sys; from tests.lab.leaks import memory, search;"
        "print(*search(memory(int(sys.argv[1])), sys.stdin.read()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(pid)],
        cwd=Path(__file__).parents[2],
        input=marker,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def found_in_files(folder: Path, marker: str) -> dict[str, set[str]]:
    """Every file below a folder that holds the marker, with the spellings."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if seen := search([data[:]], marker):
                found[str(path)] = seen
    return found


class Capture:
    """All packets of a host of the lab into a file, by tcpdump; needs root.

    Give it a host: this process's own network is shared with tests that run beside, whose bulk
    makes the kernel drop packets, and a packet not seen is a leak not seen (`stop` refuses that).
    """

    def __init__(self, file: Path, host: Host | None = None) -> None:
        self.file = file
        self.host = host
        self.end = new_marker().encode()
        self.ended = threading.Event()
        assert shutil.which("tcpdump"), "needs tcpdump: apt-get install tcpdump"
        command = ["tcpdump", "-i", "any", "-U", "-B", "65536", "-w", "-"]
        self.process = subprocess.Popen(
            self._inside(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        assert self.process.stderr
        said = b""
        while b"listening on" not in said:  # from here on nothing is missed
            line = self.process.stderr.readline()
            assert line, said
            said += line

    def _inside(self, command: list[str]) -> list[str]:
        return self.host.inside(*command) if self.host else command

    def _read(self) -> None:
        assert self.process.stdout
        tail = b""
        with self.file.open("wb") as out:
            while piece := os.read(self.process.stdout.fileno(), 1 << 20):
                out.write(piece)
                tail = tail[-64:] + piece
                if self.end in tail:
                    self.ended.set()

    def stop(self) -> Path:
        """End the capture, once a last packet of ours has come through it; gives its file."""
        last = f"printf {self.end.decode()} >/dev/udp/127.0.0.1/9"
        subprocess.run(self._inside(["bash", "-c", last]), check=True)
        assert self.ended.wait(20), "the capture lost its last packet"
        self.process.send_signal(signal.SIGINT)
        self.reader.join(10)
        assert self.process.stdout and self.process.stderr
        said = self.process.stderr.read().decode()
        self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()
        dropped = re.search(r"(\d+) packets dropped by kernel", said)
        assert dropped and dropped[1] == "0", said
        return self.file
