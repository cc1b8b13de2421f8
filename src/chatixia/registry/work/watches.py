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

MAX_WATCHES: Final = 1024
"""Tasks that one socket may watch at once."""
RING_ITEMS: Final = 256
RING_BYTES: Final = 1024 * 1024
ALL_RINGS_BYTES: Final = 64 * 1024 * 1024


class Watcher(NamedTuple):
    """A login that watches."""

    id: AgentId
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

    def add(self, report: TaskProgress) -> int:
        """Keep it; gives by how many bytes the ring grew (negative if old ones went)."""
        before = self.size
        fence = fence_key(report.fence)
        if fence != self.fence:
            self.items.clear()
            self.size, self.fence = 0, fence
        if report.fraction is not None:
            self.fraction = report.fraction
        self.note = report.note or self.note
        self.items.append(report)
        self.size += weight(report)
        while len(self.items) > RING_ITEMS or (self.size > RING_BYTES and len(self.items) > 1):
            self.size -= weight(self.items.popleft())
        return self.size - before


def weight(report: TaskProgress) -> int:
    """Bytes that a report counts for."""
    parts = (report.item, report.event)
    return 200 + len(report.note) + sum(len(part) for part in parts if part is not msgspec.UNSET)


class Watches:
    """The watchers and rings of the tasks that live."""

    def __init__(self, pushes: PushPort) -> None:
        self._pushes = pushes
        self._of_task: dict[str, dict[Watcher, bool]] = {}
        self._of_socket: dict[Watcher, set[str]] = {}
        self._rings: dict[str, ProgressRing] = {}
        self._bytes = Shares(ALL_RINGS_BYTES)

    def add(self, watcher: Watcher, task_id: str, progress: bool) -> None:
        """Watch a task; what it said so far (if ``progress``) is pushed at once."""
        watched = self._of_socket.setdefault(watcher, set())
        if task_id not in watched and len(watched) >= MAX_WATCHES:
            raise Overloaded(f"One socket may watch {MAX_WATCHES} tasks at once.")
        watched.add(task_id)
        self._of_task.setdefault(task_id, {})[watcher] = progress
        ring = self._rings.get(task_id)
        for report in ring.items if ring is not None and progress else ():
            self._pushes.push(watcher.id, report, watcher.epoch)

    def remove(self, watcher: Watcher, task_id: str) -> None:
        """Stop watching one task."""
        self._of_task.get(task_id, {}).pop(watcher, None)
        self._of_socket.get(watcher, set()).discard(task_id)
        if not self._of_task.get(task_id, True):
            del self._of_task[task_id]
        if not self._of_socket.get(watcher, True):
            del self._of_socket[watcher]

    def forget(self, watcher: Watcher) -> None:
        """A socket closed."""
        for task_id in tuple(self._of_socket.get(watcher, ())):
            self.remove(watcher, task_id)

    def report(self, report: TaskProgress, holder: str = "") -> None:
        """Keep a report and push it to the watchers that want progress.

        It is on the share of the worker's ``holder`` (``core.shares``), with what others reported
        of the task before. Raises Overloaded.
        """
        if not self._bytes.fits(holder, weight(report)):
            raise Overloaded("Too much progress is kept for watchers.", retry_after=RETRY_AFTER)
        ring = self._rings.setdefault(report.task_id, ProgressRing(holder))
        if ring.holder != holder:
            self._bytes.add(ring.holder, -ring.size)
            self._bytes.add(holder, ring.size)
            ring.holder = holder
        self._bytes.add(holder, ring.add(report))
        for watcher, progress in tuple(self._of_task.get(report.task_id, {}).items()):
            if progress:
                self._pushes.push(watcher.id, report, watcher.epoch)

    def tell(self, task_id: str, message: msgspec.Struct, but: str = "") -> None:
        """Push to every watcher of a task, except ``but``, which is told anyway."""
        for watcher in tuple(self._of_task.get(task_id, ())):
            if watcher.id != but:
                self._pushes.push(watcher.id, message, watcher.epoch)

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
