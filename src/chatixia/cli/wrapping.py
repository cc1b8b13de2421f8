"""Text broken at words for a terminal, also while it comes piece by piece.

What was given out stays as it is: a line is full before it is given, so pieces and the whole break
alike. Widths are cells of the terminal, of which some characters take two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

TAB: Final = "    "

_PARTS: Final = re.compile(r"\s+|\S+")


def cells(text: str) -> int:
    """How many columns ``text`` takes."""
    from prompt_toolkit.utils import get_cwidth

    return int(get_cwidth(text))


def wrap(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells; its own line breaks and indents stay."""
    return [line for part in text.split("\n") for line in _broken(part.rstrip(), width)]


def clip(text: str, width: int) -> str:
    """``text`` in one line of at most ``width`` cells, its end left out if need be."""
    if cells(text) <= width:
        return text
    head, _ = _fitting(text, max(1, width - 1))
    return head + "…"


class StreamWrapper:
    """Text that comes in pieces. ``width``: asked for each piece; ``partial``: the line that may
    still grow."""

    def __init__(self, width: Callable[[], int]) -> None:
        self._width = width
        self.partial = ""

    def feed(self, piece: str) -> list[str]:
        """The lines that are full with this piece."""
        width, lines = self._width(), []
        *whole, last = (self.partial + piece.replace("\t", TAB)).split("\n")
        for part in whole:
            lines += _broken(part.rstrip(), width)
        *full, self.partial = _broken(last, width)
        return lines + full

    def end(self) -> list[str]:
        """The line that had not ended, if there is one."""
        rest, self.partial = self.partial.rstrip(), ""
        return [rest] if rest else []


def _broken(text: str, width: int) -> list[str]:
    """One line of text as lines of the terminal: at least one, maybe empty."""
    return list(_lines(text.replace("\t", TAB), max(1, width)))


def _lines(text: str, width: int) -> Iterator[str]:
    line = ""
    for part in _PARTS.findall(text):
        if part.isspace():
            line += part
            continue
        if line.strip() and cells(line + part) > width:
            yield line.rstrip()
            line = ""
        line += part
        while cells(line) > width:
            head, line = _fitting(line, width)
            yield head
    yield line


def _fitting(text: str, width: int) -> tuple[str, str]:
    """As much of ``text`` as ``width`` cells take, at least one character, and the rest."""
    used = 0
    for n, character in enumerate(text):
        used += cells(character)
        if used > width and n:
            return text[:n], text[n:]
    return text, ""
