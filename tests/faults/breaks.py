"""What a planted fault puts in the place of the product's own: functions from the right one to the
broken one. The table that uses them is in ``faults.py``.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Patch = Callable[[Any], Any]


class Fault(NamedTuple):
    """One switch: its name, what it breaks, {place: patch}, and the tests that must see it."""

    name: str
    promise: str
    places: dict[str, Patch]
    red: tuple[str, ...]


def always(value: Any) -> Patch:
    """Replace a function by one that gives `value` whatever it is asked."""
    return lambda original: lambda *args, **kwargs: value


def value(new: Any) -> Patch:
    """Replace a constant."""
    return lambda original: new


def by_class(original: Any) -> Any:
    """Say of an exception only what its class is called."""
    return lambda error, seconds: type(error).__name__


def printing(original: Any) -> Any:
    """Let what is painted over come after what was there."""
    return lambda text: print(text)


def same(original: Any) -> Any:
    """Give back what is given."""
    return lambda given: given


def first_given(original: Any) -> Any:
    """Give back the first of what is given."""
    return lambda given, *rest: given


def unlogged(original: Any) -> Any:
    """Let nobody write about what is served."""
    return lambda inc, responder, now: responder


def no_work(original: Any) -> Any:
    """See no work that waits for anybody."""

    async def broken(*given: Any) -> dict[str, int]:
        return {}

    return broken


def swallowing(original: Any) -> Any:
    """Let a function pass over every error in silence."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except Exception:
            return None

    return broken


def dropping(original: Any) -> Any:
    """Let a worker drop all whose lease is over by its own clock, finished or not."""

    def tick(self: Any) -> None:
        now = self._world.boottime()
        for lease in [one for one in self.in_hand.values() if one.until < now]:
            self.lose(lease)
        original(self)

    return tick


def unnamed(original: Any) -> Any:
    """Take a handshake that broke for a path that does not work."""

    async def broke(self: Any, *_: Any) -> None:
        self._died("No path works.")

    return broke


def replayable(original: Any) -> Any:
    """Let no attempt be remembered."""

    def once(self: Any, *rest: Any) -> Any:
        self._attempts.clear()
        return original(self, *rest)

    return once


def first_come(original: Any) -> Any:
    """Stay with the path in use, whatever opens."""

    def rank(self: Any, now: float, sink: Any) -> None:
        if all(slot.open is not self.open for slot in self.slots) or self.open is None:
            original(self, now, sink)

    return rank


def as_it_left(original: Any) -> Any:
    """Let a frame go again with the ack that it had when it went first."""
    return lambda data, a: data


def agreeable(original: Any) -> Any:
    """Take every login for one that takes broadcasts in clear."""
    return lambda self, capabilities: original(self, [*capabilities, "announce/1"])


def settled(original: Any) -> Any:
    """Take a host for one that stays where it is and never sleeps."""
    return lambda self, now: False


def hasty(original: Any) -> Any:
    """Take a silent application for a dead path."""
    return {**original, (True, False, "held"): "path_down"}


def unbounded(original: Any) -> Any:
    """Let decode accept any size."""
    return lambda maker, data, limit: original(maker, data, 1 << 40)


def believing(original: Any) -> Any:
    """Let a check take any signature for the right one."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **(kwargs | {"verify": lambda *_: True}))

    return broken


def unheard(original: Any) -> Any:
    """Take a hello as it came, whoever said it of whatever connection."""
    return lambda frame, *args, **kwargs: frame.hello


def stepping(original: Any) -> Any:
    """Take any time for the present one."""

    def learn(self: Any, now: float) -> None:
        self._base, self._since = now, self._monotonic()

    return learn


def unkept(original: Any) -> Any:
    """Send nothing again on a new path."""

    def resume(self: Any, acked: int) -> None:
        self._ack(self.s)
        original(self, self.s)

    return resume


def unheld(original: Any) -> Any:
    """Deliver a frame whenever it comes, also twice."""

    def receive(self: Any, data: bytes, now: float, out: list[Any]) -> Any:
        from chatixia.core import frames

        if data[:1] == b"{" and (seen := frames.read_frame(data)[0].s):
            self.a = seen - 1
        return original(self, data, now, out)

    return receive


def forgetful(original: Any) -> Any:
    """Take a duplicate for a new request."""

    def admit(self: Any, ask: Any, *rest: Any) -> None:
        self.served.pop(ask.request_id, None)
        original(self, ask, *rest)

    return admit


def contented(original: Any) -> Any:
    """Answer null where an error is due."""
    return lambda self, served, error: self.answer(served, b"null")


def answered_early(original: Any) -> Any:
    """Give each waiter its answer as soon as its statements ran, before a commit that is slow."""
    import time

    def answer(item: Any) -> None:
        if item.error is None:
            item.future.done() or item.future.set_result(item.result)

    def broken(self: Any, group: Any) -> None:
        original(self, group)
        for item in group:
            item.loop.call_soon_threadsafe(answer, item)
        time.sleep(0.02 * len(group))

    return broken


def with_a_key(original: Any) -> Any:
    """Every listed agent counts as one that may have a link."""
    return property(lambda record: False)


def keyless(original: Any) -> Any:
    """Draw another scope for each key, so that none is ever seen again."""
    import itertools

    numbers = itertools.count()
    return lambda ns, who, verb, key: original(ns, who, verb, f"{key}/{next(numbers)}")


def held_by_name(original: Any) -> Any:
    """Ask only whether the task is assigned, not under which fence."""
    return lambda row, who, fence: row.state == "assigned"


def definite(original: Any) -> Any:
    """Report what is not known as a plain failure."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        from chatixia.errors import DiskFull

        return DiskFull()

    return broken
