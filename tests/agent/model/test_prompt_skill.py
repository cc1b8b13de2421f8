"""Skills that the model answers are skills like others: listed, validated, on a path."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from chatixia.agent.context import Ctx
from chatixia.agent.model.prompt_skill import CTX, TEXT, first_sentence, prompt_skill
from chatixia.agent.skill_fields import PromptSkill
from chatixia.errors import BadArguments, ConfigError
from tests.agent.loopback import Net
from tests.agent.served import Served, client

SUMMARY = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
DEFINITION = {
    "name": "summarize",
    "prompt": "Summarize the text. Be brief.",
    "parameters": {
        "text": {"type": "string", "required": True},
        "words": {"type": "integer", "default": 50},
        "tone": {"type": "string"},
    },
    "returns": SUMMARY,
}


def definition(**more: Any) -> PromptSkill:
    return msgspec.convert({**DEFINITION, **more}, PromptSkill)


@pytest.fixture
async def there():
    calls: list[tuple[str, dict[str, Any], tuple[str, ...]]] = []

    async def answer(definition: PromptSkill, arguments: dict[str, Any], ctx: Ctx) -> Any:
        calls.append((definition.name, arguments, ctx.path))
        return {"text": "short"}

    net = Net()
    served = Served(net, "a", prompt_skill(definition(), answer))
    yield client(net), calls
    served.close()


async def test_others_find_it_with_its_schemas(there: Any):
    mesh, _ = there
    (info,) = await mesh.skills("a")
    assert (info.name, info.description) == ("summarize", "Summarize the text.")
    parameters = json.loads(bytes(info.parameters))
    assert parameters["required"] == ["text"]
    assert parameters["properties"]["words"] == {"type": "integer", "default": 50}
    assert json.loads(bytes(info.returns)) == SUMMARY


async def test_the_model_gets_the_arguments_and_the_path(there: Any):
    mesh, calls = there
    assert await mesh.agent("a").summarize(text="long") == {"text": "short"}
    assert calls == [("summarize", {"text": "long", "words": 50}, ("me~abcdef",))]


@pytest.mark.parametrize("args", [{}, {"text": 1}, {"text": "x", "more": 1}, {"text": "x", CTX: 1}])
async def test_wrong_arguments_never_reach_the_model(there: Any, args: dict[str, Any]):
    mesh, calls = there
    with pytest.raises(BadArguments):
        await mesh.agent("a").call("summarize", args)
    assert not calls


async def none(*args: Any) -> Any: ...


def test_a_text_where_no_schema_says_what_it_gives():
    assert prompt_skill(definition(returns={}), none).returns == TEXT
    assert prompt_skill(definition(description="It sums up."), none).description == "It sums up."
    assert prompt_skill(definition(timeout=5), none).timeout == 5


@pytest.mark.parametrize(
    "parameters", [{"x": {"type": "text"}}, {"not a name": {}}, {CTX: {}}], ids=str
)
def test_a_parameter_that_cannot_be_is_named(parameters: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"^summarize: "):
        prompt_skill(definition(parameters=parameters), none)


@pytest.mark.parametrize(
    "bad", [{"name": "x" * 65}, {"timeout": 0}, {"prompt": "x" * 70_000}, {"returns": []}, {"x": 1}]
)
def test_a_declaration_has_bounds(bad: dict[str, Any]):
    with pytest.raises(msgspec.ValidationError):
        definition(**bad)


@pytest.mark.parametrize(
    ("prompt", "about"),
    [("One. Two.", "One."), ("v1.2 is it\nmore", "v1.2 is it"), ("", ""), ("x" * 999, "x" * 300)],
)
def test_the_first_sentence_describes_it(prompt: str, about: str):
    assert first_sentence(prompt) == about
