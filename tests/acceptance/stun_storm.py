"""Bad packets at the STUN door of a registry, sent by a process of its own on the registry's host.

``python -m tests.acceptance.stun_storm HOST PORT COUNT``: exit 0 if each was met as it should be.

What is no binding request is dropped without a word (RFC 8489, clause 6.3), so a good request
follows each bad packet from the same socket: its answer says that both were read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from random import Random

COOKIE = b"\x21\x12\xa4\x42"
REQUEST, SUCCESS = b"\0\x01", b"\x01\x01"
LARGEST = 64
"""Bytes of the longest answer: a forged source must not be worth it."""


def main(host: str, port: int, count: int) -> None:
    refused = 0
    for turn, packet in enumerate(damaged(count)):
        with line(host, port, turn) as sock:
            with contextlib.suppress(OSError):  # more than a datagram holds
                sock.send(packet)
            answers = ask(sock)
        assert all(len(answer) <= LARGEST for answer in answers), (packet, answers)
        refused += not any(answer.startswith(SUCCESS) for answer in answers)
    assert refused > count / 2, refused
    print(f"{refused} of {count} refused")


def damaged(count: int) -> Iterator[bytes]:
    """Bytes that are no packet, heads that lie, attributes of any kind and length."""
    draw = Random(count)
    for n in range(count):
        body = draw.randbytes(draw.choice((0, 3, 4, 20, 60, 528, 548, 1400, 60_000, 70_000)))
        even = body[: len(body) // 4 * 4]
        transaction = draw.randbytes(12)
        yield (
            body,
            head(0, transaction)[: draw.randrange(20)],
            head(len(even), transaction) + even,
            head(65_535, transaction) + body,
            head(len(body), transaction) + body,
            head(0, transaction, kind=b"\xff\xff"),
            head(4, transaction) + b"\0\x06\xff\xff",
            head(8, transaction) + b"\x7f\xff\0\x04" + draw.randbytes(4),
            head(0, transaction, kind=SUCCESS),
            head(0, transaction, cookie=b"\0\0\0\0"),
            head(400, transaction) + b"\x80\x99\0\0" * 100,
        )[n % 11]


def head(size: int, transaction: bytes, *, kind: bytes = REQUEST, cookie: bytes = COOKIE) -> bytes:
    """The 20 bytes that begin a packet (clause 5)."""
    return kind + (size % 65_536).to_bytes(2, "big") + cookie + transaction


def line(host: str, port: int, turn: int) -> socket.socket:
    """A socket at an address of its own, since each has a rate of its own."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((f"127.{1 + turn // 50_000}.{turn // 250 % 200}.{1 + turn % 250}", 0))
    sock.connect((host, port))
    sock.settimeout(0.5)
    return sock


def ask(sock: socket.socket) -> list[bytes]:
    """A good request until it is answered with our address; what else was answered before."""
    transaction, others = os.urandom(12), []
    for _ in range(20):  # clause 6.2.1: packets are lost, here those beyond the rate of all
        sock.send(head(0, transaction))
        with contextlib.suppress(TimeoutError):
            while (said := sock.recv(2048))[8:20] != transaction:
                others.append(said)
            assert said.startswith(SUCCESS) and said[20:24] == b"\0\x20\0\x08", said
            mapped = bytes(a ^ b for a, b in zip(said[28:32], COOKIE, strict=True))
            assert socket.inet_ntoa(mapped) == sock.getsockname()[0], said
            return others
    raise AssertionError("a good request was not answered")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
