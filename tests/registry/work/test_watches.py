"""Rings and watchers: bounded, in order, gone with their task or socket."""

import msgspec
import pytest

from chatixia.errors import Overloaded
from chatixia.ids import AgentId
from chatixia.registry.work import watches
from chatixia.registry.work.watches import Watcher, Watches
from chatixia.wire import tasks as t
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack
from chatixia.wire.signaling import TaskHint, TaskProgress

from .desk import Sockets

ANN = Watcher(AgentId("ann"), "1.5")


def report(n: int, fence: str = "1.1", size: int = 1, task: str = "t_a") -> TaskProgress:
    item = msgspec.Raw(b'"' + b"x" * size + b'"')
    return TaskProgress(task, fence, n, n / 100, f"note {n}", item)


@pytest.fixture
async def sockets() -> Sockets:
    return Sockets()


async def test_a_watcher_hears_what_was_said_and_what_comes(sockets: Sockets):
    made = Watches(sockets)
    made.report(report(0))
    made.add(ANN, "t_a", True)
    made.report(report(1))
    assert [m.n for m in sockets.to("ann", TaskProgress)] == [0, 1]
    assert {epoch for _, epoch, _ in sockets.sent} == {"1.5"}


async def test_one_that_wants_no_progress_hears_only_changes(sockets: Sockets):
    made = Watches(sockets)
    made.report(report(0))
    made.add(ANN, "t_a", False)
    made.report(report(1))
    made.tell("t_a", TaskHint("t_a", "pending"))
    assert [type(m) for _, _, m in sockets.sent] == [TaskHint]


async def test_the_ring_is_bounded_and_keeps_the_last(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watches, "RING_ITEMS", 3)
    made = Watches(sockets)
    for n in range(10):
        made.report(report(n))
    made.add(ANN, "t_a", True)
    assert [m.n for m in sockets.to("ann", TaskProgress)] == [7, 8, 9]
    monkeypatch.setattr(watches, "RING_BYTES", 1000)
    made.report(report(10, size=5000))
    made.add(Watcher(AgentId("bo"), "1.6"), "t_a", True)
    assert [m.n for m in sockets.to("bo", TaskProgress)] == [10]


async def test_an_event_is_kept_in_its_place_and_counts_its_bytes(sockets: Sockets):
    made, event = Watches(sockets), msgspec.Raw(pack(AgentEvent("thinking", text="x" * 500)))
    made.report(report(0))
    made.report(TaskProgress("t_a", "1.1", 1, item=msgspec.Raw(EMPTY_ITEM), event=event))
    made.add(ANN, "t_a", True)
    seen = sockets.to("ann", TaskProgress)
    assert [(m.n, m.event) for m in seen] == [(0, msgspec.UNSET), (1, event)]
    assert watches.weight(seen[1]) == 200 + 2 + len(bytes(event))


async def test_a_new_fence_starts_anew(sockets: Sockets):
    made = Watches(sockets)
    made.report(report(0, "1.1"))
    made.report(report(1, "1.1"))
    made.report(report(0, "1.3"))
    made.add(ANN, "t_a", True)
    assert [(m.fence, m.n) for m in sockets.to("ann", TaskProgress)] == [("1.3", 0)]


async def test_all_rings_together_are_bounded(sockets: Sockets, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watches, "ALL_RINGS_BYTES", 2000)
    made = Watches(sockets)
    made.report(report(0, size=1000))
    with pytest.raises(Overloaded):
        made.report(report(0, size=1000, task="t_b"))
    made.end("t_a")
    made.report(report(0, size=1000, task="t_b"))
    made.end("t_b")
    assert made._bytes.used == 0


async def test_the_progress_of_one_machine_leaves_room_for_others(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watches, "ALL_RINGS_BYTES", 64_000)
    made = Watches(sockets)
    with pytest.raises(Overloaded) as raised:
        for n in range(64):
            made.report(report(0, size=1000, task=f"t_{n}"), "greedy")
    assert raised.value.retry_after
    assert 0.7 * 64_000 < made._bytes.used <= 0.75 * 64_000
    made.report(report(0, size=1000, task="t_honest"), "honest")
    made.report(report(1, size=1000, task="t_0"), "honest")  # another worker goes on with it
    assert made._bytes.by_holder["honest"] > 3000
    made.end("t_honest")
    made.end("t_0")
    assert "honest" not in made._bytes.by_holder


async def test_one_socket_watches_a_bounded_number(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watches, "MAX_WATCHES", 2)
    made = Watches(sockets)
    made.add(ANN, "t_a", True)
    made.add(ANN, "t_b", True)
    made.add(ANN, "t_a", False)
    with pytest.raises(Overloaded):
        made.add(ANN, "t_c", True)
    made.end("t_a")
    made.add(ANN, "t_c", True)


async def test_a_closed_socket_leaves_nothing(sockets: Sockets):
    made = Watches(sockets)
    made.add(ANN, "t_a", True)
    made.add(ANN, "t_b", True)
    made.forget(ANN)
    made.forget(ANN)
    made.tell("t_a", TaskHint("t_a", "pending"))
    assert sockets.sent == []
    assert (made._of_task, made._of_socket) == ({}, {})


async def test_a_row_shows_the_last_progress(sockets: Sockets):
    made = Watches(sockets)
    row = t.Task("t_a", "assigned")
    assert made.show(row).progress is None
    made.report(report(5))
    made.report(TaskProgress("t_a", "1.1", 6))
    assert (made.show(row).progress, made.show(row).note) == (0.05, "note 5")
