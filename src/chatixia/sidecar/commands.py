"""What a program's commands do on the mesh: each is one call of the port, with its cause added."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from chatixia.core.ports import CallAnswer, Kind, Outgoing
from chatixia.core.queued_artifacts import pack
from chatixia.core.tries import RetryHistory, may_repeat
from chatixia.errors import (
    BadArguments,
    BadRequest,
    Cancelled,
    DeadlineExceeded,
    Denied,
    MeshError,
)
from chatixia.ids import AgentId, is_task_id
from chatixia.peer.artifacts.queued import inline
from chatixia.wire import ipc
from chatixia.wire.base import MIB, decode, decoder, encode
from chatixia.wire.ipc_events import IpcStatus, ResultPayload
from chatixia.wire.peer import SkillQuery
from chatixia.wire.registry import AgentQuery
from chatixia.wire.signaling import TaskDone
from chatixia.wire.tasks import Body, Ref, Submit, Submitted
from chatixia.wire.verbs import BY_NAME
from chatixia.world import World, task_id

from .ports import AnySkillCaller, Cause, FileFolder, OnProgress, SidecarMesh
from .requests import OpenRequest, RequestTable

ACK_S: Final = 5.0
DOUBT_S: Final = 30.0
PAUSES: Final = (0.1, 0.5, 1.0, 2.0)
CONNECT_S: Final = 10.0
WORKING: Final = frozenset(
    f"tasks.{name}"
    for name in ("claim", "started", "renew", "progress", "complete", "fail", "release")
) | {"announce.received", "agents.register", "agents.remove"}
"""Verbs of the sidecar's own worker and login."""


class MeshCommands:
    """Carries out commands; each method gives the result or raises its MeshError."""

    def __init__(
        self,
        mesh: SidecarMesh,
        table: RequestTable,
        files: FileFolder,
        any_skill: AnySkillCaller,
        world: World,
    ) -> None:
        self._mesh, self._port, self._table = mesh, mesh.port, table
        self._files, self._any, self._world = files, any_skill, world

    # -- what a call inherits

    def cause(self, number: int, program: Any) -> OpenRequest | None:
        """The request that a line names as its cause. Raises Cancelled once that is over."""
        if not number:
            return None
        request = self._table.open.get(number)
        if request is None or request.program is not program:
            raise Cancelled("The request that made this call is over.", outcome="definite")
        return request

    def _inherited(self, request: OpenRequest | None) -> Cause:
        if request is None:
            return Cause()
        incoming, left = request.incoming, None
        if incoming.deadline is not None:
            left = incoming.deadline - self._world.monotonic()
            if left <= 0:
                text = "The deadline of the request that made this call has passed."
                raise DeadlineExceeded(text, outcome="definite")
        return Cause(incoming.path, left, incoming.traceparent)

    def _outgoing(
        self,
        payload: ipc.CallPayload | ipc.AskPayload,
        kind: Kind,
        skill: str,
        body: bytes,
        request: OpenRequest | None,
        on_progress: OnProgress | None,
    ) -> Outgoing:
        outgoing = Outgoing(  # by position: a third of the time that keywords take
            AgentId(payload.target),
            skill,
            body,
            kind,
            payload.timeout,
            payload.idempotent,
            False,
            payload.key,
            (),
            "",
            payload.queue,
            payload.reach,
            payload.elsewhere,
        )
        if request is not None:
            self._inherit(outgoing, request)
        if payload.artifacts:
            outgoing.artifacts = tuple(map(self._files.source, payload.artifacts))
        if payload.progress:
            outgoing.on_progress = on_progress
        return outgoing

    def _inherit(self, outgoing: Outgoing, request: OpenRequest) -> None:
        cause = self._inherited(request)
        outgoing.path, outgoing.traceparent = cause.path, cause.traceparent
        if cause.left is not None and cause.left < outgoing.timeout:
            outgoing.timeout = cause.left

    def call(
        self,
        payload: ipc.CallPayload,
        request: OpenRequest | None,
        on_progress: OnProgress | None = None,
    ) -> Outgoing:
        """A call of a skill."""
        body = bytes(payload.args)
        return self._outgoing(payload, "task", payload.skill, body, request, on_progress)

    def ask(
        self,
        payload: ipc.AskPayload,
        request: OpenRequest | None,
        on_progress: OnProgress | None = None,
    ) -> Outgoing:
        """Free text."""
        body = encode(payload.prompt)
        return self._outgoing(payload, "prompt", "", body, request, on_progress)

    def skills(self, payload: ipc.SkillsPayload, request: OpenRequest | None) -> Outgoing:
        """A question for skills."""
        body = encode(SkillQuery(payload.skill))
        outgoing = Outgoing(AgentId(payload.target), "", body, "skills", payload.timeout)
        if request is not None:
            self._inherit(outgoing, request)
        return outgoing

    async def any(
        self,
        payload: ipc.AnyPayload,
        request: OpenRequest | None,
        on_progress: OnProgress | None = None,
    ) -> CallAnswer:
        """A call of whoever has the skill."""
        sources = tuple(map(self._files.source, payload.artifacts))
        return await self._any(payload, self._inherited(request), sources, on_progress)

    # -- the registry's

    async def agents(self, payload: ipc.AgentsPayload) -> ResultPayload:
        """A page of agents."""
        query = AgentQuery(payload.skill, "", payload.cursor, payload.limit)
        return _result(await self._port.verb("agents.list", query))

    async def task(self, payload: ipc.TaskPayload) -> ResultPayload:
        """One task."""
        return _result(await self._port.verb("tasks.get", Ref(_task(payload.task_id))))

    async def submit(
        self, payload: ipc.SubmitPayload, request: OpenRequest | None
    ) -> ResultPayload:
        """A task for the queue, until that is acknowledged or surely was not taken."""
        cause = self._inherited(request)
        wanted = Submit(
            id=task_id(self._world),
            skill=payload.skill,
            target_agent_id=payload.target,
            payload=msgspec.Raw(encode(Body(plain=await self._packed(payload)))),
            key=payload.key,
            deadline_ms=max(1, round(1000 * payload.deadline)),
            priority=payload.priority,
            max_attempts=payload.max_attempts,
            path=list(cause.path),
            traceparent=cause.traceparent,
            retry_of=_task(payload.retry_of) if payload.retry_of else "",
        )
        wanted.key = wanted.key or wanted.id
        done: Submitted = await self._insist("tasks.submit", wanted)
        return ResultPayload(msgspec.Raw(encode({"task_id": done.task_id})))

    async def _packed(self, payload: ipc.SubmitPayload) -> msgspec.Raw:
        """The arguments with their artifacts. Raises TooLarge, BadArguments, NotFound."""
        sources = tuple(map(self._files.source, payload.artifacts))
        return msgspec.Raw(pack(bytes(payload.args), await inline(sources)))

    async def _insist(self, name: str, request: msgspec.Struct) -> Any:
        until, tries, pauses = self._world.monotonic() + DOUBT_S, RetryHistory(), iter(PAUSES)
        while True:
            try:
                return await self._port.verb(name, request, ACK_S)
            except MeshError as error:
                last, pause = tries.failed(error), next(pauses, PAUSES[-1])
                over = self._world.monotonic() + pause > until
                if over or not tries.in_doubt or not may_repeat(error):
                    raise last from last.__cause__
            await asyncio.sleep(pause)

    async def verb(self, payload: ipc.VerbPayload, request: OpenRequest | None) -> ResultPayload:
        """Any other verb, which acts for this agent and for nobody else."""
        verb = BY_NAME.get(payload.name)
        if verb is None:
            raise BadRequest(f"There is no verb {payload.name}.")
        if not verb.ws or payload.name in WORKING or "agent" not in verb.callers:
            raise Denied(f"The verb {payload.name} is not for a program behind a sidecar.")
        wanted = decode(decoder(verb.request), bytes(payload.request), 2 * MIB)
        cause = self._inherited(request)
        for field, value in (
            ("path", list(cause.path)),
            ("traceparent", cause.traceparent),
            ("source_agent_id", ""),
        ):
            if hasattr(wanted, field):
                setattr(wanted, field, value)
        timeout = payload.timeout if cause.left is None else min(payload.timeout, cause.left)
        return _result(await self._port.verb(payload.name, wanted, timeout))

    async def watch(self, payload: ipc.WatchPayload, item: Callable[[bytes], Any]) -> ResultPayload:
        """Each step of a task, then its end."""
        async for push in self._port.watch(_task(payload.task_id), payload.timeout):
            data = encode(push)
            if isinstance(push, TaskDone):
                return ResultPayload(msgspec.Raw(data))
            await item(data)
        raise DeadlineExceeded("The task has not ended by then.", outcome="definite")

    # -- links and this process

    async def ping(self, payload: ipc.PingPayload) -> ResultPayload:
        """A round trip."""
        return _result(await self._port.ping(AgentId(payload.target), payload.timeout))

    async def connect(self, payload: ipc.ConnectPayload) -> ResultPayload:
        """Open a link."""
        await self._port.ping(AgentId(payload.target_peer_id), CONNECT_S)
        return ResultPayload()

    def status(self, calls: int, unread: int) -> ResultPayload:
        """How this sidecar is."""
        table, mesh = self._table, self._mesh
        links = list(self._port.links())
        requests = len(table.open)
        unread_bytes = unread + table.waiting_bytes
        return _result(
            IpcStatus(
                self._port.id,
                mesh.is_online,
                mesh.url,
                links,
                calls,
                requests,
                table.waiting,
                unread_bytes,
            )
        )


def _result(reply: Any) -> ResultPayload:
    return ResultPayload(msgspec.Raw(encode(reply)))


def _task(name: str) -> str:
    if not is_task_id(name):
        raise BadArguments(f"{name[:80]!r} is not a task id.")
    return name
