"""What stands between two ends: it passes on what comes, and may drop, delay, repeat or change it.

Used for frames (``Relay.bend``, ``Front.bend``) and, by :func:`calls`, for a coroutine function.
Rules go by type and are asked in the order in which they were made; the first that fits decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Deliver = Callable[[Any], Any]


class Interceptor:
    """``seen``: all that came; ``held``: what waits for :meth:`release`. ``deliver``: where goes
    what is late; what is not is returned."""

    def __init__(self, deliver: Deliver = lambda frame: None) -> None:
        self.seen: list[Any] = []
        self.held: list[Any] = []
        self._deliver = deliver
        self._rules: list[tuple[tuple[type, ...], Callable[[Any], list[Any] | None]]] = []

    def _rule(self, kinds: tuple[type, ...], what: Callable[[Any], list[Any] | None]) -> None:
        self._rules.append((kinds or (object,), what))

    def drop(self, *kinds: type, times: int | None = None) -> Interceptor:
        """Lose them: all, or the first ``times``."""
        left = times

        def lose(frame: Any) -> list[Any] | None:
            nonlocal left
            if left == 0:
                return None
            left = None if left is None else left - 1
            return []

        self._rule(kinds, lose)
        return self

    def duplicate(self, *kinds: type) -> Interceptor:
        """Bring them twice."""
        self._rule(kinds, lambda frame: [frame, frame])
        return self

    def delay(self, seconds: float, *kinds: type) -> Interceptor:
        """Bring them later."""

        def later(frame: Any) -> list[Any]:
            asyncio.get_running_loop().call_later(seconds, self._deliver, frame)
            return []

        self._rule(kinds, later)
        return self

    def hold(self, *kinds: type) -> Interceptor:
        """Keep them until :meth:`release`."""
        self._rule(kinds, lambda frame: self.held.append(frame) or [])
        return self

    def change(self, change: Callable[[Any], Any], *kinds: type) -> Interceptor:
        """Bring what ``change`` makes of them: what it returns, or the same one, changed."""
        self._rule(kinds, lambda frame: [said if (said := change(frame)) is not None else frame])
        return self

    def release(self) -> None:
        """No rule any more; what was held goes on, in order."""
        self._rules.clear()
        held, self.held = self.held, []
        for frame in held:
            self._deliver(frame)

    def __call__(self, *came: Any) -> list[Any]:
        """What becomes of a frame, the last argument."""
        frame = came[-1]
        self.seen.append(frame)
        for kinds, what in self._rules:
            if isinstance(frame, kinds) and (said := what(frame)) is not None:
                return said
        return [frame]


def calls(
    inner: Callable[..., Awaitable[Any]],
    *,
    delay: float = 0.0,
    lose: Callable[[], BaseException] | None = None,
    lose_answer: Callable[[], BaseException] | None = None,
    twice: bool = False,
    seen: list[Any] | None = None,
) -> Callable[..., Awaitable[Any]]:
    """``inner`` behind an interceptor: late, not reached (``lose``), reached without its answer
    coming back (``lose_answer``), or called twice with one answer. ``seen``: gets the arguments."""

    async def between(*args: Any, **named: Any) -> Any:
        if seen is not None:
            seen.append(args)
        if delay:
            await asyncio.sleep(delay)
        if lose is not None:
            raise lose()
        answer = await inner(*args, **named)
        if twice:
            await inner(*args, **named)
        if lose_answer is not None:
            raise lose_answer()
        return answer

    return between
