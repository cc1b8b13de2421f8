"""Described skills: skill.json beside handler.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatixia.agent.skill_fields import SkillJson
from chatixia.agent.skill_json import read, skill
from chatixia.errors import BadArguments, ConfigError
from tests.agent.loopback import Net
from tests.agent.served import Served, client

SKILL = {
    "name": "summarize",
    "description": "Sums up.",
    "version": "1.0.0",
    "category": "Mesh",
    "parameters": {
        "text": {"type": "string", "description": "what", "required": True},
        "max_length": {"type": "integer", "default": 200},
        "style": {"type": "string", "required": False},
    },
}


def described(handler: Any, **change: Any):
    return skill(msgspec.convert({**SKILL, **change}, SkillJson), handler, Path("x"))


def test_the_schema_is_kept():
    made = described(lambda **given: "")
    assert made.description == "Sums up."
    assert made.parameters is not None
    assert made.parameters["required"] == ["text"]
    assert made.parameters["properties"] == {
        "text": {"type": "string", "description": "what"},
        "max_length": {"type": "integer", "default": 200},
        "style": {"type": "string"},
    }


async def coroutine(**given: Any) -> Any:
    return given


def function(**given: Any) -> Any:
    return given


@pytest.mark.parametrize("handler", [coroutine, function])
async def test_it_is_called_and_checked_like_any_other(handler: Any):
    net = Net()
    served = Served(net, "a", described(handler))
    there = client(net).agent("a")
    assert await there.summarize(text="x") == {"text": "x", "max_length": 200}
    assert await there.summarize(text="x", style="s", max_length=3) == {
        "text": "x",
        "max_length": 3,
        "style": "s",
    }
    with pytest.raises(BadArguments, match="the argument text is missing"):
        await there.summarize()
    with pytest.raises(BadArguments, match="max_length: expected int, got str"):
        await there.summarize(text="x", max_length="y")
    with pytest.raises(BadArguments, match="no argument txt; did you mean text?"):
        await there.summarize(txt="x")
    served.close()


def test_bad_parameters():
    with pytest.raises(ConfigError, match="the parameter x has the type banana"):
        described(function, parameters={"x": {"type": "banana"}})
    with pytest.raises(ConfigError, match="the parameter a b"):
        described(function, parameters={"a b": {}})


def test_reading(tmp_path: Path):
    (tmp_path / "skill.json").write_bytes(msgspec.json.encode(SKILL))
    assert read(tmp_path).name == "summarize"
    (tmp_path / "skill.json").write_text("{")
    with pytest.raises(ConfigError, match="is not a valid skill"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none")
