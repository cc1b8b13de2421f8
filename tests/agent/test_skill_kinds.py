"""A prompt takes texts alone, and who makes one is told at once."""

from __future__ import annotations

import enum
from typing import Any, Literal

import pytest

from chatixia.agent.signature import read
from chatixia.agent.skill import Skill, Skills, described
from chatixia.client.artifact import Artifact
from chatixia.errors import ConfigError


class Colour(enum.Enum):
    RED = "red"


def info(hint: Any) -> Any:
    async def summary(what: Any) -> str:
        return ""

    summary.__annotations__["what"] = hint
    return described(Skill("summary", summary, as_prompt=True), read(summary, "summary"))


@pytest.mark.parametrize("hint", [str, str | None, Literal["a", "b"], Any, Colour])
def test_what_a_person_can_type(hint: Any):
    assert info(hint).as_prompt


@pytest.mark.parametrize("hint", [int, list[str], dict[str, str], bool, Artifact])
def test_what_nobody_can_type_is_refused(hint: Any):
    with pytest.raises(ConfigError, match="what is not"):
        info(hint)


def test_the_decorator_says_it():
    skills = Skills()
    skills.mark(as_prompt=True, name="x")(lambda: "")
    assert skills["x"].as_prompt
