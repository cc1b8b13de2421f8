"""A mesh port in memory that counts what its skills wait for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from chatixia.core.ports import CallAnswer, Handler, Outgoing, Pong, Stream
from chatixia.ids import AgentId
from chatixia.peer.mesh import PeerMesh
from chatixia.wire.peer import SkillInfo

from .works import WatchedStream, Works


class MemoryNode(PeerMesh):
    """The real mesh port; its callers count as waiting, what serves as working."""

    works: Works

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        """Answer requests, counted."""
        super().serve(self.works.watched(handler), skills, slots)

    async def call(self, outgoing: Outgoing) -> CallAnswer:
        """One answer, or one MeshError before the deadline."""
        with self.works.ask():
            return await super().call(outgoing)

    def stream(self, outgoing: Outgoing) -> Stream:
        """Many items, or one MeshError."""
        return WatchedStream(super().stream(outgoing), self.works)

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        """A round trip."""
        with self.works.ask():
            return await super().ping(target, timeout)

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb at the registry."""
        with self.works.ask():
            return await super().verb(name, request, timeout)

    def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """Pushes about one task."""
        return self.works.items(super().watch(task_id, timeout))
