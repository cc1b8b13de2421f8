"""A mesh of one process for tests: real ports, no wire. Bytes in, bytes out, a task per request."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import msgspec

from chatixia.core.ports import CallAnswer, Handler, Incoming, LinkReport, Outgoing, Pong
from chatixia.errors import (
    Cancelled,
    DeadlineExceeded,
    HopLimit,
    MeshError,
    NotFound,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.peer import MAX_HOPS, SkillInfo
from chatixia.wire.registry import AgentQuery, AgentRecord, AgentRef, Agents
from chatixia.world import REAL

EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class Responder:
    """Collects what a handler answers."""

    def __init__(self, out: Outgoing | None = None) -> None:
        self.out = out
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.items: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue(4)
        self.sent = 0
        self.steps: list[tuple[float, str]] = []
        self.answers = 0

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        assert not table, "nothing here lends artifacts"
        self._end(lambda: self.done.set_result(result))

    def fail(self, error: MeshError) -> None:
        self._end(lambda: self.done.set_exception(error))

    def _end(self, settle: Callable[[], None]) -> None:
        self.answers += 1
        assert self.answers == 1, "a request ends once"
        if not self.done.done():
            settle()

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        assert not table, "nothing here lends artifacts"
        assert not self.answers
        self.sent += 1
        await self.items.put((chunk, event))

    def progress(self, fraction: float, note: str) -> None:
        self.steps.append((fraction, note))
        if self.out is not None and self.out.on_progress is not None:
            self.out.on_progress(fraction, note)


class Net:
    """The agents that hear each other, and what the registry would say of them."""

    def __init__(self) -> None:
        self.ports: dict[str, Loopback] = {}
        self.verbs: dict[str, Callable[[msgspec.Struct], Any]] = {
            "agents.list": self._list,
            "agents.get": self._get,
        }
        self.log: list[tuple[str, Outgoing]] = []
        self.responders: list[Responder] = []
        self.down: set[str] = set()

    def port(self, name: str) -> Loopback:
        self.ports[name] = Loopback(self, AgentId(name))
        return self.ports[name]

    def record(self, port: Loopback) -> AgentRecord:
        return AgentRecord(port.id, skills=list(port.skills))

    def _list(self, query: msgspec.Struct) -> Agents:
        assert isinstance(query, AgentQuery)
        serving = (p for _, p in sorted(self.ports.items()) if p.handler is not None)
        found = [self.record(port) for port in serving]
        named = [r for r in found if not query.skill or query.skill in (s.name for s in r.skills)]
        return Agents(named)

    def _get(self, ref: msgspec.Struct) -> AgentRecord:
        assert isinstance(ref, AgentRef)
        if ref.agent_id not in self.ports:
            raise NotFound
        return self.record(self.ports[ref.agent_id])


class Loopback:
    """``core.ports.MeshPort`` of one agent on a :class:`Net`."""

    def __init__(self, net: Net, name: AgentId) -> None:
        self._net = net
        self._id = name
        self.handler: Handler | None = None
        self.linked: set[str] | None = None
        """With whom a link is open; None: with all."""
        self.skills: Sequence[SkillInfo] = ()
        self.slots = 0
        self.pushes: dict[str, list[Iterable[msgspec.Struct]]] = {}

    @property
    def id(self) -> AgentId:
        return self._id

    async def call(self, out: Outgoing) -> CallAnswer:
        self._net.log.append((self._id, msgspec.structs.replace(out)))
        responder, task = self._start(out)
        try:
            done, _ = await asyncio.wait([responder.done], timeout=out.timeout)
            if not done:
                raise DeadlineExceeded(agent=out.target)
            value = responder.done.result()
        finally:
            task.cancel()
        return CallAnswer(value, "direct", 0.1, out.target)

    def _start(self, out: Outgoing) -> tuple[Responder, asyncio.Task[None]]:
        there = self._net.ports.get(out.target)
        if there is None or there.handler is None or out.target in self._net.down:
            raise Unreachable(f"{out.target} is not here.", agent=out.target)
        path = (*out.path, self._id)
        if len(path) > MAX_HOPS:
            raise HopLimit
        deadline = REAL.monotonic() + out.timeout
        inc = Incoming(
            self._id,
            out.key or f"r{len(self._net.responders) + 1}",
            out.kind,
            out.skill,
            msgspec.Raw(out.body),
            out.stream,
            path,
            deadline,
            out.traceparent,
            "direct",
            out.key,
        )
        responder = Responder(out)
        self._net.responders.append(responder)
        work = there.handler(inc, responder)
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), **EAGER)

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                responder.fail(Cancelled(str(task.exception())))
            elif not responder.done.done():
                responder.done.set_exception(Cancelled("the handler ended without an answer"))
                responder.done.exception()

        task.add_done_callback(ended)
        return responder, task

    def stream(self, out: Outgoing) -> Stream:
        return Stream(self, out)

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        return self._net.verbs[name](request)

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        return Pong(target, "direct", 0.1)

    def links(self) -> Sequence[LinkReport]:
        linked = self._net.ports if self.linked is None else self.linked
        return [LinkReport(peer=name, tier="direct") for name in linked]

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        self.handler, self.skills, self.slots = handler, skills, slots

    async def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        waiting = self.pushes.get(task_id, [])
        for push in waiting.pop(0) if waiting else ():
            yield push


class Stream:
    """``core.ports.Stream`` over a :class:`Loopback`."""

    def __init__(self, port: Loopback, out: Outgoing) -> None:
        self._port, self._out = port, out
        self._task: asyncio.Task[None] | None = None
        self.via = "direct"
        self.artifacts: tuple[()] = ()
        self.event = b""

    @property
    def arrived(self) -> int:
        mine = (each for each in self._port._net.responders if each.out is self._out)
        return next((each.sent for each in mine), 0)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        responder, self._task = self._port._start(self._out)
        while not (responder.done.done() and responder.items.empty()):
            get = asyncio.ensure_future(responder.items.get())
            await asyncio.wait([get, responder.done], return_when=asyncio.FIRST_COMPLETED)
            if get.done():
                chunk, self.event = get.result()
                yield chunk
            else:
                get.cancel()
        responder.done.result()

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
