"""The standard streams of a command, as they are found: closed, in another encoding, or full."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Final, Literal, TextIO

IF_CLOSED: Final = (os.O_RDWR, os.O_RDONLY, os.O_RDWR)
"""How each descriptor is opened where it is closed: stdout so that printing fails."""


def prepare() -> None:
    """Make the three streams usable, whatever the caller left of them.

    A closed one gets its number back first: a file or socket that is opened later would have it,
    and would take what is printed.
    """
    for number, flags in enumerate(IF_CLOSED):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest number that is free: this one
    sys.stdin = sys.stdin or _stream(0, "r")
    sys.stdout = sys.stdout or _stream(1, "w")
    sys.stderr = sys.stderr or _stream(2, "w")
    for stream in (sys.stdout, sys.stderr):
        _print_anything(stream)


def _stream(number: int, mode: Literal["r", "w"]) -> TextIO:
    return open(number, mode, encoding="utf-8", closefd=False)  # closed by whoever opened it


def _print_anything(stream: TextIO) -> None:
    """What the stream's encoding has no letter for is printed as an escape, not as an error."""
    with suppress(OSError, ValueError):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def unwritable(error: OSError) -> str:
    """The sentence for a standard output that takes nothing."""
    closed = error.errno == errno.EBADF
    cause = "it is closed" if closed else (error.strerror or "it takes nothing")
    return f"Standard output cannot be written: {cause}."


def mute() -> None:
    """Nothing more goes to stdout, not even at exit, where an error would be printed again."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
