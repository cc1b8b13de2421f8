"""A store on a real file, a clock that a test turns, and the words that fill it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from chatixia.core.ports import Principal
from chatixia.core.shares import ShareLimits
from chatixia.ids import AgentId
from chatixia.store.control import grants
from chatixia.store.control.clock import DiskFloor
from chatixia.store.control.store import Store
from chatixia.store.control.submission import SubmitOrder
from chatixia.store.control.task_rows import Notice, TaskAssigned, TaskChanged
from chatixia.wire import tasks as t

NO_FLOOR = DiskFloor(0, 0.0)
PAYLOAD = b'{"data":"hello"}'


class Clock:
    """Wall and monotonic time, each turned by hand; chance from a counter."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self.wall_now, self.mono_now, self._drawn = wall, 50.0, 0

    def wall(self) -> float:
        return self.wall_now

    def monotonic(self) -> float:
        return self.mono_now

    boottime = monotonic

    def token(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_128(str(self._drawn).encode()).digest(size)

    def jitter(self) -> float:
        return 0.5

    def advance(self, seconds: float) -> None:
        self.wall_now += seconds
        self.mono_now += seconds


def agent(name: str, incarnation: str = "") -> Principal:
    mark = incarnation or hashlib.sha256(name.encode()).hexdigest()[:16]
    return Principal(AgentId(name), "agent", incarnation=mark)


def client(name: str = "pi~aaaaaa") -> Principal:
    return Principal(AgentId(name), "client", machine=name.partition("~")[0])


ALICE, BOB, CAROL = agent("alice"), agent("bob"), agent("carol")
OWNER = Principal(AgentId("home"), "owner")


def seat(who: Principal, *skills: str, slots: int = 8) -> grants.WorkerSeat:
    return grants.WorkerSeat(who.id, who.ns, who.incarnation, slots, frozenset(skills))


def task_id(n: int) -> str:
    """A well-formed task id for a number."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    text = ""
    for _ in range(26):
        n, digit = divmod(n, 32)
        text = letters[digit] + text
    return "t_" + text


class Ledger:
    """A store and all that it told, in order."""

    def __init__(
        self,
        folder: Path,
        world: Clock | None = None,
        floor: DiskFloor = NO_FLOOR,
        bounds: ShareLimits = ShareLimits(),  # noqa: B008 - frozen
    ) -> None:
        self.world = world or Clock()
        self.deaths: list[str] = []
        self.folder = folder
        self.store = Store.open(
            folder, self.world, on_death=self.deaths.append, floor=floor, bounds=bounds
        )
        self.told: list[Notice] = []
        self._n = 0

    async def __aenter__(self) -> Ledger:
        self.store.listen(self.told.extend)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()

    async def submit(
        self,
        skill: str = "echo",
        target: str = "",
        who: Principal = ALICE,
        *,
        id: str = "",
        key: str = "",
        payload: bytes = PAYLOAD,
        ttl: float = 300.0,
        **more: object,
    ) -> str:
        """Submit; gives the task's id."""
        self._n += 1
        name = id or task_id(self._n)
        said = t.Submit(id=name, skill=skill, target_agent_id=target, key=key, **more)  # type: ignore[arg-type]
        return (await self.store.tasks.submit(SubmitOrder(who, said, payload, ttl))).task_id

    async def claim(self, who: Principal = BOB, *skills: str, limit: int = 1) -> list[t.Grant]:
        """Claim by a fresh id."""
        self._n += 1
        said = t.Claim(f"claim-{self._n}", limit)
        return (await self.store.leases.claim(who, said, skills or ("echo",))).grants

    async def state(self, id: str) -> t.State:
        """The state in the row."""
        return (await self.store.tasks.get("default", id))[1].state

    def given(self) -> list[TaskAssigned]:
        """Grants that were told."""
        return [n for n in self.told if isinstance(n, TaskAssigned)]

    def changed(self, id: str = "") -> list[TaskChanged]:
        """Changes that were told (of one task)."""
        return [n for n in self.told if isinstance(n, TaskChanged) and id in ("", n.row.id)]

    async def settle(self, seconds: float = 0.0) -> None:
        """Let time pass and do what is due, through whole groups."""
        self.world.advance(seconds)
        while await self.store.upkeep.sweep([]):
            pass


Make = Callable[..., Ledger]
