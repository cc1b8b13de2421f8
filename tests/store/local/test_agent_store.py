"""The thread of an agent's conversations: in order, bounded, never on the loop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from chatixia.core.spending import Spending
from chatixia.errors import ConfigError, Overloaded, Unavailable
from chatixia.store.local import agent_store as module
from chatixia.store.local import conversations
from chatixia.store.local.agent_store import AgentStore
from chatixia.store.local.conversations import ConversationKey, StoredMessage

BOB = ConversationKey("bob", "main")


def test_nothing_is_opened_before_it_is_used(tmp_path: Path):
    asyncio.run(AgentStore(tmp_path / "a.db").close())
    assert not list(tmp_path.iterdir())


async def _one_life(store: AgentStore) -> None:
    run = await store.open_run(BOB, "r", 1.0)
    assert await store.append(run.conversation.id, "r", [StoredMessage(b"hello", "user")], 1.0)
    await store.end_run(run.conversation.id, "r")
    assert [m.body for m in await store.read(run.conversation.id)] == [b"hello"]
    [row] = await store.conversations("bob")
    assert row == await store.find(BOB)
    assert not row.open
    assert await store.fold(row.id, 1, b"hi")
    amount = Spending(1, 2, 3, 0.5)
    assert await store.spend(["agent"], 1, amount) == {"agent": amount}
    assert await store.spent(["agent"], 1) == {"agent": amount}
    assert await store.forget("bob", "main") == 1


@pytest.mark.parametrize("kept", [True, False])
async def test_a_file_and_memory_do_the_same(tmp_path: Path, kept: bool):
    store = AgentStore(tmp_path / "a.db" if kept else None)
    await _one_life(store)
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.find(BOB)


async def test_the_work_is_done_in_one_thread_in_the_order_of_asking(
    monkeypatch: pytest.MonkeyPatch,
):
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        conversations,
        "end_run",
        lambda db, one, run: seen.append((run, threading.current_thread().name)),
    )
    store = AgentStore()
    await asyncio.gather(*(store.end_run(1, f"r{n}") for n in range(100)))
    assert [run for run, _ in seen] == [f"r{n}" for n in range(100)]
    assert len({name for _, name in seen}) == 1
    assert seen[0][1] != threading.current_thread().name
    await store.close()


async def test_what_waits_is_bounded_and_the_loop_is_free(monkeypatch: pytest.MonkeyPatch):
    go = threading.Event()
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    monkeypatch.setattr(conversations, "end_run", lambda *_: go.wait(20))
    store = AgentStore()
    running = [asyncio.ensure_future(store.end_run(1, str(n))) for n in range(6)]
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    assert {type(task.exception()) for task in done} == {Overloaded}
    go.set()
    results = await asyncio.gather(*running, return_exceptions=True)
    assert 3 <= sum(not isinstance(r, Overloaded) for r in results) < 6
    await store.close()


async def test_a_write_is_done_though_nobody_waits_for_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
):
    store = AgentStore()
    run = await store.open_run(BOB, "r", 1.0)
    kept = StoredMessage(b"finished", "assistant")
    writing = asyncio.ensure_future(store.append(run.conversation.id, "r", [kept], 1.0))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert [m.body for m in await store.read(run.conversation.id)] == [b"finished"]
    await store.close()


async def test_closing_lets_what_waits_be_done(tmp_path: Path):
    store = AgentStore(tmp_path / "a.db")
    run = await store.open_run(BOB, "r", 1.0)
    one = run.conversation.id
    writes = [
        asyncio.ensure_future(store.append(one, "r", [StoredMessage(str(n).encode())], 1.0))
        for n in range(20)
    ]
    await asyncio.sleep(0)
    await store.close()
    assert all(await asyncio.gather(*writes))
    later = AgentStore(tmp_path / "a.db")
    assert len(await later.read(one)) == 20
    later.abandon()


async def test_a_file_that_cannot_be_opened_is_said_so(tmp_path: Path):
    store = AgentStore(tmp_path / "no" / "a.db")
    with pytest.raises(ConfigError, match="cannot be opened"):
        await store.find(BOB)
    await store.close()


async def test_a_file_that_is_no_database_is_said_so(tmp_path: Path):
    (tmp_path / "a.db").write_bytes(b"no database" * 1000)
    store = AgentStore(tmp_path / "a.db")
    with pytest.raises(Unavailable, match=r"a\.db cannot be used"):
        await store.find(BOB)
    await store.close()
