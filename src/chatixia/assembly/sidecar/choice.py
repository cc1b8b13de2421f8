"""The choice by skill of a sidecar: the client's own, with the cause of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from chatixia.client.anyone import AnyHandle
from chatixia.client.call_context import CallContext
from chatixia.client.directory import AgentDirectory
from chatixia.client.handle import checked
from chatixia.client.value import encode
from chatixia.core import names
from chatixia.core.ports import CallAnswer, MeshPort
from chatixia.errors import BadArguments
from chatixia.ids import AgentId
from chatixia.wire.ipc import AnyPayload
from chatixia.world import REAL, World

if TYPE_CHECKING:
    from chatixia.sidecar.ports import Cause


class SkillChoice:
    """Calls a skill of whoever has it (``sidecar.ports.AnySkillCaller``)."""

    def __init__(self, port: MeshPort, world: World = REAL) -> None:
        self._context = CallContext(port, world)
        self._directory = AgentDirectory(self._context)

    async def __call__(self, payload: AnyPayload, cause: Cause) -> CallAnswer:
        """One answer. Raises what ``mesh.any(skill)`` raises, BadArguments."""
        if payload.artifacts:
            raise BadArguments("Artifacts are sent to one agent: call it by its name.")
        args = msgspec.json.decode(payload.args)
        if not isinstance(args, dict):
            raise BadArguments("The arguments of a skill are an object.")
        until = None
        if cause.left is not None:
            until = self._context.world.monotonic() + cause.left
        context = self._context.derive(
            path=cause.path, deadline=until, traceparent=cause.traceparent
        )
        options = checked(payload.timeout, payload.idempotent, payload.queue)
        handle = AnyHandle(context, self._directory, names.skill(payload.skill), options)
        reply = await handle.call(payload.skill, args)
        return CallAnswer(
            encode(reply.value),
            reply.via,
            reply.ms,
            AgentId(reply.agent),
            reply.link_ms,
            reply.where,
            reply.why,
            reply.tried_ms,
        )
