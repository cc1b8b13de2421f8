"""PeerMesh: the mesh port (``core.ports.Mesh``) over links and the registry's queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from chatixia.core.ports import Answer, Handler, LinkReport, Outgoing, Pong, Self, Stream
from chatixia.ids import AgentId
from chatixia.wire.peer import SkillInfo
from chatixia.world import REAL, World

from .channel import Links, Registry, Timers


class PeerMesh:
    """One principal's sessions with all its peers. ``registry`` None: links only.

    ``await start()``, ``await stop()``; between them every method of ``core.ports.Mesh``.
    It is the ``Upper`` of ``links``.
    """

    def __init__(
        self,
        me: Self,
        links: Links,
        registry: Registry | None = None,
        *,
        world: World = REAL,
        timers: Timers | None = None,
    ) -> None:
        self._me = me
        raise NotImplementedError

    @property
    def id(self) -> AgentId:
        """My own id."""
        return self._me.id

    async def start(self) -> None:
        """Start the links and, with skills served, the queue's worker."""

    async def stop(self) -> None:
        """Cancel what runs, close links, end every task."""

    async def call(self, out: Outgoing) -> Answer:
        """One answer, or one MeshError before the deadline."""
        raise NotImplementedError

    def stream(self, out: Outgoing) -> Stream:
        """Many items, or one MeshError."""
        raise NotImplementedError

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb at the registry."""

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        """A round trip over the present path; opens a link if there is none."""
        raise NotImplementedError

    def links(self) -> Sequence[LinkReport]:
        """The open links as the engine sees them."""
        return ()

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        """Answer requests from links and queue."""

    def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """Pushes about one task until it is terminal."""
        raise NotImplementedError
