"""A crowd that proves nothing, as a process: `python -m tests.lab.crowd KIND PORT COUNT SECONDS`.

Opens COUNT connections to a registry at 127.0.0.1:PORT, says `ready` when it stands (for `drops`
and `guesses`: when it begins), holds for SECONDS or until its standard input ends, and prints what
became of it as one JSON line. Bounded in count and time, and to loopback.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import sys
import threading
import time
from collections.abc import Callable

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
HALF = b"POST /api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le"
BODY = b"POST /api/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n{"
ENDLESS = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Endless: "
PIECE = b"a" * 65536
MOST, LONGEST = 20_000, 60.0


class Crowd:
    """What all kinds share: the port, the size, the end."""

    def __init__(self, port: int, count: int, seconds: float) -> None:
        self.port, self.count = port, min(count, MOST)
        self.end = time.monotonic() + min(seconds, LONGEST)
        self.opened = self.refused = self.taken = 0
        self.over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        sys.stdin.read()
        self.over.set()

    @property
    def on(self) -> bool:
        return not self.over.is_set() and time.monotonic() < self.end

    def dial(self) -> socket.socket | None:
        """One more connection, or None where there is none to be had."""
        try:
            line = socket.create_connection(("127.0.0.1", self.port), 5)
        except OSError:
            self.refused += 1
            return None
        self.opened += 1
        return line

    def hold(self, first: bytes) -> None:
        """COUNT connections that say ``first`` and then nothing, until the end."""
        lines = []
        while len(lines) < self.count and self.on:
            line = self.dial()
            if line is not None:
                with contextlib.suppress(OSError):
                    line.sendall(first)
                lines.append(line)
        ready()
        while self.on:
            time.sleep(0.05)

    def drops(self) -> None:
        """COUNT upgrades, each left at once, evenly over the time."""
        ready()
        start, seconds = time.monotonic(), self.end - time.monotonic()
        for number in range(self.count):
            line = self.dial()
            if line is not None:
                with contextlib.suppress(OSError):
                    line.sendall(UPGRADE)
                line.close()
            wait = start + seconds * number / self.count - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            if not self.on:
                break

    def headers(self) -> None:
        """COUNT headers without end, as fast as they are read."""
        lines = [line for line in (self._endless() for _ in range(self.count)) if line]
        ready()
        while lines and self.on:
            _, writable, _ = select.select([], lines, [], 0.1)
            for line in writable:
                try:
                    self.taken += line.send(PIECE)
                except BlockingIOError:
                    pass
                except OSError:
                    lines.remove(line)
                    if (again := self._endless()) is not None:
                        lines.append(again)

    def _endless(self) -> socket.socket | None:
        line = self.dial()
        if line is not None:
            line.sendall(ENDLESS)
            line.setblocking(False)
        return line

    def guesses(self) -> None:
        """COUNT wrong join strings."""
        body = json.dumps({"key": "A" * 43, "nonce": "A" * 22})
        for number in range(self.count):
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            line.request("POST", "/api/join/begin", body, {"content-type": "application/json"})
            line.getresponse().read()
            line.close()
            if number == self.count - 1:
                ready()
        while self.on:
            time.sleep(0.05)


def ready() -> None:
    print("ready", flush=True)


def main(kind: str, port: int, count: int, seconds: float) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MOST + 64), hard))
    crowd = Crowd(port, count, seconds)
    kinds: dict[str, Callable[[], None]] = {
        "sockets": lambda: crowd.hold(UPGRADE),
        "halves": lambda: crowd.hold(HALF),
        "bodies": lambda: crowd.hold(BODY),
        "idle": lambda: crowd.hold(b""),
        "drops": crowd.drops,
        "headers": crowd.headers,
        "guesses": crowd.guesses,
    }
    kinds[kind]()
    print(
        json.dumps(
            {
                "opened": crowd.opened,
                "refused": crowd.refused,
                "taken": crowd.taken,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
