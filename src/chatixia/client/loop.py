"""The event loop that our processes and threads run for a peer, and that thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    from anyio.from_thread import BlockingPortal


def peer_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """A factory of loops; None: asyncio's own.

    wrtc moves its packets in threads of its own: a call is as fast on asyncio's loop, and the
    process 2.4 MB smaller (docs/adr/0008-loops.md). aiortc lives on the loop, and uvloop doubles
    its throughput, so it is taken where wrtc has no wheel.
    """
    return None if find_spec("wrtc") is not None else fast_loop()


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """A factory of uvloop's loops, for a process whose work is sockets; None where it is not
    installed."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class LoopThread:
    """A blocking portal to a loop in a thread of its own: ``start`` it, ``stop`` it.

    Not anyio's context manager, which waits for its thread also when it is only dropped: a child
    that forked has no such thread, and would wait forever at its end.
    """

    def start(self) -> BlockingPortal:
        """Start the thread; the way in."""
        from concurrent.futures import Future
        from threading import Thread

        self._portal: Future[BlockingPortal] = Future()
        self._thread = Thread(target=self._run, daemon=True, name="chatixia")
        self._thread.start()
        return self._portal.result()

    def stop(self) -> None:
        """End the loop and wait for the thread."""
        portal = self._portal.result()
        portal.call(portal.stop)
        self._thread.join()

    def _run(self) -> None:
        import anyio

        try:
            options = {"loop_factory": factory} if (factory := peer_loop()) else {}
            anyio.run(self._serve, backend_options=options)
        except BaseException as error:
            if self._portal.done():
                raise
            self._portal.set_exception(error)

    async def _serve(self) -> None:
        from anyio.from_thread import BlockingPortal

        async with BlockingPortal() as portal:
            self._portal.set_result(portal)
            await portal.sleep_until_stopped()
