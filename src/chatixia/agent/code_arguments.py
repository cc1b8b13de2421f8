"""Arguments that code gives: one of a wrong type is one sentence with its cure.

A type checker says so before; most notebooks have none.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, Final

from chatixia.errors import ConfigError

TEXT: Final = "a text"
FLAG: Final = "True or False"
SECONDS: Final = "a number of seconds"
SHOWN: Final = 80
"""Characters of what was given instead."""


def check_type(what: str, value: Any, kinds: type | UnionType, wanted: str) -> None:
    """Raise ConfigError, which says that ``what`` is ``wanted``, unless ``value`` is of ``kinds``.

    True is a number to Python and to nobody else.
    """
    stray = isinstance(value, bool) and wanted != FLAG
    if stray or not isinstance(value, kinds):
        raise ConfigError(f"{what} is {wanted}, not {repr(value)[:SHOWN]}.")
