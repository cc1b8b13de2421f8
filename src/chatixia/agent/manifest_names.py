"""What a manifest names and cannot name: mistakes that the types of its keys do not see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatixia.errors import BadArguments, ConfigError
from chatixia.ids import id_problem, is_agent_id, is_skill

from .skill_fields import PromptSkill


def misnamed(
    name: str, callers: list[str], prompts: list[PromptSkill], settings: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """Each such mistake: its key, and a sentence. ``settings``: those of the model."""
    if name and not is_agent_id(name):
        yield "name", f"name: {_cannot(name)}"
    for number, caller in enumerate(callers):
        if not is_agent_id(caller):
            key = f"callers[{number}]"
            yield key, f"{key}: {_cannot(caller)} A client counts as its machine."
    yield from _prompts(prompts)
    if settings:
        yield from _settings(settings)


def _cannot(name: str) -> str:
    return f"{name[:80]!r} cannot name an agent or machine: {id_problem(name)}."


def _prompts(prompts: list[PromptSkill]) -> Iterator[tuple[str, str]]:
    names = set[str]()
    for number, one in enumerate(prompts):
        key = f"skills.prompts[{number}]"
        if not is_skill(one.name):
            rule = "use a letter or _, then letters, digits, . _ or -, at most 64"
            yield f"{key}.name", f"{key}.name: {one.name!r} cannot name a skill: {rule}."
        elif one.name in names:
            yield f"{key}.name", f"{key}.name: there are two skills called {one.name}."
        names.add(one.name)
        if one.returns and (problem := _schema_problem(one.returns)):
            yield f"{key}.returns", f"{key}.returns: {problem}"


def _schema_problem(schema: dict[str, Any]) -> str:
    try:  # it comes with the extra that models need
        from .model.library.answer_schema import AnswerSchema
    except ImportError:
        return ""
    try:
        AnswerSchema(schema)
    except BadArguments as error:
        return error.message
    return ""


def _settings(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from .model.endpoints import split_settings

    try:
        split_settings(settings)
    except ConfigError as error:
        yield error.message.partition(" ")[0], error.message
