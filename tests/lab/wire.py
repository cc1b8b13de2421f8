"""A bad wire in user space: delay, jitter, loss, duplication, on each way of a cable.

    bad = Wire(delay=0.025, loss=0.01)                   # 50 ms round trip, 1 % lost each way
    home = Internet(lab).behind("cone", wire=bad)        # between home.host and its router
    home.wire.change(loss=0.05)
    print(home.wire.unplug())                            # what it lost and doubled, each way

As a process it joins two interfaces of its namespace until its standard input ends, and then prints
what it did as one JSON line: `python -m tests.lab.wire ONE OTHER '{"delay":0.025,"loss":0.01}'`.
A line on its standard input changes the wire from then on. The kernel's own checksums and segments
must be off at every interface that the frames meet (`--whole PORT...`).
"""

from __future__ import annotations

import array
import fcntl
import heapq
import json
import random
import select
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.lab.netns import Host

ROOT: Final = Path(__file__).parents[2]
MOST_FRAMES: Final = 32_768
"""Frames on their way in one direction; more are lost, as in any queue that is full."""
FRAME_BYTES: Final = 2048
FRAMES_PER_TURN: Final = 64
BUFFER_BYTES: Final = 8 * 1024 * 1024

ALL_FRAMES: Final = 0x0003  # ETH_P_ALL
ETHTOOL: Final = 0x8946  # SIOCETHTOOL
OFFLOADS: Final = (0x15, 0x17, 0x1F, 0x22, 0x24, 0x2C)
"""ETHTOOL_SRXCSUM, STXCSUM, STSO, SUFO, SGSO, SGRO: what leaves frames half made."""
IGNORE_OUTGOING: Final = 23  # PACKET_IGNORE_OUTGOING, of SOL_PACKET (263)


class Wire(NamedTuple):
    """What a cable does to each frame, each way. Times in seconds, the others are shares of 1.

    A frame waits ``delay`` and up to ``jitter`` more, by which frames overtake each other.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0

    def times(self, chance: random.Random) -> list[float]:
        """After how many seconds a frame arrives: never, once or twice."""
        if chance.random() < self.loss:
            return []
        count = 1 + (chance.random() < self.duplicate)
        return [self.delay + chance.random() * self.jitter for _ in range(count)]


class Way:
    """One direction: the frames on their way, by when they arrive."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, bytes]] = []
        self._count = 0
        self.passed = self.lost = self.doubled = self.crowded = 0

    def take(self, frame: bytes, now: float, wire: Wire, chance: random.Random) -> None:
        """A frame enters."""
        times = wire.times(chance)
        if len(self._waiting) >= MOST_FRAMES:
            self.crowded += 1
            return
        self.lost += not times
        self.doubled += len(times) > 1
        for after in times:
            self._count += 1
            heapq.heappush(self._waiting, (now + after, self._count, frame))

    def due(self, now: float) -> bytes | None:
        """The next frame that has arrived by now."""
        if not self._waiting or self._waiting[0][0] > now:
            return None
        self.passed += 1
        return heapq.heappop(self._waiting)[2]

    @property
    def next_at(self) -> float | None:
        """When the next frame arrives."""
        return self._waiting[0][0] if self._waiting else None

    def said(self) -> dict[str, int]:
        """What became of the frames."""
        names = ("passed", "lost", "doubled", "crowded")
        return {name: getattr(self, name) for name in names}


def whole_frames(*ports: str) -> None:
    """Let the interfaces of this namespace send whole frames, with their checksums."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for port in ports:
            for offload in OFFLOADS:
                off = array.array("B", struct.pack("II", offload, 0))
                request = struct.pack("16sP", port.encode(), off.buffer_info()[0])
                try:
                    fcntl.ioctl(asked, ETHTOOL, request)
                except OSError:  # a kernel need not know each of them
                    continue


def plug(port: str) -> socket.socket:
    """A socket that reads and writes the frames of an interface."""
    plugged = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_FRAMES))
    plugged.bind((port, 0))
    plugged.setblocking(False)
    plugged.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    plugged.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    plugged.setsockopt(263, IGNORE_OUTGOING, 1)
    return plugged


def carry(ports: tuple[str, str], wire: Wire, seed: int) -> list[Way]:
    """Join two interfaces until the standard input ends."""
    ends, ways = [plug(port) for port in ports], [Way(), Way()]
    chance = random.Random(seed)
    print("joined", flush=True)
    while True:
        heads = [way.next_at for way in ways if way.next_at is not None]
        wait = max(min(heads) - time.monotonic(), 0.0) if heads else None
        readable, _, _ = select.select([*ends, sys.stdin], [], [], wait)
        if sys.stdin in readable:
            line = sys.stdin.readline()
            if not line:
                return ways
            wire = wire._replace(**json.loads(line))
        for end, other, way in zip(ends, reversed(ends), ways, strict=True):
            if end in readable and not _take(end, way, wire, chance):
                return ways
            _give(other, way)


def _take(end: socket.socket, way: Way, wire: Wire, chance: random.Random) -> bool:
    """Let in what came; False when the cable is gone."""
    now = time.monotonic()
    for _ in range(FRAMES_PER_TURN):
        try:
            frame = end.recv(FRAME_BYTES)
        except BlockingIOError:
            break
        except OSError:
            return False
        way.take(frame, now, wire, chance)
    return True


def _give(end: socket.socket, way: Way) -> None:
    now = time.monotonic()
    while (frame := way.due(now)) is not None:
        try:
            end.send(frame)
        except OSError:  # the far end is full or down: as lost as any frame
            way.crowded += 1


class WireBox(Host):
    """A namespace with two ports, ``one`` and ``other``, that a wire joins once both are there."""

    process: subprocess.Popen[str]

    def join(self, wire: Wire, seed: int = 1) -> None:
        """Carry from now on."""
        words = ("one", "other", json.dumps(wire._asdict()), str(seed))
        self.process = self.popen(
            *(sys.executable, "-m", "tests.lab.wire", *words),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout and self.process.stdout.readline() == "joined\n"

    def change(self, **settings: float) -> None:
        """Change the wire: ``loss=0.05``."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(settings) + "\n")
        self.process.stdin.flush()

    def unplug(self) -> list[dict[str, int]]:
        """Carry nothing any more; what became of the frames, from ``one`` and from ``other``."""
        said, _ = self.process.communicate(timeout=10)
        counts: list[dict[str, int]] = json.loads(said)
        return counts


def whole_at(host: Host, port: str) -> None:
    """Let a host send whole frames by that port, as a wire needs them."""
    words = (sys.executable, "-m", "tests.lab.wire", "--whole", port)
    assert host.run(*words, cwd=ROOT).returncode == 0


def main(one: str, other: str, settings: str, seed: str = "1") -> None:
    """Carry, then say what was carried."""
    whole_frames(one, other)
    wire: dict[str, Any] = json.loads(settings)
    ways = carry((one, other), Wire(**wire), int(seed))
    print(json.dumps([way.said() for way in ways]), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--whole":
        whole_frames(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
