"""The choice by skill of a sidecar: the client's own, with the cause of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatixia.core import names
from chatixia.core.ports import ArtifactSource, CallAnswer, MeshPort
from chatixia.errors import BadArguments
from chatixia.wire.ipc import AnyPayload
from chatixia.world import REAL, World

if TYPE_CHECKING:
    from chatixia.client.anyone import AnyHandle
    from chatixia.client.call_context import CallContext
    from chatixia.client.directory import AgentDirectory
    from chatixia.sidecar.ports import Cause, OnProgress


class SkillChoice:
    """Calls a skill of whoever has it (``sidecar.ports.AnySkillCaller``). The client's modules are
    loaded by the first call: a sidecar that chooses nobody is 1 MB smaller."""

    def __init__(self, port: MeshPort, world: World = REAL) -> None:
        self._port, self._world = port, world
        self._root: tuple[CallContext, AgentDirectory] | None = None

    async def __call__(
        self,
        payload: AnyPayload,
        cause: Cause,
        artifacts: tuple[ArtifactSource, ...] = (),
        on_progress: OnProgress | None = None,
    ) -> CallAnswer:
        """One answer. Raises what ``mesh.any(skill)`` raises, BadArguments."""
        from chatixia.client.anyone import AnyAsk

        body = bytes(payload.args)
        if not body.lstrip().startswith(b"{"):
            raise BadArguments("The arguments of a skill are an object.")
        handle, began = self._handle(payload, cause), self._world.monotonic()
        ask = AnyAsk(payload.skill, body, on_progress, payload.key, artifacts)
        answer = await handle._answer(ask)
        answer.ms = 1000 * (self._world.monotonic() - began)
        return answer

    def _handle(self, payload: AnyPayload, cause: Cause) -> AnyHandle:
        from chatixia.client.anyone import AnyHandle
        from chatixia.client.call_context import CallContext
        from chatixia.client.directory import AgentDirectory
        from chatixia.client.handle import checked

        if self._root is None:
            context = CallContext(self._port, self._world)
            self._root = context, AgentDirectory(context)
        root, directory = self._root
        until = None if cause.left is None else self._world.monotonic() + cause.left
        context = root.derive(path=cause.path, deadline=until, traceparent=cause.traceparent)
        options = checked(payload.timeout, payload.idempotent, payload.queue)
        return AnyHandle(context, directory, names.skill(payload.skill), options)
