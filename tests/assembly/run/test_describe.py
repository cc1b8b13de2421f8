"""What a manifest beside the code gives to which agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia import Agent
from chatixia.assembly.run.describe import describe
from chatixia.errors import ConfigError


def test_the_agent_of_the_manifests_name_gets_it(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("name: b\ndescription: two\nslots: 3")
    a, b = Agent("a"), Agent("b")
    describe([a, b], tmp_path / "agent.py")
    assert (a.loaded, b.description, b.settings()["slots"]) == (None, "two", 3)
    describe([], tmp_path / "agent.py")


def test_a_manifest_of_another_agent(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("name: b")
    a = Agent("a")
    describe([a], tmp_path / "other.py")
    assert a.loaded is None
    with pytest.raises(ConfigError, match="calls the agent b, and agent.py beside it a; give"):
        describe([a], tmp_path / "agent.py")


def test_without_a_manifest_nothing_changes(tmp_path: Path):
    a = Agent("a")
    describe([a], tmp_path / "agent.py")
    assert a.loaded is None
