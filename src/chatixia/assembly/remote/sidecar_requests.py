"""How a handler behind a sidecar answers: ``core.ports.Responder`` over the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from chatixia.core.ports import ArtifactSource
from chatixia.errors import Cancelled, MeshError, SkillFailed
from chatixia.wire import ipc
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.world import REAL

from .sidecar_files import brought_in

if TYPE_CHECKING:
    from chatixia.sidecar.client import SidecarClient


class SidecarResponder:
    """Answers the request ``number``. ``over``: it has its answer, or nobody waits for one."""

    __slots__ = ("_client", "_files", "_left", "_name", "_number", "_waiter", "over")

    def __init__(self, number: int, client: SidecarClient, credit: int, name: str) -> None:
        self._number, self._client, self._name = number, client, name
        self._left = credit
        self._waiter: asyncio.Future[None] | None = None
        self._files: dict[str, ipc.IpcFile] = {}
        self.over = False

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        """End with JSON bytes."""
        if self.over:
            return
        self.over = True
        payload = ipc.ReplyPayload(msgspec.Raw(result), self._named(table))
        self._client.tell(ipc.ReplyCommand(payload, cause=self._number))

    async def lend(self, artifacts: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
        """Put these into the sidecar's folder, for the caller to pull."""
        files = await brought_in(self._client.welcome.folder, artifacts)
        infos = []
        for file in files:
            info = ArtifactInfo(0, "0" * 64, REAL.token(16).hex(), file.name, file.media_type)
            self._files[info.id] = file
            infos.append(info)
        return tuple(infos)

    @property
    def files(self) -> tuple[ipc.IpcFile, ...]:
        """Those that were put there."""
        return tuple(self._files.values())

    def _named(self, table: tuple[ArtifactInfo, ...]) -> ipc.IpcFiles:
        return tuple(self._files[info.id] for info in table)

    def fail(self, error: MeshError) -> None:
        """End with an error."""
        if not self.over:
            self.over = True
            self._client.tell(ipc.FailCommand(error.to_wire(), cause=self._number))

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """Send one item; waits for credit."""
        while self._left <= 0 and not self.over:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.over:
            raise Cancelled("The stream is over.")
        self._left -= len(chunk) + len(event) + ipc.ITEM_COST
        payload = ipc.ItemPayload(msgspec.Raw(chunk), self._named(table))
        if event:
            payload.event = msgspec.Raw(event)
        self._client.tell(ipc.ItemCommand(payload, cause=self._number))

    def grant(self, more: int) -> None:
        """The sidecar takes more items."""
        self._left += more
        self.stop()

    def stop(self) -> None:
        """Let whoever waits for credit look again."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def progress(self, fraction: float, note: str) -> None:
        """Tell how far it is."""
        if not self.over:
            payload = ipc.ProgressPayload(fraction, note[:1024])
            self._client.tell(ipc.ProgressCommand(payload, cause=self._number))


def interrupted(name: str) -> MeshError:
    """What a request ends with whose handler was cancelled from inside."""
    return SkillFailed("The skill was cancelled from inside.", agent=name, outcome="unknown")
