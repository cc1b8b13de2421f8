"""A prompt and a resource take texts alone, an address has its variables, and who makes one is told
at once."""

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


async def note(day: str, form: str = "long") -> str:
    return day


def noted(resource: str, **more: Any) -> Any:
    return described(Skill("note", note, resource=resource, **more), read(note, "note"))


@pytest.mark.parametrize("resource", ["notes://{day}", "notes://{day}/{form}"])
def test_an_address_has_what_the_skill_takes(resource: str):
    assert noted(resource).resource == resource


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        ("notes://today", "not the parameters"),
        ("notes://{day}/{hour}", "not the parameters"),
        ("notes://{form}", "not the parameters"),
        ("file:///{day}", "of something else"),
        ("notes://{day}/" + "x" * 250, "256 characters"),
    ],
)
def test_an_address_that_is_none_of_this_skill_is_refused(resource: str, problem: str):
    with pytest.raises(ConfigError, match=problem):
        noted(resource)


def test_a_skill_is_one_of_both_and_an_address_of_one_skill():
    with pytest.raises(ConfigError, match="a prompt or a resource"):
        noted("notes://{day}", as_prompt=True)
    skills = Skills()
    skills.mark(resource="notes://{day}")(note)
    with pytest.raises(ConfigError, match="two resources at"):
        skills.mark(name="other", resource="notes://{day}")(note)
