"""`ping` says by which way, and how long."""

import json
from types import SimpleNamespace

import pytest

from chatixia import Agent
from chatixia.cli import ping as command
from chatixia.cli.common import Console
from chatixia.cli.ping import CLIMB_PAUSE_S, CLIMB_S, measure
from chatixia.core.ports import Pong
from chatixia.testing import mesh_of


class Moving:
    """A mesh whose path to everybody is of these tiers, one ping each."""

    def __init__(self, *tiers):
        self.tiers, self.asked = list(tiers), 0

    async def ping(self, agent, timeout):
        self.asked += 1
        tier = self.tiers.pop(0) if len(self.tiers) > 1 else self.tiers[0]
        return Pong(agent, tier, 2.5, "" if tier == "relay" else "192.0.2.7:9")


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made; they take time on the command's own clock only."""
    made = []
    clock = SimpleNamespace(monotonic=lambda: 100.0 + sum(made))

    async def at_once(seconds):
        made.append(seconds)

    monkeypatch.setattr(command, "asyncio", SimpleNamespace(sleep=at_once))
    monkeypatch.setattr(command, "REAL", clock)
    return made


async def test_the_climb_from_relay_to_direct_is_shown(capsys, pauses):
    mesh = Moving("relay", "relay", "relay", "direct")
    await measure(mesh, Console(False, False, 0, ""), "anna", 0, 5.0)
    first, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["pong", "relay", "2", "ms"]
    assert last.split() == "pong direct 2 ms (192.0.2.7:9) after 300 ms".split()
    assert mesh.asked == 4 and pauses == [CLIMB_PAUSE_S] * 3


async def test_who_stays_on_the_relay_is_waited_for_within_a_bound(capsys, pauses):
    await measure(Moving("relay"), Console(False, False, 0, ""), "anna", 0, 5.0)
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert CLIMB_S <= sum(pauses) < CLIMB_S + 2 * CLIMB_PAUSE_S


@pytest.mark.parametrize("tier", ["direct", "turn"])
async def test_what_is_no_relay_is_pinged_once(capsys, pauses, tier):
    mesh = Moving(tier)
    await measure(mesh, Console(False, False, 0, ""), "anna", 0, 5.0)
    assert mesh.asked == 1 and not pauses


async def test_a_count_shows_each_and_where_the_tier_changed(capsys, pauses):
    await measure(Moving("relay", "direct"), Console(True, False, 0, ""), "anna", 3, 5.0)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["via"] for one in said] == ["relay", "direct", "direct"]
    assert [one.get("after_ms") for one in said] == [None, 1000.0, None]


async def test_lines(capsys, pauses):
    async with mesh_of(Agent("anna")) as mesh:
        await measure(mesh, Console(False, False, 0, ""), "anna", 2, 5.0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and pauses == [1.0]
    assert all(line.startswith("  pong  direct ") for line in lines)


async def test_json(capsys):
    async with mesh_of(Agent("anna")) as mesh:
        await measure(mesh, Console(True, False, 0, ""), "anna", 1, 5.0)
    said = json.loads(capsys.readouterr().out)
    assert (said["kind"], said["agent"], said["via"]) == ("pong", "anna", "direct")


@pytest.mark.parametrize("count", ["0", "x"])
def test_count(type_, count):
    assert type_("ping", "anna", "-c", count).code == 2
