"""The command line, whose registry dies between a commit and its answer: ``crashing.py up ...``.

Each time the file that CRASH names is there and a commit holds a new task, the file goes and so
does the process, as if its plug were pulled.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from chatixia.cli import main
from chatixia.store.control.writer import Writer
from chatixia.wire.tasks import Submitted

CRASH = Path(os.environ["CRASH"])
answer = Writer._answer


def is_new(item: Any) -> bool:
    """Whether a new task was written, not one that was there."""
    return isinstance(item.result, Submitted) and not item.result.duplicate


def crash(self: Writer, group: list[Any], notices: list[Any]) -> None:
    """In the writer's thread, after the sync."""
    if any(map(is_new, group)) and CRASH.exists():
        CRASH.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    answer(self, group, notices)


if __name__ == "__main__":
    Writer._answer = crash  # type: ignore[method-assign]
    sys.exit(main())
