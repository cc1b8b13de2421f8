"""Who is away stays in the list for a day, within its machine's share."""

from __future__ import annotations

import pytest

from chatixia.core.presence import FORGET_SECONDS
from chatixia.core.shares import Shares
from chatixia.registry.live import away
from chatixia.registry.live.away import AwayList
from chatixia.wire.registry import AgentRecord


class Kept(AwayList):
    """A list at a time that a test turns, with room for 1,600 bytes of skills."""

    def __init__(self) -> None:
        self.time, self.room = 0.0, Shares(1600)
        super().__init__(self.room, lambda: self.time)

    def leave(self, agent: str, machine: str, size: int = 100) -> None:
        self.add(agent, AgentRecord(agent, machine=machine), machine, size)


def test_one_machines_schemas_push_out_its_own_longest_away_and_nobody_elses():
    kept = Kept()
    kept.leave("h", "honest")
    for n in range(120):
        kept.leave(f"g{n}", "greedy")
    assert kept.room.used <= 1200 and kept.room.by_holder["honest"] == 100
    assert kept.record("h") is not None
    assert kept.record("g119") is not None and kept.record("g0") is None
    kept.leave("late", "other")
    assert "late" in kept
    kept.leave("whole", "greedy", 1300)  # more than a machine may have
    assert "whole" not in kept


def test_room_for_a_login_is_made_by_its_own_machines_longest_away():
    kept = Kept()
    kept.leave("h", "honest")
    for n in range(11):
        kept.leave(f"g{n}", "greedy")
    assert kept.make_room("greedy", 300)
    assert kept.record("g3") is not None and kept.record("g2") is None
    assert not kept.make_room("greedy", 1300) and "h" in kept
    assert kept.make_room("other", 100)


def test_ids_have_a_share_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(away, "MOST_AWAY", 32)
    kept = Kept()
    kept.leave("h", "honest", 1)
    for n in range(100):
        kept.leave(f"g{n}", "greedy", 1)
    assert len(kept.ids()) == 24 and "h" in kept


def test_what_is_dropped_or_forgotten_frees_its_share():
    kept = Kept()
    kept.leave("a", "m")
    kept.leave("a", "m", 50)
    assert kept.room.by_holder == {"m": 50}
    kept.leave("b", "m")
    kept.leave("c", "n")
    kept.drop_of("m")
    assert kept.ids() == ["c"]
    kept.time = FORGET_SECONDS + 1
    assert kept.record("c") is None and kept.ids() == []
    assert kept.room.used == 0 and not kept.drop("c")
