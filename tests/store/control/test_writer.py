"""The writer: groups, lanes, bounds; what holds when disk, commit or process end."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chatixia.errors import Conflict, DiskFull, Internal, OutcomeUnknown, Overloaded, Unavailable
from chatixia.store.control import wal, writer
from chatixia.store.control.holdings import ASKER
from chatixia.store.control.tx import Transaction
from chatixia.store.control.writer import Lane

from .writing import Bench

HERE = Path(__file__).parent


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.writer.close()
    made.db.close()


async def test_what_is_answered_is_there(bench: Bench):
    await asyncio.gather(*(bench.note(f"k{n}") for n in range(300)))
    assert sorted(bench.rows()) == sorted(f"k{n}" for n in range(300))


async def test_urgent_goes_before_submits_and_upkeep_last(bench: Bench):
    go = await bench.hold()
    late = [bench.note("c", Lane.UPKEEP), bench.note("b"), bench.note("a", Lane.URGENT)]
    waiting = [asyncio.ensure_future(work) for work in late]
    await asyncio.sleep(0)
    go()
    await asyncio.gather(*waiting, bench.held)
    assert bench.rows() == ["a", "b", "c"]


async def test_no_lane_starves_another(bench: Bench):
    """A group keeps room for the lower lanes, however much is urgent."""
    go = await bench.hold()
    groups: list[int] = []
    whole = bench.writer._commit
    bench.writer._commit = lambda group: (groups.append(len(group)), whole(group))[1]  # type: ignore[assignment]
    waiting = [asyncio.ensure_future(bench.note("u", Lane.URGENT)) for _ in range(600)]
    waiting += [asyncio.ensure_future(bench.note("s")) for _ in range(10)]
    waiting += [asyncio.ensure_future(bench.note("k", Lane.UPKEEP)) for _ in range(2)]
    await asyncio.sleep(0)
    go()
    await asyncio.gather(*waiting, bench.held)
    assert max(groups) <= writer.GROUP_ITEMS
    first = bench.rows()[: writer.GROUP_ITEMS]
    assert first.count("s") == 10
    assert first.count("k") == 2


async def test_groups_are_bounded_in_bytes(bench: Bench):
    go = await bench.hold()
    half = writer.GROUP_BYTES // 2 + 1
    groups: list[int] = []
    whole = bench.writer._commit
    bench.writer._commit = lambda group: (groups.append(len(group)), whole(group))[1]  # type: ignore[assignment]
    waiting = [asyncio.ensure_future(bench.note("x", size=half)) for _ in range(3)]
    await asyncio.sleep(0)
    go()
    await asyncio.gather(*waiting, bench.held)
    assert groups == [1, 1, 1]


async def test_the_queue_is_bounded_in_items_and_bytes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    for lane in bench.writer._items:
        monkeypatch.setattr(lane, "total", 4)
    monkeypatch.setattr(bench.writer._bytes, "total", 1600)
    go = await bench.hold()
    first = [asyncio.ensure_future(bench.note("x")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as busy:
        await bench.note("x")
    assert busy.value.retry_after
    with pytest.raises(Overloaded):
        await bench.note("x", Lane.URGENT, size=1201)
    other = asyncio.ensure_future(bench.note("x", Lane.URGENT, size=1200))
    await asyncio.sleep(0)
    ASKER.set("honest")  # this test's own context
    small = asyncio.ensure_future(bench.note("y", size=100))
    await asyncio.sleep(0)
    go()
    await asyncio.gather(*first, other, small, bench.held)
    assert bench.rows().index("y") == 2  # after the urgent one and the first of those before it
    await bench.note("again")


async def test_holders_take_turns_in_a_lane(bench: Bench):
    go = await bench.hold()
    waiting = [asyncio.ensure_future(bench.note(f"g{n}")) for n in range(500)]
    await asyncio.sleep(0)
    ASKER.set("honest")
    waiting.append(asyncio.ensure_future(bench.note("honest")))
    await asyncio.sleep(0)
    go()
    await asyncio.gather(*waiting, bench.held)
    assert bench.rows().index("honest") == 1


async def test_an_item_that_fails_spares_the_rest(bench: Bench):
    def bad(tx: Transaction) -> None:
        tx.run("note_failure", {"at": 1.0, "kind": "bad"})
        raise Conflict("no")

    def broken(tx: Transaction) -> None:
        tx.run("note_failure", {"at": 1.0, "kind": "broken"})
        raise ZeroDivisionError

    go = await bench.hold()
    good = [asyncio.ensure_future(bench.note("good")) for _ in range(2)]
    wrong = [asyncio.ensure_future(bench.writer.put(work)) for work in (bad, broken)]
    await asyncio.sleep(0)
    go()
    answers = await asyncio.gather(*wrong, return_exceptions=True)
    await asyncio.gather(*good, bench.held)
    assert [type(a) for a in answers] == [Conflict, Internal]
    assert bench.rows() == ["good", "good"]


async def test_savepoints_cost_only_after_an_item_failed(bench: Bench):
    statements: list[str] = []
    bench.db.set_trace_callback(statements.append)

    def bad(tx: Transaction) -> None:
        raise Conflict("no")

    def savepoints() -> int:
        count = sum(statement.startswith("SAVEPOINT") for statement in statements)
        statements.clear()
        return count

    await bench.note("a")
    assert savepoints() == 0
    with pytest.raises(Conflict):
        await bench.writer.put(bad)
    assert savepoints() == 1, "its group is run again, with one"
    for _ in range(writer.WARY_GROUPS):
        await bench.note("b")
        assert savepoints() == 1, "what failed once may do so again"
    await bench.note("c")
    assert savepoints() == 0
    assert bench.rows() == ["a", *["b"] * writer.WARY_GROUPS, "c"]


async def test_a_cancelled_waiter_is_passed_over(bench: Bench):
    go = await bench.hold()
    left = asyncio.ensure_future(bench.note("left"))
    await asyncio.sleep(0)
    left.cancel()
    go()
    await bench.held
    await bench.note("next")
    assert bench.rows() == ["left", "next"]


async def test_notices_are_told_after_the_commit_in_order(bench: Bench):
    heard: list[tuple[str, int]] = []
    loop = asyncio.get_running_loop()
    bench.writer.hear = (loop, lambda said: heard.extend((s, len(bench.rows())) for s in said))

    def work(tx: Transaction) -> None:
        tx.run("note_failure", {"at": 1.0, "kind": "x"})
        tx.notices.append("told")

    await bench.writer.put(work)
    assert heard == [("told", 1)]


async def test_the_tail_ends_each_group_and_may_fail_alone(bench: Bench):
    def tail(tx: Transaction) -> None:
        tx.run("note_failure", {"at": 1.0, "kind": "tail"})
        if len(tx.all("failures", {"kind": "x", "since": 0})) > 5:
            raise sqlite3.OperationalError("never")

    bench.writer.tail = tail
    await bench.note("x")
    assert bench.rows() == ["x", "tail"]

    def bad(tx: Transaction) -> None:
        tx.db.execute("SELECT * FROM nowhere")

    bench.writer.tail = bad
    await bench.note("y")
    assert bench.rows() == ["x", "tail", "y"]


async def test_a_closed_writer_finishes_what_it_has(tmp_path: Path):
    made = Bench(tmp_path)
    go = await made.hold()
    waiting = [asyncio.ensure_future(made.note("x")) for _ in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(made.writer.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await made.note("late")
    go()
    await asyncio.gather(*waiting, made.held, closing)
    assert made.rows() == ["x"] * 5
    assert not made.path.with_name("registry.db-wal").exists()  # folded back and gone


async def test_the_log_is_folded_back_between_groups(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wal, "CHECKPOINT_ITEMS", 1)
    monkeypatch.setattr(wal, "TRUNCATE_BYTES", 0)
    for _ in range(3):
        await bench.note("x" * 50_000)
    await bench.note("y")
    await bench.writer.put(lambda tx: None)
    assert bench.writer._wal.path.stat().st_size < 50_000


# --- when the disk fails


async def test_a_full_disk_abandons_the_group_and_its_items_go_back_one_by_one(bench: Bench):
    """SQLite ends the whole transaction; what ran after that would be there though it failed."""
    page = bench.db.execute("PRAGMA page_count").fetchone()[0]
    bench.db.execute(f"PRAGMA max_page_count = {page + 3}")
    ended: list[bool] = []

    def large(tx: Transaction) -> None:
        try:
            tx.run("note_failure", {"at": 1.0, "kind": "L" * 100_000})
        finally:
            ended.append(tx.db.in_transaction)

    go = await bench.hold()
    before = asyncio.ensure_future(bench.note("before"))
    full = asyncio.ensure_future(bench.writer.put(large))
    after = asyncio.ensure_future(bench.note("after"))
    await asyncio.sleep(0)
    go()
    with pytest.raises(DiskFull) as error:
        await full
    await asyncio.gather(before, after, bench.held)
    assert error.value.outcome == "definite"
    assert not ended[0] or len(ended) == 1  # either the group was abandoned, or one statement
    assert bench.rows() == ["before", "after"]
    assert bench.deaths == []


async def test_a_transaction_that_ends_within_an_item_takes_nothing_with_it(bench: Bench):
    """As a full disk does in the middle: the rest of the group must not run on in autocommit."""
    tried: list[str] = []

    def ends(tx: Transaction) -> None:
        tried.append("ends")
        tx.run("note_failure", {"at": 1.0, "kind": "ends"})
        tx.db.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    go = await bench.hold()
    first = asyncio.ensure_future(bench.note("first"))
    bad = asyncio.ensure_future(bench.writer.put(ends))
    last = asyncio.ensure_future(bench.note("last"))
    await asyncio.sleep(0)
    go()
    with pytest.raises(Unavailable):
        await bad
    await asyncio.gather(first, last, bench.held)
    assert tried == ["ends", "ends"]  # in the group, then alone
    assert bench.rows() == ["first", "last"]


async def test_a_failed_commit_is_an_unknown_outcome_and_the_end(tmp_path: Path):
    made = Bench(tmp_path)

    def fails() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    go = await made.hold()
    later = [asyncio.ensure_future(made.note("x")) for _ in range(3)]
    await asyncio.sleep(0)
    tx_commit, Transaction.commit = Transaction.commit, lambda self: fails()  # type: ignore[assignment,method-assign]
    try:
        go()
        with pytest.raises(OutcomeUnknown) as unknown:
            await made.held
        answers = await asyncio.gather(*later, return_exceptions=True)
    finally:
        Transaction.commit = tx_commit  # type: ignore[method-assign]
    assert unknown.value.outcome == "unknown"
    # These were never begun: nothing happened, and they hear so.
    assert {(type(a), getattr(a, "outcome", "")) for a in answers} == {(Unavailable, "definite")}
    with pytest.raises(Unavailable):
        await made.note("after")
    await made.writer.close()
    assert len(made.deaths) == 1
    assert "commit failed" in made.deaths[0]
    made.db.close()


async def test_a_thread_that_breaks_says_so_once(tmp_path: Path):
    made = Bench(tmp_path)
    made.writer._attempt = lambda group: 1 / 0  # type: ignore[assignment,return-value]
    with pytest.raises(OutcomeUnknown):
        await made.note("x")
    await made.writer.close()
    assert made.deaths == ["The registry's store stopped: ZeroDivisionError."]
    made.db.close()


# --- when the process ends: a real one, under load, and what its ledger says


def run_storm(folder: Path, ledger: Path, count: int, **env: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "storm.py"), str(folder), str(ledger), str(count)],
        env={**os.environ, **env},
        stderr=subprocess.PIPE,
    )


def histories(ledger: Path) -> dict[tuple[str, str], str]:
    """(what, id) -> the last thing that was said about it; a torn last line says nothing."""
    said: dict[tuple[str, str], str] = {}
    for line in ledger.read_text().splitlines(keepends=True):
        words = line.split()
        if line.endswith("\n") and len(words) == 3:
            said[words[1], words[2]] = words[0]
    return said


def check(folder: Path, ledger: Path) -> dict[str, int]:
    """Hold the ledger against the rows: nothing acknowledged is missing, nothing failed is there.

    Gives how many of each there were, so that a test can demand a floor.
    """
    db = sqlite3.connect(folder / "registry.db")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = dict(db.execute("SELECT id, state FROM tasks").fetchall())
    counts = dict(db.execute("SELECT state, total FROM counts").fetchall())
    events = db.execute("SELECT subject, change FROM events WHERE kind = 'task'").fetchall()
    db.close()
    counted = {"ok": 0, "failed": 0, "unknown": 0, "asked": 0}
    for (what, name), said in histories(ledger).items():
        counted[said] += 1
        if said == "ok":
            assert name in rows, f"{what} {name} was acknowledged and is lost"
            if what == "complete":
                assert rows[name] == "completed", f"the result of {name} is lost"
        elif said == "failed" and what == "submit":
            assert name not in rows, f"{name} was reported as failed and is there"
        elif said == "failed":
            assert rows[name] != "completed", f"the result of {name} failed and is there"
    for state in {*counts, *rows.values()}:
        assert counts.get(state, 0) == list(rows.values()).count(state)
    told = {name for name, change in events if change == "submitted"}
    assert told == set(rows)
    assert len(told) == sum(change == "submitted" for _, change in events)
    done = [name for name, change in events if change == "completed"]
    assert sorted(done) == sorted(name for name, state in rows.items() if state == "completed")
    return counted


def until_lines(ledger: Path, lines: int, storm: subprocess.Popen[bytes]) -> None:
    while not ledger.exists() or ledger.read_bytes().count(b"\n") < lines:
        assert storm.poll() is None, storm.communicate()[1].decode()
        try:
            storm.wait(0.02)
        except subprocess.TimeoutExpired:
            continue


def test_kill_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path):
    folder, ledger = tmp_path / "registry", tmp_path / "ledger"
    for life in range(1, 4):
        storm = run_storm(folder, ledger, 1_000_000)
        until_lines(ledger, 1500 * life, storm)
        storm.send_signal(signal.SIGKILL)
        storm.communicate(timeout=30)
    counted = check(folder, ledger)
    assert counted["ok"] > 1000
    assert counted["asked"] > 0  # some were cut off between asking and hearing


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that counts and fails syncs."""
    made = tmp_path_factory.mktemp("shim") / "fail_sync.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-w", "-o", str(made), str(HERE / "fail_sync.c"), "-ldl"],
        check=True,
    )
    return str(made)


def test_a_disk_that_fails_to_sync_ends_the_process_with_a_sentence(tmp_path: Path, shim: str):
    folder, ledger, fail = tmp_path / "registry", tmp_path / "ledger", tmp_path / "fail"
    storm = run_storm(folder, ledger, 1_000_000, LD_PRELOAD=shim, SYNC_FAIL=str(fail))
    until_lines(ledger, 500, storm)
    fail.touch()
    _, said = storm.communicate(timeout=30)
    assert storm.returncode == 70
    assert said.decode().strip().startswith("chatixia: A commit failed (disk I/O error)")
    assert len(said.decode().strip().splitlines()) == 1
    counted = check(folder, ledger)  # what was refused while it ended is definite: not there
    assert counted["ok"] > 100


SYNCED = """
import asyncio, os, pathlib, sys
sys.path.insert(0, sys.argv[2])
from tests.store.control.kit import Ledger
count = os.environ["SYNC_COUNT"]
async def main():
    async with Ledger(pathlib.Path(sys.argv[1])) as ledger:
        for _ in range(20):
            before = os.stat(count).st_size
            await ledger.submit()
            assert os.stat(count).st_size > before, "answered before the disk had it"
asyncio.run(main())
"""


def test_no_answer_comes_before_its_sync(tmp_path: Path, shim: str):
    """A kill does not show this: the page cache outlives the process, not the machine."""
    subprocess.run(
        [sys.executable, "-c", SYNCED, str(tmp_path / "registry"), str(HERE.parents[2])],
        env={**os.environ, "LD_PRELOAD": shim, "SYNC_COUNT": str(tmp_path / "count")},
        check=True,
        timeout=60,
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    where = tmp_path / "small"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(where)], check=True)
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.mark.root
def test_a_full_disk_loses_nothing_and_keeps_nothing_that_failed(small_disk: Path, tmp_path: Path):
    folder, ledger = small_disk / "registry", tmp_path / "ledger"
    storm = run_storm(folder, ledger, 20_000, STORM_PAYLOAD="2000")
    storm.communicate(timeout=60)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    counted = check(copy, ledger)
    assert counted["ok"] > 100
    assert counted["failed"] + counted["unknown"] + counted["asked"] > 0  # it was full indeed


async def test_one_holder_has_a_bounded_part_of_a_group(bench: Bench):
    go = await bench.hold()
    ASKER.set("greedy")
    waiting = [asyncio.ensure_future(bench.note(f"g{n}")) for n in range(3 * 64)]
    await asyncio.sleep(0)
    assert bench.writer.has("greedy") and not bench.writer.has("honest")
    before = bench.writer.commits
    go()
    await asyncio.gather(*waiting, bench.held)
    assert bench.writer.commits == before + 4  # what was held, and three of theirs
    ASKER.set("")
    await bench.note("own")  # the next group begins: nothing of theirs is under way
    assert not bench.writer.has("greedy")
