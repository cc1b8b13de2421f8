"""Skills found by words: the best first, in few words, of those that are there."""

from __future__ import annotations

import json
from typing import Any

from chatixia.client.matching import MAX_MATCHES, matches
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentRecord, Capabilities


def record(name: str, *skills: SkillInfo, **more: Any) -> AgentRecord:
    return AgentRecord(name, skills=list(skills), **more)


def test_a_thousand_skills_are_a_short_list():
    many = [record(f"a{n}", SkillInfo("translate", "x" * 1024)) for n in range(1000)]
    best = record("zz", SkillInfo("translate", "Finnish poems"))
    lines = matches([*many, best], "translate finnish", "me")
    assert lines[0]["agent"] == "zz"
    assert len(lines) == MAX_MATCHES
    assert len(json.dumps(lines)) < 16 * 1024


def test_who_is_away_and_the_asker_itself_are_not_in_it():
    agents = [
        record("me", SkillInfo("x")),
        record("off", SkillInfo("x"), health="offline"),
        record("plain", capabilities=Capabilities(skills=["x"])),
        record("talker", description="Knows x."),
        record("other", SkillInfo("y")),
    ]
    assert [line["agent"] for line in matches(agents, "x", "me")] == ["plain", "talker"]
    assert len(matches(agents, "", "me")) == 3
