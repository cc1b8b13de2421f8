"""Which event loop a mesh was opened in. Its links, futures and timers live on that loop alone.

Use from another loop would hang, or fail as if the registry or the far side were to blame; so it
is refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from threading import current_thread
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import ConfigError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

CURE: Final = (
    "use it in its own loop, open one here with `connect()`, or take `connect_sync()`, which works "
    "from any thread"
)
_served: WeakKeyDictionary[AbstractEventLoop, set[str]] = WeakKeyDictionary()
"""The agents that are served on each loop of this process."""


class LoopAffinity:
    """The loop that runs where this is made; none runs: every loop may use what is opened."""

    __slots__ = ("_running", "loop", "thread")

    def __init__(self) -> None:
        from asyncio import _get_running_loop

        self._running = _get_running_loop
        self.loop: AbstractEventLoop | None = _get_running_loop()
        self.thread = current_thread().name

    @property
    def foreign(self) -> bool:
        """Whether another loop runs here. Where none runs, nothing can be awaited either."""
        running = self._running()
        return running is not self.loop and running is not None and self.loop is not None

    def serve(self, name: str) -> None:
        """The agent ``name`` is served on this loop, until :meth:`unserve`."""
        if self.loop is not None:
            _served.setdefault(self.loop, set()).add(name)

    def unserve(self, name: str) -> None:
        """It is not served here any more."""
        if self.loop is not None:
            _served.get(self.loop, set()).discard(name)

    @property
    def ended(self) -> bool:
        """Whether its loop is closed, so that nothing of it can be stopped any more."""
        return self.loop is not None and self.loop.is_closed()

    def check(self, what: str = "This mesh", cure: str = CURE) -> None:
        """Raise ConfigError, definite, if another loop runs here."""
        if self.foreign:
            raise self.refusal(what, cure)

    def refusal(self, what: str = "This mesh", cure: str = CURE) -> ConfigError:
        """The sentence: which loop ``what`` belongs to, and the cure."""
        state = "which has ended" if self.ended else "and another loop runs here"
        return ConfigError(
            f"{what} belongs to the event loop of thread {self.thread}, {state}; {cure}."
        )

    def guard(
        self, call: Callable[[Outgoing], Awaitable[CallAnswer]]
    ) -> Callable[[Outgoing], Awaitable[CallAnswer]]:
        """``call`` for this loop alone. On the path of every call: one comparison."""
        home, running = self.loop, self._running
        if home is None:
            return call

        def checked(outgoing: Outgoing) -> Awaitable[CallAnswer]:
            if running() is not home:
                raise self.refusal()
            return call(outgoing)

        return checked


def refuse_blocking(name: str) -> None:
    """Raise ConfigError if this thread's loop serves ``name``: who waits for it here without
    ``await`` keeps it from answering."""
    from asyncio import _get_running_loop

    running = _get_running_loop()
    if running is not None and name in _served.get(running, ()):
        raise ConfigError(
            f"{name} is served by the event loop of this thread, which a call without `await` "
            f"blocks; use `await ctx.agent({name!r})...`, or make the skill a plain function."
        )
