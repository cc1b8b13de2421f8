"""What ``skill.json`` and ``skills.prompts`` hold.

Apart from what makes skills of it, so that a manifest is read without that.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

MAX_PROMPT: Final = 64 * 1024
MAX_RUN_S: Final = 24 * 3600.0
"""The longest timeout of a skill."""


class Parameter(msgspec.Struct):
    """One parameter. ``required`` false and no ``default``: the handler is called without it."""

    type: str = "string"
    description: str = ""
    required: bool = False
    default: Any = msgspec.UNSET
    enum: list[Any] = []


class SkillJson(msgspec.Struct):
    """``skill.json``."""

    name: str
    description: str = ""
    version: str = ""
    category: str = ""
    parameters: Annotated[dict[str, Parameter], msgspec.Meta(max_length=64)] = {}


class PromptSkill(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of ``skills.prompts``: a skill that the agent's model answers.

    ``prompt``: what it is to do with the arguments. ``returns``: JSON Schema of the result, a text
    if unset. ``timeout``: seconds.
    """

    name: Annotated[str, msgspec.Meta(max_length=64)]
    prompt: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT)]
    description: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    parameters: Annotated[dict[str, Parameter], msgspec.Meta(max_length=64)] = {}
    returns: dict[str, Any] = {}
    timeout: Annotated[float, msgspec.Meta(gt=0, le=MAX_RUN_S)] = 600.0
