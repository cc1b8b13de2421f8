"""A door: what handles call through. One per mesh, and one per request that a skill serves.

A handle never sees the mesh port itself, so that a skill's calls carry its path and deadline, and
a process that forked finds its doors shut (links.md: an engine does not survive a fork).
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn
from weakref import WeakSet

from chatixia.core.ports import Answer, Mesh, Outgoing, Stream
from chatixia.errors import ConfigError
from chatixia.ids import AgentId
from chatixia.world import REAL, World


class Door:
    """The root door of a mesh. ``call`` is the port's own method, so that it costs nothing."""

    __slots__ = ("__weakref__", "call", "port", "world")

    def __init__(self, port: Mesh, world: World = REAL) -> None:
        self.port: Mesh = port
        self.world = world
        self.call: Callable[[Outgoing], Awaitable[Answer]] = port.call
        _open.add(self)

    @property
    def id(self) -> AgentId:
        """Who calls."""
        return self.port.id

    @property
    def avoid(self) -> frozenset[str]:
        """Whom a call by skill does not pick: the asker."""
        return frozenset((self.port.id,))

    def stream(self, out: Outgoing) -> Stream:
        """Many items for ``out``."""
        return self.port.stream(out)

    def budget(self, timeout: float) -> float:
        """The seconds that a call may take: what was asked for."""
        return timeout

    def caused_by(self) -> tuple[str, ...]:
        """The path of ids that caused what is called here."""
        return ()

    @property
    def traceparent(self) -> str:
        """The trace that what is called here belongs to."""
        return ""

    def shut(self) -> None:
        """Refuse whatever is called from now on; for a process that forked."""
        self.port = _Forked()
        self.call = _forked


def _forked(_: object = None) -> NoReturn:
    raise ConfigError(
        "This mesh was opened before the process forked and cannot be used in the child; "
        "open one there, or start processes with the spawn method."
    )


class _Forked:
    def __getattr__(self, name: str) -> Any:
        _forked()


_open: WeakSet[Door] = WeakSet()


def _after_fork() -> None:
    for door in list(_open):
        door.shut()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
