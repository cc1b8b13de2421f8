"""A long life with chance: whatever is done, tasks, counts, events and fences agree.

One machine of states drawn by hypothesis runs on the real SQLite; a plain model says what each
answer must be.
"""

import asyncio
import contextlib
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatixia.core import task as core
from chatixia.errors import MeshError, WireError
from chatixia.wire import tasks as t

from .kit import ALICE, BOB, CAROL, Ledger, agent, seat

WORKERS = (BOB, CAROL)
STEP = st.one_of(
    st.tuples(st.just("submit"), st.integers(0, 5), st.sampled_from(["a", "b"])),
    st.tuples(st.just("claim"), st.integers(0, 1), st.integers(1, 3)),
    st.tuples(st.just("complete"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("fail"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("release"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("renew"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("time"), st.sampled_from([1, 4, 6, 31, 200]), st.booleans()),
    st.tuples(st.just("seats"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("worker_lost"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("restart"), st.just(0), st.booleans()),
)


class Life:
    """One run: every fence ever seen per task, every final state ever seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder)
        self.grants: list[tuple[int, str, str]] = []  # worker, task, fence
        self.names: dict[int, str] = {}
        self.final: dict[str, tuple[str, bytes | None]] = {}
        self.fences: dict[str, list[tuple[int, int]]] = {}

    async def step(self, what: str, n: int, more: object) -> None:
        store = self.ledger.store
        with contextlib.suppress(MeshError):
            await getattr(self, what)(store, n, more)
        self.learn()

    async def submit(self, store, n, skill) -> None:  # type: ignore[no-untyped-def]
        name = await self.ledger.submit(skill, key=f"k{n}-{skill}", ttl=100.0)
        key = n * 2 + (skill == "a")
        assert self.names.setdefault(key, name) == name  # one key, one task, for ever

    async def claim(self, store, n, limit) -> None:  # type: ignore[no-untyped-def]
        for grant in await self.ledger.claim(WORKERS[n], "a", "b", limit=limit):
            self.grants.append((n, grant.task.id, grant.fence))

    def grant(self, n: int) -> tuple[int, str, str]:
        return self.grants[-1 - n % len(self.grants)] if self.grants else (0, "t_none", "1.1")

    async def complete(self, store, n, more) -> None:  # type: ignore[no-untyped-def]
        worker, name, fence = self.grant(n)
        await store.leases.complete(WORKERS[worker], name, fence, f'"{fence}"'.encode())

    async def fail(self, store, n, retryable) -> None:  # type: ignore[no-untyped-def]
        worker, name, fence = self.grant(n)
        await store.leases.fail(
            WORKERS[worker], name, fence, WireError("skill_failed", "", retryable)
        )

    async def release(self, store, n, more) -> None:  # type: ignore[no-untyped-def]
        worker, name, fence = self.grant(n)
        await store.leases.release(WORKERS[worker], name, fence)

    async def cancel(self, store, n, more) -> None:  # type: ignore[no-untyped-def]
        if self.names:
            await store.tasks.cancel(ALICE, list(self.names.values())[n % len(self.names)])

    async def renew(self, store, n, more) -> None:  # type: ignore[no-untyped-def]
        worker, name, fence = self.grant(n)
        await store.leases.renew(WORKERS[worker], [t.Held(name, fence)])

    async def time(self, store, seconds, more) -> None:  # type: ignore[no-untyped-def]
        await self.ledger.settle(float(seconds))

    async def seats(self, store, n, more) -> None:  # type: ignore[no-untyped-def]
        store.leases.seats([seat(who, "a", "b", slots=2) for who in WORKERS[:n]])
        await store.leases.poke()

    async def worker_lost(self, store, n, more) -> None:  # type: ignore[no-untyped-def]
        await store.leases.end(WORKERS[n].id, agent(WORKERS[n].id).incarnation)

    async def restart(self, store, n, more) -> None:  # type: ignore[no-untyped-def]
        await store.close()
        self.ledger.told.clear()
        fresh = Ledger(self.folder, self.ledger.world)
        fresh._n = self.ledger._n
        self.ledger = await fresh.__aenter__()

    def learn(self) -> None:
        for said in self.ledger.given():
            fences = self.fences.setdefault(said.row.id, [])
            key = core.fence_key(said.task.fence)
            if key not in fences:
                assert not fences or key > fences[-1], "a fence did not rise"
                fences.append(key)
            worker = WORKERS.index(BOB if said.row.worker == "bob" else CAROL)
            if said.pushed and (worker, said.row.id, said.task.fence) not in self.grants:
                self.grants.append((worker, said.row.id, said.task.fence))
        for changed in self.ledger.changed():
            name, task = changed.row.id, changed.task
            if core.is_terminal(task.state):
                result = bytes(task.result.plain) if task.result else None  # type: ignore[arg-type]
                assert self.final.setdefault(name, (task.state, result)) == (task.state, result)
        self.ledger.told.clear()

    async def check(self) -> None:
        """Rows, counts and events tell one story, and no finished task ever changed."""
        store = self.ledger.store
        states: dict[str, int] = {}
        for name in set(self.names.values()):
            row, task = await store.tasks.get("default", name)
            states[row.state] = states.get(row.state, 0) + 1
            result = bytes(task.result.plain) if task.result else None  # type: ignore[arg-type]
            if core.is_terminal(row.state):
                assert self.final[name] == (row.state, result)
            else:
                assert name not in self.final
            if row.state == "completed":
                fence = result.decode().strip('"')  # type: ignore[union-attr]
                assert core.fence_key(fence) == self.fences[name][-1]
        counts = {state: n for state, n in (await store.tasks.counts()).items() if n}
        assert counts == states
        events = await store.events.after("", 1000)
        for name in set(self.names.values()):
            story = [event.change for event in events if event.id == name]
            assert story[0] == "submitted"
            assert story.count("submitted") == 1
            assert story.count("assigned") == len(self.fences.get(name, []))
        cached = store.memory.rows.by_id
        for row in list(cached.values()):
            kept = (await store.tasks.get("default", row.id))[0]
            assert row == kept, "the kept row is not the row"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, min_size=1, max_size=40))
def test_any_life_keeps_the_promises(steps: list[tuple[str, int, object]]):
    async def run(folder: Path) -> None:
        life = Life(folder)
        await life.ledger.__aenter__()
        try:
            for what, n, more in steps:
                await life.step(what, n, more)
            await life.check()
        finally:
            await life.ledger.store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
