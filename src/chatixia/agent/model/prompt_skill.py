"""Skills that the model answers: declared in ``skills.prompts``, so that a folder without code has
skills that others find."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from inspect import Parameter
from typing import Any, Final

from chatixia.agent.context import Ctx
from chatixia.agent.skill import Skill
from chatixia.agent.skill_fields import PromptSkill
from chatixia.agent.skill_json import as_parameter, schema, with_parameters
from chatixia.errors import ConfigError

CTX: Final = "ctx_of_request"
"""The name under which the function gets its Ctx; no parameter has it."""
TEXT: Final = {"type": "string"}

Answer = Callable[[PromptSkill, dict[str, Any], Ctx], Awaitable[Any]]


def prompt_skill(definition: PromptSkill, answer: Answer) -> Skill:
    """The skill that ``answer`` does as ``definition`` says. Raises ConfigError."""
    where = definition.name[:80]
    if CTX in definition.parameters:
        raise ConfigError(f"{where}: no parameter can be called {CTX}.")
    parameters = [as_parameter(name, one, where) for name, one in definition.parameters.items()]
    place = Parameter(CTX, Parameter.KEYWORD_ONLY, annotation=Ctx)

    async def ask_model(**arguments: Any) -> Any:
        ctx = arguments.pop(CTX)
        return await answer(definition, arguments, ctx)

    called = with_parameters(ask_model, [*parameters, place])
    return Skill(
        definition.name,
        called,
        definition.description or first_sentence(definition.prompt),
        definition.timeout,
        parameters=schema(definition.parameters),
        returns=definition.returns or TEXT,
        by_model=True,
    )


def first_sentence(prompt: str) -> str:
    """What others read of a skill that is not described."""
    line = prompt.strip().partition("\n")[0]
    match = re.match(r".{1,300}?[.!?](?=\s|$)", line)
    return match[0] if match else line[:300]
