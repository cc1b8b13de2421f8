"""The task service with everything real but the sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from chatixia.core.ports import Principal
from chatixia.registry.work.compat import CompatTaskVerbs
from chatixia.registry.work.ports import WorkerLogin
from chatixia.registry.work.service import TaskService
from chatixia.store.control.rows import MemberRow
from chatixia.store.control.store import Store
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskPush
from tests.store.control.kit import NO_FLOOR, Clock, task_id

T = TypeVar("T")
PLAIN = msgspec.Raw(b'{"plain":{"data":"hello"}}')


class Sockets:
    """Every push, in order; ``deaf`` ids have no socket."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, msgspec.Struct]] = []
        self.deaf: set[str] = set()
        self._news = asyncio.Event()

    def push(self, who: str, message: msgspec.Struct, epoch: str = "") -> bool:
        if who in self.deaf:
            return False
        self.sent.append((who, epoch, message))
        self._news.set()
        return True

    def to(self, who: str, kind: type[T]) -> list[T]:
        """What ``who`` was sent of one kind."""
        return [m for name, _, m in self.sent if name == who and isinstance(m, kind)]

    async def wait(self, who: str, kind: type[T], many: int = 1) -> list[T]:
        """The first ``many`` of a kind, once they are there."""
        async with asyncio.timeout(20):
            while len(found := self.to(who, kind)) < many:
                self._news.clear()
                await self._news.wait()
        return found


class Desk:
    """Service, store, clock and sockets."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.world, self.sockets = folder, Clock(), Sockets()
        self._n = 0

    async def __aenter__(self) -> Desk:
        self.store = Store.open(self.folder, self.world, floor=NO_FLOOR)
        self.tasks = TaskService(self.store, self.world, self.sockets)
        self.described = CompatTaskVerbs(self.tasks, self.store)
        await self.tasks.start()
        for name in ("alice", "bob", "carol"):
            row = MemberRow("default", name, "agent", 1, f"key-{name}", b"[]")
            await self.store.members.put(row)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tasks.stop()
        await self.store.close()

    async def restart(self) -> None:
        """Another registry process on the same folder."""
        await self.__aexit__()
        await self.__aenter__()

    def online(self, who: Principal, *skills: str, slots: int = 4, epoch: str = "1.1") -> None:
        self.tasks.online(
            WorkerLogin(who.id, who.incarnation, slots, frozenset(skills or ("echo",)), epoch=epoch)
        )

    async def submit(self, who: Principal, **more: Any) -> str:
        self._n += 1
        said = {"id": task_id(self._n), "skill": "echo", "payload": PLAIN, **more}
        return (await self.tasks.submit(who, t.Submit(**said))).task_id

    async def pushed(self, who: Principal, many: int = 1) -> TaskPush:
        """The ``many``-th task pushed to a worker."""
        return (await self.sockets.wait(who.id, TaskPush, many))[many - 1]

    async def state(self, who: Principal, id: str) -> str:
        return (await self.tasks.get(who, t.Ref(id))).state

    async def later(self, seconds: float) -> None:
        self.world.advance(seconds)
        await self.tasks.sweep()


def done(push: TaskPush, result: bytes = b"1") -> t.Complete:
    """The completion of a pushed task."""
    return t.Complete(push.task.id, push.fence, t.Body(plain=msgspec.Raw(result)))
