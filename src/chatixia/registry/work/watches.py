"""Who watches which task, and what it has said so far: a bounded ring per task, never rows."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import msgspec

from chatixia.core.shares import RETRY_AFTER, Shares
from chatixia.core.task import fence_key
from chatixia.errors import Overloaded
from chatixia.ids import AgentId
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskProgress

from .ports import PushPort

WATCHES: Final = 1024
"""Tasks that one socket may watch at once."""
RING_ITEMS: Final = 256
RING_BYTES: Final = 1024 * 1024
TOTAL_BYTES: Final = 64 * 1024 * 1024


class Watcher(NamedTuple):
    """A login that watches."""

    who: AgentId
    epoch: str


class ProgressRing:
    """The last progress and output of one task under its newest fence, numbered by the worker."""

    __slots__ = ("fence", "fraction", "holder", "items", "note", "size")

    def __init__(self, holder: str = "") -> None:
        self.holder = holder
        self.items: deque[TaskProgress] = deque()
        self.size = 0
        self.fence: tuple[int, int] = (0, 0)
        self.fraction: float | None = None
        self.note = ""

    def add(self, said: TaskProgress) -> int:
        """Keep it; gives by how many bytes the ring grew (negative if old ones went)."""
        before = self.size
        fence = fence_key(said.fence)
        if fence != self.fence:
            self.items.clear()
            self.size, self.fence = 0, fence
        if said.fraction is not None:
            self.fraction = said.fraction
        self.note = said.note or self.note
        self.items.append(said)
        self.size += weight(said)
        while len(self.items) > RING_ITEMS or (self.size > RING_BYTES and len(self.items) > 1):
            self.size -= weight(self.items.popleft())
        return self.size - before


def weight(said: TaskProgress) -> int:
    """Bytes that a report counts for."""
    item = 0 if said.item is msgspec.UNSET else len(bytes(said.item))
    return 200 + len(said.note) + item


class Watches:
    """The watchers and rings of the tasks that live."""

    def __init__(self, pushes: PushPort) -> None:
        self._pushes = pushes
        self._of_task: dict[str, dict[Watcher, bool]] = {}
        self._of_socket: dict[Watcher, set[str]] = {}
        self._rings: dict[str, ProgressRing] = {}
        self._bytes = Shares(TOTAL_BYTES)

    def add(self, watcher: Watcher, task_id: str, progress: bool) -> None:
        """Watch a task; what it said so far (if ``progress``) is pushed at once."""
        mine = self._of_socket.setdefault(watcher, set())
        if task_id not in mine and len(mine) >= WATCHES:
            raise Overloaded(f"One socket may watch {WATCHES} tasks at once.")
        mine.add(task_id)
        self._of_task.setdefault(task_id, {})[watcher] = progress
        ring = self._rings.get(task_id)
        for said in ring.items if ring is not None and progress else ():
            self._pushes.push(watcher.who, said, watcher.epoch)

    def remove(self, watcher: Watcher, task_id: str) -> None:
        """Stop watching one task."""
        self._of_task.get(task_id, {}).pop(watcher, None)
        self._of_socket.get(watcher, set()).discard(task_id)
        if not self._of_task.get(task_id, True):
            del self._of_task[task_id]
        if not self._of_socket.get(watcher, True):
            del self._of_socket[watcher]

    def gone(self, watcher: Watcher) -> None:
        """A socket closed."""
        for task_id in tuple(self._of_socket.get(watcher, ())):
            self.remove(watcher, task_id)

    def report(self, said: TaskProgress, holder: str = "") -> None:
        """Keep a report and push it to the watchers that want progress.

        It is on the share of the worker's ``holder`` (``core.shares``), with what others reported
        of the task before. Raises Overloaded.
        """
        if not self._bytes.fits(holder, weight(said)):
            raise Overloaded("Too much progress is waiting to be watched.", retry_after=RETRY_AFTER)
        ring = self._rings.setdefault(said.task_id, ProgressRing(holder))
        if ring.holder != holder:
            self._bytes.add(ring.holder, -ring.size)
            self._bytes.add(holder, ring.size)
            ring.holder = holder
        self._bytes.add(holder, ring.add(said))
        for watcher, progress in tuple(self._of_task.get(said.task_id, {}).items()):
            if progress:
                self._pushes.push(watcher.who, said, watcher.epoch)

    def tell(self, task_id: str, message: msgspec.Struct, but: str = "") -> None:
        """Push to every watcher of a task, but to ``but``, who hears of it anyway."""
        for watcher in tuple(self._of_task.get(task_id, ())):
            if watcher.who != but:
                self._pushes.push(watcher.who, message, watcher.epoch)

    def end(self, task_id: str) -> None:
        """The task is terminal: its watchers have heard all there is."""
        for watcher in tuple(self._of_task.get(task_id, ())):
            self.remove(watcher, task_id)
        ring = self._rings.pop(task_id, None)
        if ring is not None:
            self._bytes.add(ring.holder, -ring.size)

    def show(self, task: t.Task) -> t.Task:
        """Put the last progress into a row that is shown."""
        ring = self._rings.get(task.id)
        if ring is not None:
            task.progress, task.note = ring.fraction, ring.note
        return task
