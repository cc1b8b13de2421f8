"""Names from outside: taken, or refused with a sentence."""

from __future__ import annotations

import pytest

from chatixia.core import names
from chatixia.errors import UnknownAgent, UnknownSkill


@pytest.mark.parametrize("name", ["weather", "a.b-c_9", "pi~abcdef", "x" * 63])
def test_names_of_agents(name: str):
    assert names.agent(name) == name


@pytest.mark.parametrize("name", ["", "A", "Ünï", "a b", "../x", "registry", "x" * 64, "x" * 9999])
def test_what_no_agent_is_called(name: str):
    with pytest.raises(UnknownAgent) as caught:
        names.agent(name)
    start = f"No agent can be called {name[:80]!r}: "
    assert caught.value.message.startswith(
        (f"{start}use lower-case", f"{start}registry is reserved")
    )


@pytest.mark.parametrize("name", ["forecast", "_x", "A.b-c_9", "x" * 64])
def test_names_of_skills(name: str):
    assert names.skill(name) == name


@pytest.mark.parametrize("name", ["", "größe", "two words", "9x", "fly\n", "x" * 65])
def test_what_no_skill_is_called(name: str):
    with pytest.raises(UnknownSkill) as caught:
        names.skill(name)
    assert caught.value.message.startswith(f"No skill can be called {name[:80]!r}: a letter")
