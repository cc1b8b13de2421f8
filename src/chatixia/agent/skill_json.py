"""Skills of the compatible contract: folders with ``skill.json`` and ``handler.py``.

The handler takes keyword arguments; its parameters, as ``skill.json`` maps them, become a real
signature, so that they are checked like any other skill's, and are shown as they stand there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Final

import msgspec

from chatixia.errors import ConfigError

from .schema import DIALECT
from .skill import Skill
from .skill_fields import Parameter, SkillJson

FILE: Final = "skill.json"
HANDLER: Final = "handler.py"
MAX_BYTES: Final = 256 * 1024

TYPES: Final[dict[str, Any]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
    "array": list[Any],
    "object": dict[str, Any],
    "null": None,
}


def read(folder: Path) -> SkillJson:
    """The ``skill.json`` in ``folder``. Raises ConfigError."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
        return msgspec.json.decode(data, type=SkillJson)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is not a valid skill: {error}.") from None


def skill(definition: SkillJson, handler: Callable[..., Any], where: Path) -> Skill:
    """The skill that ``definition`` describes and ``handler`` does. Raises ConfigError."""
    place = str(where / FILE)
    parameters = [as_parameter(name, p, place) for name, p in definition.parameters.items()]
    return Skill(
        definition.name,
        with_parameters(handler, parameters),
        definition.description,
        parameters=schema(definition.parameters),
    )


def schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The parameters as JSON Schema."""
    properties = {}
    for name, parameter in parameters.items():
        part: dict[str, Any] = {"type": parameter.type, "description": parameter.description}
        if parameter.default is not msgspec.UNSET:
            part["default"] = parameter.default
        if parameter.enum:
            part["enum"] = parameter.enum
        properties[name] = {key: value for key, value in part.items() if value != ""}
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": properties,
        "required": [name for name, parameter in parameters.items() if parameter.required],
        "additionalProperties": False,
    }


def with_parameters(
    handler: Callable[..., Any], parameters: list[inspect.Parameter]
) -> Callable[..., Any]:
    """``handler`` under a signature of those keyword parameters; unset ones are left out."""
    if inspect.iscoroutinefunction(handler):

        @wraps(handler)
        async def called(**arguments: Any) -> Any:
            return await handler(**_set(arguments))
    else:

        @wraps(handler)
        def called(**arguments: Any) -> Any:
            return handler(**_set(arguments))

    # Its signature is this one, not that of the handler.
    del called.__wrapped__
    vars(called)["__signature__"] = inspect.Signature(parameters)
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    return called


def _set(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not msgspec.UNSET}


def as_parameter(name: str, parameter: Parameter, where: str) -> inspect.Parameter:
    """``parameter`` in a signature. Raises ConfigError naming ``where`` it stands."""
    if parameter.type not in TYPES or not name.isidentifier():
        raise ConfigError(
            f"{where}: the parameter {name[:80]} has the type {parameter.type[:80]}; use "
            f"one of {', '.join(TYPES)}, and a name of letters, digits and _."
        )
    default = inspect.Parameter.empty if parameter.required else parameter.default
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=TYPES[parameter.type]
    )
