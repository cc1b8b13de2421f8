"""The only door to time and chance. Everything above takes them as arguments.

``World`` is what the effects' side of each package is given; ``chatixia.testing`` has a fake one.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import time
from base64 import b32encode
from typing import Any, Final, Protocol

from chatixia.ids import Incarnation, RequestId, TaskId

EAGER: Final[dict[str, Any]] = {"eager_start": True} if sys.version_info >= (3, 12) else {}
"""How ``asyncio.Task`` is made where a request that does not suspend should cost no turn of the
loop (links.md section 6); before Python 3.12 each task begins with the next turn."""


class World(Protocol):
    """Clock and entropy. Times are seconds as float."""

    def monotonic(self) -> float:
        """Seconds that never step back and stop during suspend."""
        ...

    def boottime(self) -> float:
        """Seconds that never step back and run through suspend (CLOCK_BOOTTIME)."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch as the machine believes."""
        ...

    def token(self, size: int) -> bytes:
        """``size`` bytes from the system's CSPRNG."""
        ...

    def jitter(self) -> float:
        """A uniform number in [0, 1), not for secrets."""
        ...


class RealWorld:
    """The machine's clock and entropy."""

    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
    jitter = staticmethod(random.random)
    token = staticmethod(secrets.token_bytes)

    @staticmethod
    def boottime() -> float:
        """CLOCK_BOOTTIME where the system has it, else the monotonic clock."""
        clock = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if clock is None else time.clock_gettime(clock)


REAL = RealWorld()


def incarnation(world: World = REAL) -> Incarnation:
    """64 random bits in hex, drawn once per process and agent."""
    return Incarnation(world.token(8).hex())


def task_id(world: World = REAL) -> TaskId:
    """A new task id: ``t_`` and 128 random bits in base32."""
    return TaskId("t_" + b32(world.token(16)))


def request_id(world: World = REAL) -> RequestId:
    """A new request id of 96 random bits."""
    return RequestId(world.token(12).hex())


def b32(data: bytes) -> str:
    """Lower-case base32 without padding."""
    return b32encode(data).decode().rstrip("=").lower()


def process_id() -> int:
    """This process's id; a lock file names it, and use after fork is refused by it."""
    return os.getpid()


def keep_private(fd: int) -> None:
    """Keep the descriptor ``fd`` from every child that is forked from now on.

    There it leads nowhere: else a lock or a connection would outlive the process that has it. A
    descriptor that was closed since, and its number used again, is left alone.
    """
    _private[fd] = _what(fd)


_private: dict[int, tuple[int, int]] = {}


def _what(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def _let_go() -> None:
    """In a forked child. The numbers stay taken, so that whoever closes one closes nothing else."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd, what in _private.items():
        try:
            if _what(fd) == what:
                os.dup2(nowhere, fd, inheritable=False)
        except OSError:
            continue
    os.close(nowhere)
    _private.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
