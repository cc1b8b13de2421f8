"""One body of 100 MB, sent so that it is known how much of it the other side has read.

A kernel buffers megabytes that nobody reads. So no further chunk is sent before the receiving
socket's queue is empty (or the other side answered, closed, or stopped reading for good): what was
sent is then what was read, to within a chunk.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator

CHUNK = 64 * 1024
BODY = 100 * 1024 * 1024
BOUND = 10.0


def unread(theirs: int, ours: int) -> int:
    """Bytes that lie in the receiving socket of a loopback connection, by its two ports."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        for row in list(table)[1:]:
            fields = row.split()
            ends = [int(end.rpartition(":")[2], 16) for end in fields[1:3]]
            if ends == [theirs, ours]:
                return int(fields[4].rpartition(":")[2], 16)
    return 0


def ended(line: socket.socket) -> bool:
    """Whether an answer or the end of the connection is there to be read."""
    return bool(select.select([line], [], [], 0)[0])


def read_all(line: socket.socket) -> bytes:
    """What was answered, up to the connection's end."""
    said = b""
    line.settimeout(BOUND)
    with contextlib.suppress(OSError):
        while data := line.recv(CHUNK):
            said += data
    return said


def flood(line: socket.socket, chunks: Iterator[bytes]) -> tuple[int, bytes]:
    """How many bytes the other side read before it ended the connection, and its answer."""
    taken, ports = 0, (line.getpeername()[1], line.getsockname()[1])
    for chunk in chunks:
        if ended(line):
            break
        try:
            line.sendall(chunk)
        except OSError:
            break
        taken += len(chunk)
        bound = time.monotonic() + BOUND
        while unread(*ports) and not ended(line):
            assert time.monotonic() < bound, f"stopped reading after {taken} bytes, said nothing"
            time.sleep(0.001)
    return taken, read_all(line)


def body() -> Iterator[bytes]:
    """100 MB that begin as JSON might."""
    yield b'{"skill": "' + b"x" * (CHUNK - 11)
    for _ in range(BODY // CHUNK - 1):
        yield b"x" * CHUNK


def chunked(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same in HTTP's chunked coding (RFC 9112 section 7.1)."""
    for part in parts:
        yield b"%x\r\n%s\r\n" % (len(part), part)


def masked(head: int, part: bytes, length: int | None = None) -> bytes:
    """A client's WebSocket frame with a mask of zeros (RFC 6455 section 5.2)."""
    size = len(part) if length is None else length
    return bytes((head, 0xFF)) + size.to_bytes(8, "big") + b"\0\0\0\0" + part


def one_frame(parts: Iterator[bytes]) -> Iterator[bytes]:
    """One text frame that says that it is 100 MB long."""
    yield masked(0x81, next(parts), BODY)
    yield from parts


def fragments(parts: Iterator[bytes]) -> Iterator[bytes]:
    """A text message without end, in fragments."""
    yield masked(0x01, next(parts))
    for part in parts:
        yield masked(0x00, part)


def upgrade(port: int) -> socket.socket:
    """A WebSocket at the registry, by hand; its challenge is read."""
    line = socket.create_connection(("127.0.0.1", port), BOUND)
    key = "AAAAAAAAAAAAAAAAAAAAAA=="
    line.sendall(
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
    )
    said = b""
    while b"challenge" not in said or not said.endswith(b"}"):
        data = line.recv(CHUNK)
        assert data, said
        said += data
    return line


assert os.path.exists("/proc/net/tcp"), "these tests measure with Linux's own table of sockets"
