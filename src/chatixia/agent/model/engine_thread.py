"""The thread where the model library works: one for the process, with a loop of its own.

A turn with a long history keeps a loop busy for a tenth of a second; the agent's own goes on
answering meanwhile.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Final

from chatixia.world import process_id

ENDING_S: Final = 5.0
"""Seconds that the thread has to end in; it is a daemon, so the process ends all the same."""


class EngineThread:
    """A loop that runs in a daemon thread from the first :meth:`enter` to the last
    :meth:`leave`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._process = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def enter(self) -> asyncio.AbstractEventLoop:
        """The running loop, which is there until :meth:`leave`."""
        with self._lock:
            if self._process != process_id():  # in a forked child the thread is not there
                self._process, self._users = process_id(), 0
            if not self._users:
                self._start()
            self._users += 1
            assert self._loop is not None
            return self._loop

    def leave(self) -> None:
        """One user less; the last one ends the thread, and waits for that."""
        with self._lock:
            self._users -= 1
            if self._users or self._loop is None or self._thread is None:
                return
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(ENDING_S)
            self._loop = None

    def _start(self) -> None:
        ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = Thread(target=_serve, args=(ready,), name="chatixia-model", daemon=True)
        self._thread.start()
        self._loop = ready.result()


def _serve(ready: Future[asyncio.AbstractEventLoop]) -> None:
    # Not uvloop: the SDKs gain nothing by it here, and timeouts count on the monotonic clock.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        loop = runner.get_loop()
        loop.call_soon(ready.set_result, loop)
        loop.run_forever()


SHARED: Final = EngineThread()
