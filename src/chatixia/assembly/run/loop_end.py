"""Notices that a loop or a process ends under an agent that nobody stopped, and stops it.

A script that returns from ``asyncio.run`` cancels every task; a notebook's kernel just goes. Both
hear one sentence with the cure, the registry hears a goodbye, and nothing is left to hang.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from chatixia.world import process_id

log = logging.getLogger("chatixia")

STOP_S: Final = 5.0
"""How long the end of a loop or process may be held up by one agent."""
SENTENCE: Final = (
    "%s was still running when its program ended; end it with `await agent.stop()`, or serve inside"
    " `async with agent:`."
)


class LoopEnd:
    """Watches from now on, in ``task``; :meth:`cancel` it when ``stop`` is called by other code."""

    def __init__(self, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        self._name, self._stop = name, stop
        self._pid = process_id()
        self._loop = asyncio.get_running_loop()
        self._over = False
        self.task = self._loop.create_task(self._watch())
        atexit.register(self.at_exit)

    def cancel(self) -> None:
        """The agent is being stopped."""
        self._over = True
        atexit.unregister(self.at_exit)
        if not self._loop.is_closed() and self.task is not asyncio.current_task(self._loop):
            self.task.cancel()

    async def _watch(self) -> None:
        try:
            await self._loop.create_future()
        except asyncio.CancelledError:
            if not self._over:
                await self._end()
            raise

    async def _end(self) -> None:
        """Say it, and stop the agent within its bound."""
        log.warning(SENTENCE, self._name)
        try:
            async with asyncio.timeout(STOP_S):
                await self._stop()
        except Exception as error:
            log.debug("%s could not be stopped", self._name, exc_info=error)

    def at_exit(self) -> None:
        """The interpreter ends, and its loop was never closed, or was closed over our tasks."""
        if self._over or process_id() != self._pid:
            return
        if self._loop.is_closed():
            log.warning(SENTENCE, self._name)
            return
        self._over = True  # what ends the task from here on is no second reason to say it
        try:
            if self._loop.is_running():  # in a thread that lives as long as the process
                asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(STOP_S + 1)
            else:
                self._loop.run_until_complete(self._end())
        except Exception as error:
            log.debug("%s could not be stopped", self._name, exc_info=error)
