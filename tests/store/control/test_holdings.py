"""Nobody fills the store: open tasks and bytes have a share per machine, also over restarts."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chatixia.core.shares import ShareLimits, holder_of
from chatixia.errors import NotFound, Overloaded, WireError
from chatixia.store.control import holdings, queries
from chatixia.store.control.holdings import ASKER, KEY_BYTES, TASK_BYTES
from chatixia.store.control.repeats import DAY, RETENTION
from chatixia.store.control.submission import SubmitOrder
from chatixia.wire.tasks import Submit

from .kit import BOB, Ledger, agent, client, task_id

FEW = ShareLimits(open_tasks=64, stored_bytes=64 * 1024)
GREEDY = [replace(agent(f"g{n}"), machine="greedy") for n in range(4)]
HONEST = client("honest~aaaaaa")


@pytest.fixture
async def few(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with Ledger(tmp_path / "registry", bounds=FEW) as made:
        yield made


async def fill(ledger: Ledger, most: int = 200) -> int:
    """Submit as every agent of one machine in turn until that is refused; gives how many."""
    for n in range(most):
        try:
            await ledger.submit(who=GREEDY[n % len(GREEDY)], ttl=DAY)
        except Overloaded as busy:
            assert busy.retryable and busy.retry_after > 0 and busy.status == 429
            return n
    raise AssertionError("it was never refused")


async def counted(ledger: Ledger) -> dict[str, tuple[int, int]]:
    """What the table says, which must be what memory says."""
    rows = await ledger.store.access.read("shares", {})
    table = {holder: (tasks, size) for holder, tasks, size in rows}
    book = ledger.store.memory.holdings
    holders = {*book.tasks.by_holder, *book.bytes.by_holder}
    now = {h: (book.tasks.by_holder.get(h, 0), book.bytes.by_holder.get(h, 0)) for h in holders}
    assert table == now
    return table


async def test_all_agents_of_a_machine_share_one_share_of_the_open_tasks(tmp_path: Path):
    bounds = ShareLimits(open_tasks=64)
    async with Ledger(tmp_path / "r", bounds=bounds) as ledger:
        assert await fill(ledger) == 48
        for _ in range(4):
            await ledger.submit(who=HONEST)
        with pytest.raises(Overloaded):
            await ledger.submit(who=HONEST)
        other = replace(HONEST, machine="other")
        await ledger.submit(who=other)
    world = ledger.world
    async with Ledger(tmp_path / "r", world, bounds=bounds) as again:
        again._n = 1000
        with pytest.raises(Overloaded):
            await again.submit(who=GREEDY[0])
        await again.submit(who=other)
        await again.store.tasks.cancel(GREEDY[0], task_id(1))  # what ended is free at once
        await again.store.tasks.cancel(HONEST, task_id(50))
        await again.submit(who=HONEST)


async def test_who_is_over_its_share_still_hears_what_was_stored(few: Ledger):
    first = await few.submit(who=GREEDY[0], id=task_id(500), key="k")
    few._n = 600
    await fill(few)
    assert await few.submit(who=GREEDY[0], id=task_id(501), key="k") == first


async def test_all_machines_of_one_reusable_invitation_share_one_share(tmp_path: Path):
    async with Ledger(tmp_path / "r", bounds=ShareLimits(open_tasks=64)) as ledger:
        many = [replace(agent(f"w{n}"), machine=f"m{n}", invitation="K") for n in range(60)]
        for who in many[:48]:
            await ledger.submit(who=who)
        with pytest.raises(Overloaded):
            await ledger.submit(who=many[50])
        await ledger.submit(who=HONEST)


async def test_counts_follow_every_change_and_nothing_is_left(few: Ledger):
    done = await few.submit(who=HONEST, payload=b'"' + b"x" * 3000 + b'"')
    failed = await few.submit(who=HONEST)
    [one, two] = await few.claim(limit=2)
    assert (await counted(few))["honest"] == (2, 2 * TASK_BYTES + 3002 + 16)
    assert (await counted(few))["@bob"] == (0, KEY_BYTES)  # the claim's key
    await few.store.leases.complete(BOB, done, one.fence, b"12345")
    error = WireError("skill_failed", "no")
    await few.store.leases.fail(BOB, failed, two.fence, error)
    size = (await counted(few))["honest"][1]
    assert size > 2 * TASK_BYTES + 3002 + 16 + 5
    few.world.advance(RETENTION + 1)
    await few.store.upkeep.tidy()
    assert await counted(few) == {"honest": (0, 2 * KEY_BYTES)}
    few.world.advance(DAY + 1)
    await few.store.upkeep.tidy()
    assert await counted(few) == {}


async def test_a_change_that_is_undone_counts_for_nothing(few: Ledger):
    await few.submit(who=HONEST, id=task_id(700), key="a")
    before = await counted(few)
    with pytest.raises(Exception, match="taken"):
        await few.submit(who=HONEST, id=task_id(700), key="b")
    assert await counted(few) == before


async def test_who_is_over_its_share_of_the_disk_loses_its_oldest_and_nobody_elses(
    tmp_path: Path,
):
    async with Ledger(tmp_path / "r", bounds=ShareLimits(stored_bytes=256 * 1024)) as ledger:
        kept = await ledger.submit(who=HONEST)
        await ledger.store.tasks.cancel(HONEST, kept)
        names = []
        for n in range(300):  # 8 KiB each: ten times what there is
            name = await ledger.submit(who=GREEDY[n % 4], payload=b'"' + b"x" * 8000 + b'"')
            await ledger.store.tasks.cancel(GREEDY[n % 4], name)
            names.append(name)
            await ledger.store.upkeep.trim()
        book = ledger.store.memory.holdings.bytes
        assert book.used <= 12 / 16 * book.total
        assert await ledger.state(kept) == "canceled"
        assert await ledger.state(names[-1]) == "canceled"
        with pytest.raises(NotFound):
            await ledger.state(names[0])
        await counted(ledger)


async def test_fetched_results_go_before_those_that_wait_for_their_submitter(tmp_path: Path):
    async with Ledger(tmp_path / "r", bounds=ShareLimits(stored_bytes=128 * 1024)) as ledger:
        names = []
        for _ in range(11):
            names.append(await ledger.submit(who=HONEST, payload=b'"' + b"x" * 7000 + b'"'))
            await ledger.store.tasks.cancel(HONEST, names[-1])
        fetched = [(holder_of(HONEST), n) for n in (3, 4, 5, 6, 7)]
        await ledger.store.upkeep.fetched(fetched)
        assert (
            ledger.store.memory.holdings.bytes.greedy() == []
            and not await ledger.store.upkeep.trim()
        )
        ledger.store.memory.holdings.bytes.total = 100 * 1024
        while await ledger.store.upkeep.trim():
            pass
        gone = []
        for n, name in enumerate(names, 1):
            try:
                await ledger.state(name)
            except NotFound:
                gone.append(n)
        assert gone == [3, 4, 5]


async def test_who_cannot_give_back_does_not_shield_the_next(tmp_path: Path):
    async with Ledger(tmp_path / "r", bounds=ShareLimits(stored_bytes=100 * 1024)) as ledger:
        for _ in range(5):
            await ledger.submit(who=GREEDY[0], payload=b'"' + b"x" * 7000 + b'"', ttl=DAY)
        for _ in range(4):
            name = await ledger.submit(who=HONEST, payload=b'"' + b"x" * 7000 + b'"')
            await ledger.store.tasks.cancel(HONEST, name)
        assert ledger.store.memory.holdings.bytes.greedy() == ["greedy", "honest"]
        assert await ledger.store.upkeep.trim() > 0


async def test_the_queue_gives_turns_by_machine(ledger: Ledger):
    for n in range(12):
        await ledger.submit(who=GREEDY[n % 4])
    honest = await ledger.submit(who=HONEST)
    got = [(await ledger.claim())[0].task.id for _ in range(3)]
    assert honest in got


async def test_a_store_of_before_shares_is_counted_when_it_is_opened(tmp_path: Path):
    path = tmp_path / "r" / "registry.db"
    path.parent.mkdir()
    db = sqlite3.connect(path)
    number, script = queries.migrations()[0]
    db.executescript(f"{script}\nPRAGMA user_version = {number};")
    for n, (state, machine, source) in enumerate(
        [("pending", "pi", "pi~a"), ("completed", "pi", "bee"), ("pending", "", "curl")]
    ):
        db.execute(
            "INSERT INTO tasks (id, ns, state, skill, target, source, machine, queue, priority,"
            " turn, ready, max_attempts, created, updated, deadline, ttl, idempotent, path,"
            " traceparent, size, scope, same, payload, result) VALUES (?, 'default', ?, 'echo', '',"
            " ?, ?, 'echo', 0, 0, 1, 1, 1, 1, 9e9, 1, 0, '', '', 10, ?, x'00', x'00', ?)",
            (task_id(n), state, source, machine, bytes([n]), b"12345" if n == 1 else None),
        )
    db.commit()
    db.close()
    async with Ledger(tmp_path / "r") as ledger:
        assert await counted(ledger) == {
            "pi": (1, 2 * TASK_BYTES + 25),
            "@curl": (1, TASK_BYTES + 10),
        }
        assert holdings.Holdings(ShareLimits()).tasks.by_holder == {}


async def test_who_is_over_its_share_is_refused_before_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with Ledger(tmp_path / "r", bounds=ShareLimits(open_tasks=64)) as ledger:
        said = Submit(id=task_id(500), skill="echo", key="mine")
        stored = await ledger.store.tasks.submit(SubmitOrder(GREEDY[0], said, b"{}", DAY))
        await fill(ledger)
        written: list[object] = []
        put = ledger.store.resources.writer.put

        async def counted(*args: Any) -> Any:
            written.append(args)
            return await put(*args)

        monkeypatch.setattr(ledger.store.resources.writer, "put", counted)
        for new, key in ((True, ""), (False, "another")):
            order = SubmitOrder(GREEDY[0], replace(said, id=task_id(501), key=key), b"{}", DAY, new)
            with pytest.raises(Overloaded) as raised:
                await ledger.store.tasks.submit(order)
            assert raised.value.retry_after
        assert not written
        # What is stored already is no more, and gets its answer from who knows it.
        again = await ledger.store.tasks.submit(SubmitOrder(GREEDY[0], said, b"{}", DAY))
        assert again == replace(stored, duplicate=True) and len(written) == 1


async def test_a_refusal_waits_for_a_first_try_that_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Else the first would be stored and its repetition, which says the same, definitely not."""
    async with Ledger(tmp_path / "r", bounds=ShareLimits(open_tasks=16)) as ledger:
        go = threading.Event()
        held = asyncio.ensure_future(ledger.store.resources.writer.put(lambda tx: go.wait()))
        orders = [
            SubmitOrder(GREEDY[0], Submit(id=task_id(n), skill="echo", key=f"k{n}"), b"{}", DAY)
            for n in range(12)
        ]
        mine = holder_of(GREEDY[0])
        ASKER.set(mine)
        first = [asyncio.ensure_future(ledger.store.tasks.submit(order)) for order in orders]
        await asyncio.sleep(0)
        ledger.store.memory.holdings.tasks.add(mine, 12)  # as it is within their group
        again = asyncio.ensure_future(ledger.store.tasks.submit(orders[11]))
        await asyncio.sleep(0)
        assert not again.done()
        ledger.store.memory.holdings.tasks.add(mine, -12)
        go.set()
        await asyncio.gather(held, *first)
        assert (await again).duplicate
