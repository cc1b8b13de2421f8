"""The log on stderr, for commands and for scripts that ask for it by ``CHATIXIA_LOG``."""

from __future__ import annotations

import logging
import os
from typing import Final, TextIO

from chatixia.errors import ConfigError

VARIABLE: Final = "CHATIXIA_LOG"
OTHER: Final = "LOG_LEVEL"
"""Counts too, where it names a level of ours; other programs write other things there."""
DETAILED: Final = ("debug", "info")
"""Levels at which each request served is a line; that logger wants a level of its own."""
LEVELS: Final = ("debug", "info", "warning", "error")


def level() -> str:
    """The level that the environment names, empty for none. Raises ConfigError."""
    name = os.environ.get(VARIABLE, "").lower()
    if name and name not in LEVELS:
        raise ConfigError(f"{VARIABLE} is {name}; it takes {', '.join(LEVELS)}.")
    other = os.environ.get(OTHER, "").lower()
    return name or (other if other in LEVELS else "")


def set_up(default: str = "warning") -> None:
    """Log ``chatixia`` to stderr at the environment's level, else at ``default``.

    Where the user's program sets up a log of its own, before or after, its handlers show our lines
    and ours is silent: each line is printed once. Raises ConfigError for a level that does not
    exist.
    """
    name = level() or default
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("chatixia")
    for old in [one for one in logger.handlers if isinstance(one, _StderrHandler)]:
        logger.removeHandler(old)
    handler.addFilter(lambda record: logger.handlers == [handler] and not _root_shows(logger))
    logger.addHandler(handler)
    logger.setLevel(name.upper())
    if name in DETAILED:
        logging.getLogger("chatixia.served").setLevel(logging.INFO)


def set_up_script() -> None:
    """For a script: only if the environment asks for it, and the script itself has set up none."""
    if level() and not logging.getLogger("chatixia").hasHandlers():
        set_up()


class _StderrHandler(logging.StreamHandler[TextIO]):
    """The one that :func:`set_up` made, so that the next call replaces it."""


def _root_shows(logger: logging.Logger) -> bool:
    return logger.propagate and bool(logging.getLogger().handlers)
