"""Broadcasts that the registry fanned out: given to the agent as a prompt, and confirmed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from chatixia.background import BackgroundTasks
from chatixia.core.ports import ArtifactSource, Handler, Incoming
from chatixia.errors import MeshError, Overloaded, SkillFailed
from chatixia.ids import AgentId
from chatixia.peer.ports import RegistryPort
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.base import encode
from chatixia.wire.peer import Prompt
from chatixia.wire.registry import AnnounceReceived
from chatixia.wire.signaling import Announcement
from chatixia.world import World

log = logging.getLogger("chatixia.peer")

VIA: Final = "registry, plain"
"""How such a message is shown: the registry could read it, and says who sent it."""
AT_ONCE: Final = 8
MOST_TASKS: Final = 64
"""With the confirmations that are under way; what comes beyond is not confirmed."""
SECONDS: Final = 60.0
"""How long the prompt handler may work on one."""


class AnnouncementReceiver:
    """Runs ``handler`` for each; nothing here raises."""

    def __init__(self, registry: RegistryPort, world: World) -> None:
        self.handler: Handler | None = None
        self._registry, self._world = registry, world
        self._tasks = BackgroundTasks()

    def pushed(self, push: Announcement) -> None:
        """One came."""
        if self.handler is None or len(self._tasks) >= MOST_TASKS:
            return
        responder = _Receipt(self, push.id)
        if len(self._tasks) >= AT_ONCE:
            responder.fail(Overloaded())
        else:
            self._tasks.spawn(self._run(self.handler, push, responder))

    async def _run(self, handler: Handler, push: Announcement, responder: _Receipt) -> None:
        prompt = Prompt(message=push.text, broadcast=True, ack=True)
        incoming = Incoming(
            AgentId(push.source),
            push.id,
            "prompt",
            "",
            msgspec.Raw(encode(prompt)),
            stream=False,
            path=(push.source,),
            deadline=self._world.monotonic() + SECONDS,
            traceparent="",
            via=VIA,
            key="",
            holder=push.source.partition("~")[0],
        )
        try:
            await handler(incoming, responder)
        except MeshError as error:
            responder.fail(error)
        finally:
            responder.fail(SkillFailed())

    def confirm(self, name: str, code: str) -> None:
        """Tell the registry, once."""
        self._tasks.spawn(self._tell(AnnounceReceived(name, code)))

    async def _tell(self, received: AnnounceReceived) -> None:
        with contextlib.suppress(MeshError):  # its sender hears that nobody confirmed
            await self._registry.verb("announce.received", received)

    async def stop(self) -> None:
        """End what runs."""
        await self._tasks.stop()


class _Receipt:
    """``core.ports.Responder``: its answer is only that it came."""

    __slots__ = ("_announced", "_name", "_receiver")

    def __init__(self, receiver: AnnouncementReceiver, name: str) -> None:
        self._receiver, self._name, self._announced = receiver, name, False

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        """It has it."""
        self._tell("")

    def fail(self, error: MeshError) -> None:
        """It was not taken."""
        self._tell(error.code)

    async def lend(self, artifacts: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
        """Nobody reads answers."""
        return ()

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """Nobody reads answers."""

    def progress(self, fraction: float, note: str) -> None:
        """Nobody waits."""

    def _tell(self, code: str) -> None:
        if not self._announced:
            self._announced = True
            self._receiver.confirm(self._name, code)
