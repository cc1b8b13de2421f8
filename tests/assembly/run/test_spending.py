"""What the models of this machine have spent today."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.assembly.profile.files import write_json
from chatixia.assembly.run import spending
from chatixia.core.spending import AGENT, Spending, day_of
from chatixia.store.local.agent_store import AgentStore
from chatixia.testing.clock import FakeWorld


class Home:
    """A profile with agents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = FakeWorld()

    def spend(self, folder: Path, amount: Spending, days: int = 0) -> None:
        async def work() -> None:
            store = AgentStore(folder / "local.db")
            await store.spend([AGENT, "caller x"], day_of(self.world.wall()) - days, amount)
            await store.close()

        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(work())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    monkeypatch.setattr(
        "chatixia.assembly.profile.profile.Profile.open", classmethod(lambda cls, mesh: made)
    )
    return made


def test_each_agent_by_its_name_wherever_its_files_are(home: Home, tmp_path: Path):
    agents = tmp_path / "agents"
    home.spend(agents / "ada", Spending(2, 100, 10, 0.5))
    home.spend(agents / "old", Spending(9, 9), days=1)
    home.spend(tmp_path / "elsewhere", Spending(1, 5, 5))
    (tmp_path / "elsewhere" / "sign.key").touch()
    (agents / "bob").mkdir()
    write_json(agents / "bob" / "folder.json", str(tmp_path / "elsewhere"))
    (agents / "empty").mkdir()
    (agents / "broken").mkdir()
    (agents / "broken" / "local.db").write_text("no database " * 99)
    spent = spending.spent_today("home", home.world)
    assert spent == {"ada": Spending(2, 100, 10, 0.5), "bob": Spending(1, 5, 5)}


def test_no_agents(home: Home):
    assert spending.spent_today("home", home.world) == {}
