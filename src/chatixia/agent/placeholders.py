"""``${NAME}`` and ``${NAME:-default}`` in the values of a manifest, filled from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from chatixia.errors import ConfigError

AT_RUN_TIME: Final = frozenset({"date", "agent", "mesh"})
"""Filled in the instructions of a model when it is asked; here they stay as they are."""
MAX_VALUE: Final = 256 * 1024

_PLACEHOLDER: Final = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")


class MissingVariable(ConfigError):
    """A value names a variable that is not set and has no default."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the variable {name} is not set; write ${{{name}:-default}} for a default"
        )
        self.name = name


def fill(text: str, environment: Mapping[str, str]) -> str:
    """``text`` with its placeholders filled; ``$${NAME}`` stands for ``${NAME}`` itself.

    A variable that is set to nothing counts as not set. Raises MissingVariable, ConfigError for
    what grows too large.
    """

    def value(match: re.Match[str]) -> str:
        escape, name, default_part, default = match.groups()
        if escape:
            return match[0][1:]
        if name in AT_RUN_TIME and default_part is None:
            return match[0]
        if content := environment.get(name):
            return content
        if default_part is None:
            raise MissingVariable(name)
        return default or ""

    filled = _PLACEHOLDER.sub(value, text)
    if len(filled) > MAX_VALUE:
        raise ConfigError(f"a value has more than {MAX_VALUE} characters with its variables")
    return filled


def has_placeholder(text: str) -> bool:
    """Whether :func:`fill` would change ``text``, or could not."""
    return any(m[1] or m[2] not in AT_RUN_TIME or m[3] for m in _PLACEHOLDER.finditer(text))


def fill_all(value: Any, environment: Mapping[str, str], place: str = "") -> tuple[Any, list[str]]:
    """``value`` with the placeholders in all its texts filled, and the dotted keys of those texts.

    Raises MissingVariable with ``key`` set to where it stands.
    """
    if isinstance(value, str):
        if not has_placeholder(value):
            return value, []
        try:
            return fill(value, environment), [place]
        except ConfigError as error:
            error.add_note(place)
            raise
    if isinstance(value, dict):
        pairs = {
            key: fill_all(item, environment, f"{place}.{key}" if place else str(key))
            for key, item in value.items()
        }
        return {key: pair[0] for key, pair in pairs.items()}, _joined(pairs.values())
    if isinstance(value, list):
        items = [fill_all(item, environment, f"{place}[{n}]") for n, item in enumerate(value)]
        return [item for item, _ in items], _joined(items)
    return value, []


def _joined(pairs: Any) -> list[str]:
    return [key for _, keys in pairs for key in keys]
