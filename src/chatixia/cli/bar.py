"""How far a call is, painted over itself on a terminal; nothing at all anywhere else."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final

from . import output

if TYPE_CHECKING:
    from chatixia.client.progress import Progress

    from .common import Console

WIDE: Final = 24
"""Characters of the bar itself."""


class Bar:
    """One line on stderr: ``[######......]  50 %  merging``. ``with Bar(talk) as bar``.

    Painted only where a person looks: a terminal, and neither ``-q`` nor ``--json``.
    """

    def __init__(self, console: Console) -> None:
        self._shown = sys.stderr.isatty() and not (console.quiet or console.as_json)
        self._painted = False

    def __enter__(self) -> Bar:
        """The bar; nothing is painted before the first step."""
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the line as it was."""
        self.clear()

    def step(self, step: Progress) -> None:
        """Paint how far it is."""
        if self._shown:
            self._write("\r" + line(step, shutil.get_terminal_size().columns - 1) + "\x1b[K")
            self._painted = True

    def clear(self) -> None:
        """Wipe the line, before something else is printed."""
        if self._painted:
            self._write("\r\x1b[K")
            self._painted = False

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def line(step: Progress, width: int) -> str:
    """The text of one step in at most ``width`` characters; a foreign note steers no terminal."""
    parts = []
    if step.fraction is not None:
        full = round(step.fraction * WIDE)
        parts = [f"[{'#' * full}{'.' * (WIDE - full)}]", f"{step.fraction * 100:3.0f} %"]
    if step.note:
        parts.append(output.in_line(step.note))
    return ("  " + "  ".join(parts))[:width]
