"""The standard streams of a command, as they are found: closed, in another encoding, or full."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import Final, TextIO

STREAMS: Final = (
    ("stdin", "r", os.O_RDWR),
    ("stdout", "w", os.O_RDONLY),  # so that printing fails instead of going nowhere
    ("stderr", "w", os.O_RDWR),
)


def prepare() -> None:
    """Make the three streams usable, whatever the caller left of them.

    A closed one gets its number back first: a file or socket that is opened later would have it,
    and would take what is printed.
    """
    for number, (name, mode, flags) in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        _print_anything(stream)


def _print_anything(stream: TextIO) -> None:
    """What the stream's encoding has no letter for is printed as an escape, not as an error."""
    with suppress(AttributeError, OSError, ValueError):
        if stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]


def unwritable(error: OSError) -> str:
    """The sentence for a standard output that takes nothing."""
    closed = error.errno == errno.EBADF
    cause = "it is closed" if closed else (error.strerror or "it takes nothing")
    return f"Standard output cannot be written: {cause}."


def mute() -> None:
    """Nothing more goes to stdout, not even at exit, where an error would be printed again."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
