"""The decorator: the function stays the function."""

import functools
from typing import Any

import msgspec
import pytest

from chatixia.agent.signature import read
from chatixia.agent.skill import MAX_SKILLS, Skill, Skills, check_size, described
from chatixia.errors import ConfigError
from chatixia.wire.peer import MAX_SKILL_BYTES


async def forecast(city: str, days: int = 3) -> str:
    """Forecast for a city.

    Args:
        city: where
    """
    return f"{city} {days}"


async def test_bare_and_with_options():
    skills = Skills()
    assert skills.mark(forecast) is forecast
    assert skills.mark(name="other", timeout=5, idempotent=True)(forecast) is forecast
    assert list(skills) == ["forecast", "other"]
    assert (skills["other"].timeout, skills["other"].idempotent) == (5, True)
    assert await forecast("Oslo") == "Oslo 3"


def test_what_others_see():
    skill = Skill("forecast", forecast, idempotent=True)
    info = described(skill, read(forecast, "forecast"))
    assert (info.name, info.description) == ("forecast", "Forecast for a city.")
    schema = msgspec.json.decode(info.parameters)
    assert schema["properties"]["city"] == {"type": "string", "description": "where"}
    assert msgspec.json.decode(info.returns)["type"] == "string"
    assert info.idempotent
    assert not info.streams


def test_a_partial_is_described_by_its_function():
    bound = functools.partial(functools.partial(forecast, "Oslo"), days=2)
    info = described(Skill("oslo", bound), read(bound, "oslo"))
    assert info.description == "Forecast for a city."
    bound.__doc__ = "For Oslo."
    assert described(Skill("oslo", bound), read(bound, "oslo")).description == "For Oslo."


def test_a_given_schema_and_description_stand():
    skill = Skill("f", forecast, "Mine.", parameters={"type": "object"})
    info = described(skill, read(forecast, "f"))
    assert info.description == "Mine."
    assert msgspec.json.decode(info.parameters) == {"type": "object"}


@pytest.mark.parametrize("name", ["", "1st", "a b", "x" * 65])
def test_names(name: str):
    with pytest.raises(ConfigError, match="cannot name a skill"):
        Skills().add(Skill(name, forecast))


def test_refusals():
    skills = Skills()
    skills.mark(forecast)
    with pytest.raises(ConfigError, match="two skills called forecast"):
        skills.mark(forecast)
    with pytest.raises(ConfigError, match="decorates a function"):
        skills.mark("forecast")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="timeout"):
        skills.mark(name="x", timeout=0)(forecast)
    for n in range(MAX_SKILLS - 1):
        skills.add(Skill(f"s{n}", forecast))
    with pytest.raises(ConfigError, match="at most"):
        skills.add(Skill("more", forecast))


def test_a_lambda_needs_a_name():
    with pytest.raises(ConfigError, match="cannot name a skill"):
        Skills().mark(lambda: 1)


def test_all_schemas_together_have_a_bound():
    big = {"type": "object", "description": "x" * 100_000}
    skills = [Skill(f"s{n}", forecast, parameters=big) for n in range(11)]
    infos = [described(skill, read(forecast, skill.name)) for skill in skills]
    check_size(infos[:10])
    with pytest.raises(ConfigError, match=f"at most {MAX_SKILL_BYTES:,} are allowed. The largest"):
        check_size(infos)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": 7}, "name of @agent.skill is a text, not 7."),
        ({"description": 7}, "description of @agent.skill is a text"),
        ({"timeout": b"x"}, "timeout of @agent.skill is a number of seconds"),
        ({"idempotent": None}, "idempotent of @agent.skill is True or False"),
        ({"as_prompt": 1}, "as_prompt of @agent.skill is True or False"),
        ({"resource": ["a"]}, "resource of @agent.skill is a text"),
    ],
)
def test_an_option_of_another_type_is_one_sentence(options: dict[str, Any], sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        Skills().mark(**options)(print)
