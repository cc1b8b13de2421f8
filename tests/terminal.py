"""A program on a terminal of our own: what it paints is a screen, what is typed are keys."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from fcntl import ioctl
from types import TracebackType

import pyte

SECONDS = 60.0
"""A hang's bound."""


class Terminal:
    """``command`` on a pseudo-terminal of ``columns`` and ``lines``, its output painted by pyte.

    ``with`` it; then :meth:`until` something stands there, and :meth:`type`.
    """

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=5000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._fd, inner = pty.openpty()
        ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environ = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "COLUMNS")}
        self.process = subprocess.Popen(
            command,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={**environ, "TERM": "xterm-256color", **(env or {})},
            cwd=cwd,
            start_new_session=True,
            close_fds=True,
        )
        os.close(inner)

    def __enter__(self) -> Terminal:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the program, however far it is."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._fd)

    def type(self, text: str) -> None:
        """Press keys; ``\\r`` is Enter."""
        os.write(self._fd, text.encode())

    @property
    def shown(self) -> list[str]:
        """All lines, those that scrolled away first, without empty ones at the end."""
        above = [
            "".join(line[x].data for x in range(self.screen.columns)).rstrip()
            for line in self.screen.history.top
        ]
        lines = above + [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def until(self, holds: str | Callable[[list[str]], object]) -> list[str]:
        """What is shown once a line has that text, or ``holds`` of all lines."""

        def there(lines: list[str]) -> object:
            return any(holds in line for line in lines) if isinstance(holds, str) else holds(lines)

        end = time.monotonic() + SECONDS
        while not there(self.shown):
            if not self._pump(end):
                raise AssertionError(f"waited in vain for {holds!r}:\n" + "\n".join(self.shown))
        return self.shown

    def end(self) -> int:
        """Its exit code, with all that it still painted."""
        end = time.monotonic() + SECONDS
        while self._pump(end):
            pass
        return self.process.wait(SECONDS)

    def _pump(self, end: float) -> bool:
        """Paint what came; False at the end of the program, or of the time."""
        ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # a terminal without a program
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)
