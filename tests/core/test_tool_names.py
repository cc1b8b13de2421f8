"""Tool names: what every provider takes, and never one for two skills."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatixia.core.tool_names import MAX_TOOL, MESH_TOOLS, skill_of, tool_name
from chatixia.ids import is_agent_id, is_skill

ANY_PROVIDER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
skills = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z").filter(is_skill)
agents = st.just("") | st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,62}\Z").filter(is_agent_id)
tight = st.text("a-._hdnps", min_size=1, max_size=4).map(lambda text: f"a{text}")
"""Names of the very characters that escapes are made of."""
names = st.tuples(agents | tight.filter(is_agent_id), skills | tight)


@given(names, names)
@example(("a", "b"), ("", "a-_b"))
@example(("", "a.b"), ("", "a-pb"))
@example(("1a", "b"), ("", "_-n1a-_b"))
def test_two_skills_never_have_one_name(one: tuple[str, str], other: tuple[str, str]):
    ours, theirs = (tool_name(skill, agent) for agent, skill in (one, other))
    assert (ours == theirs) == (one == other)
    assert ANY_PROVIDER.match(ours)
    assert ours not in MESH_TOOLS


@given(names)
def test_a_name_that_was_not_shortened_says_what_it_stands_for(name: tuple[str, str]):
    agent, skill = name
    tool = tool_name(skill, agent)
    shortened = len(tool) == MAX_TOOL and re.search(r"-h[a-z2-7]{26}\Z", tool)
    assert skill_of(tool) == name or shortened


@given(st.text(max_size=70) | st.text("a-_.hpn1", max_size=12))
def test_whatever_stands_for_a_skill_is_its_name(tool: str):
    named = skill_of(tool)
    assert named is None or tool_name(named[1], named[0]) == tool


@pytest.mark.parametrize(
    ("agent", "skill", "tool"),
    [
        ("", "read_file", "read_file"),
        ("weather", "forecast", "weather-_forecast"),
        ("my-agent", "v1.2", "my--agent-_v1-p2"),
        ("7up", "fizz", "_-n7up-_fizz"),
        ("", "x" * 64, "x" * 64),
    ],
)
def test_plain_names_stay_as_they_are(agent: str, skill: str, tool: str):
    assert tool_name(skill, agent) == tool


def test_a_long_name_is_cut_between_escapes():
    one, other = (tool_name("s" * 64, "-".join("a" * n)) for n in (20, 21))
    assert len(one) <= MAX_TOOL
    assert one != other
    assert skill_of(one) is None
    cut = tool_name("-" * 30 + "s" * 30, "a")
    assert re.search(r"(?<!-)(--)*-h[a-z2-7]{26}\Z", cut)


@pytest.mark.parametrize(
    "tool", [*MESH_TOOLS, "", "-", "a-x", "ä", "a b", "-_b", "a-_", "a-p" * 40]
)
def test_other_names_stand_for_no_skill(tool: str):
    assert skill_of(tool) is None
