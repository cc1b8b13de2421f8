"""Arguments judged by a skill's own schema, before anything leaves this machine."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NoReturn

import jsonschema_rs
import msgspec

from chatixia.errors import BadArguments

MAX_SHOWN: Final = 400
"""Characters of what is wrong."""
REMEMBERED: Final = 256


def check(skill: str, parameters: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Refuse what does not fit. Raises BadArguments naming the place.

    A schema that is none, or points elsewhere, refuses nothing: the skill itself judges then.
    """
    validator = _validator(msgspec.json.encode(parameters))
    if validator is None:
        return
    try:
        error = next(iter(validator.iter_errors(arguments)), None)
    except ValueError as unusable:
        raise BadArguments(f"{skill}: {str(unusable)[:MAX_SHOWN]}") from None
    if error is not None:
        place = "/".join(map(str, error.instance_path))
        where = f"{place}: " if place else ""
        raise BadArguments(f"{skill}: {where}{error.message[:MAX_SHOWN]}.")


def places(
    parameters: dict[str, Any], arguments: dict[str, Any], comment: str
) -> list[tuple[str | int, ...]]:
    """Where in arguments that fit stands what a part of the schema with that comment describes;
    what is within another comes first."""
    encoded = msgspec.json.encode(parameters)
    validator = _validator(encoded) if comment.encode() in encoded else None
    if validator is None:
        return []
    pointers = {
        note["instanceLocation"]
        for note in validator.evaluate(arguments).annotations()
        if isinstance(note["annotations"], dict) and note["annotations"].get("$comment") == comment
    }
    return [_steps(pointer, arguments) for pointer in sorted(pointers, reverse=True)]


def _steps(pointer: str, value: Any) -> tuple[str | int, ...]:
    """A JSON pointer as the keys and indexes that lead through ``value``."""
    steps: list[str | int] = []
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        steps.append(int(name) if isinstance(value, list) else name)
        value = value[steps[-1]]
    return tuple(steps)


@lru_cache(REMEMBERED)
def _validator(schema: bytes) -> Any:
    try:
        return jsonschema_rs.validator_for(
            msgspec.json.decode(schema),
            retriever=_elsewhere,
            # In time that grows with the text alone: a schema may come from anybody.
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except (ValueError, jsonschema_rs.ReferencingError):
        return None


def _elsewhere(address: str) -> NoReturn:
    raise ValueError(f"{address[:80]} is not read")
