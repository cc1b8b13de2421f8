"""An agent without a key of its own: an API key, the registry's queue, and the described polling.

It has no link, its work is `plain`, and it is shown `unverified` (trust.md section 1). For machines
that cannot join; one that has a profile never takes this way.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from chatixia.agent.threads import Threads
from chatixia.core.join import is_loopback
from chatixia.core.ports import Answer, Handler, Incoming, Outgoing, Pong, Stream
from chatixia.errors import (
    ConfigError,
    DeadlineExceeded,
    MeshError,
    RegistryUnreachable,
    SkillFailed,
    Unreachable,
    from_wire,
)
from chatixia.ids import AgentId
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentRef, Beat, Capabilities, RegisterAgent
from chatixia.wire.signaling import LinkReport, TaskDone
from chatixia.wire.tasks import TERMINAL, Body, Complete, Fail, Ref, Submit, Task
from chatixia.world import REAL, World, task_id

from .rest import Line

log = logging.getLogger("chatixia")

BEAT_S: Final = 5.0
TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.5
MODE: Final = "keyless"


class KeylessPort:
    """``core.ports.Mesh`` over the registry's REST routes, for the holder of an API key."""

    def __init__(self, url: str, key: str, name: str, *, world: World = REAL) -> None:
        if not url:
            raise ConfigError("sidecar.api_key needs `registry`: the address to log in at.")
        self._url, self._key, self._name, self._world = url, key, AgentId(name), world
        self._line: Line | None = None
        # One thread: a cancelled verb still ends before the next one uses the connection.
        self._thread = Threads(1)
        self._handler: Handler | None = None
        self._skills: Sequence[SkillInfo] = ()
        self._slots = 1
        self._up = asyncio.Event()
        self._refused: MeshError | None = None
        self._beats: asyncio.Task[None] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def id(self) -> AgentId:
        """My name, which is the API key's."""
        return self._name

    @property
    def registry_up(self) -> bool:
        """Whether the last word with the registry went well."""
        return self._up.is_set()

    @property
    def registry_url(self) -> str:
        """Its address."""
        return self._url

    # -- life

    async def start(self) -> None:
        """Begin to register and to poll."""
        self._beats = asyncio.ensure_future(self._beat_for_ever())

    async def online(self, timeout: float) -> None:
        """Until the registry knows me. Raises its refusal, or RegistryUnreachable."""
        try:
            async with asyncio.timeout(timeout):
                await self._up.wait()
        except TimeoutError:
            raise RegistryUnreachable(f"{self._url} does not answer.") from None
        if self._refused is not None:
            raise self._refused

    async def stop(self) -> None:
        """Leave the list, end what runs."""
        tasks = [task for task in (self._beats, *self._running.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            if self._up.is_set() and self._handler is not None:
                await self.verb("agents.remove", AgentRef(self._name), 2.0)
        except MeshError as error:
            log.debug("the registry did not hear the goodbye: %s", error.code)
        if self._line is not None:
            self._line.close()
        self._thread.close()

    # -- core.ports.Mesh

    async def call(self, out: Outgoing) -> Answer:
        """Through the queue: submit, then look until it has ended."""
        started = self._world.monotonic()
        until = started + out.timeout
        row = await self._queued(out, until)
        while row.state not in TERMINAL:
            left = until - self._world.monotonic()
            if left <= 0:
                raise DeadlineExceeded(agent=out.target, via="queue, plain")
            await asyncio.sleep(min(POLL_S, left))
            row = await self.verb("tasks.get", Ref(row.id))
        if row.state != "completed":
            raise from_wire(row.error) if row.error else SkillFailed(agent=out.target)
        value = row.result.plain if row.result is not None else None
        ms = (self._world.monotonic() - started) * 1000
        data = bytes(value) if isinstance(value, msgspec.Raw) else b"null"
        return Answer(data, "queue, plain", ms, AgentId(row.assigned_agent_id or out.target))

    async def _queued(self, out: Outgoing, until: float) -> Task:
        if out.kind not in ("task", "prompt") or out.stream or out.queue == "never":
            raise Unreachable("Without a key of its own an agent has no link; join the mesh.")
        request = Submit(
            id=task_id(self._world), skill=out.skill, target_agent_id=out.target, key=out.key,
            payload=msgspec.Raw(msgspec.json.encode(Body(plain=msgspec.Raw(out.body)))),
            deadline_ms=max(1, int((until - self._world.monotonic()) * 1000)),
            path=list(out.path), traceparent=out.traceparent, idempotent=out.idempotent,
        )  # fmt: skip
        done = await self.verb("tasks.submit", request)
        row: Task = await self.verb("tasks.get", Ref(done.task_id))
        return row

    def stream(self, out: Outgoing) -> Stream:
        """Not without a link. Raises Unreachable."""
        raise Unreachable("A stream needs a link, and a link needs a key; join the mesh.")

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = TIMEOUT_S) -> Any:
        """A verb at the registry, one at a time."""
        return await self._thread.run(self._call, name, request, timeout)

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        """Not without a link. Raises Unreachable."""
        raise Unreachable("A ping needs a link, and a link needs a key; join the mesh.")

    def links(self) -> Sequence[LinkReport]:
        """None."""
        return ()

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        """Answer tasks from the queue."""
        self._handler, self._skills, self._slots = handler, skills, slots

    async def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """The end of a task, by looking."""
        until = self._world.monotonic() + timeout
        while self._world.monotonic() < until:
            row = await self.verb("tasks.get", Ref(task_id))
            if row.state in TERMINAL:
                yield TaskDone(row)
                return
            await asyncio.sleep(POLL_S)

    # -- polling

    async def _beat_for_ever(self) -> None:
        registered = False
        while True:
            again = False
            try:
                if not registered:
                    await self._register()
                    registered = True
                again = await self._beat()
                self._up.set()
            except (RegistryUnreachable, DeadlineExceeded) as error:
                registered = False
                log.debug("the registry was not reached: %s", error.code)
            except MeshError as error:
                if not self._up.is_set():
                    self._refused = error
                    self._up.set()
                    return
                log.warning("the registry refused a heartbeat: %s", error.code)
            await asyncio.sleep(0 if again else BEAT_S * (0.8 + 0.4 * self._world.jitter()))

    async def _register(self) -> None:
        names = [skill.name for skill in self._skills]
        await self.verb("agents.register", RegisterAgent(
            self._name, socket.gethostname()[:128], capabilities=Capabilities(names, mode=MODE),
            mode=MODE,
        ))  # fmt: skip

    async def _beat(self) -> bool:
        """Show a sign of life, take what work there is; whether there may be more."""
        free = self._slots - len(self._running)
        names = [skill.name for skill in self._skills] if free > 0 else []
        if not names and not self._running:
            return False
        said = await self.verb("heartbeat", Beat(
            self._name, socket.gethostname()[:128], mode=MODE, skills_count=len(self._skills),
            skill_names=names,
        ))  # fmt: skip
        for task in said.pending_tasks:
            if task.id not in self._running:
                self._running[task.id] = asyncio.ensure_future(self._work(task))
        return bool(said.pending_tasks)

    async def _work(self, task: Task) -> None:
        assert self._handler is not None
        body = task.payload.plain
        deadline = self._world.monotonic() + task.deadline_ms / 1000
        inc = Incoming(
            AgentId(task.source_agent_id), task.id, "task", task.skill,
            body if isinstance(body, msgspec.Raw) else msgspec.Raw(b"{}"), False,
            (*task.path, task.source_agent_id), deadline, task.traceparent, "queue, plain",
            task.id, task.fence, task.attempt, task.id,
        )  # fmt: skip
        told = _Told()
        try:
            async with asyncio.timeout(max(0.0, task.deadline_ms / 1000)):
                await self._handler(inc, told)
        except TimeoutError:
            told.error = DeadlineExceeded(agent=self._name)
        finally:
            self._running.pop(task.id, None)
        await self._report(task, told)

    async def _report(self, task: Task, told: _Told) -> None:
        try:
            if told.error is None and told.value is not None:
                body = Body(plain=msgspec.Raw(told.value))
                await self.verb("tasks.complete", Complete(task.id, task.fence, body))
            else:
                error = (told.error or SkillFailed(agent=self._name)).to_wire()
                await self.verb("tasks.fail", Fail(task.id, task.fence, error))
        except MeshError as error:
            log.warning("a result was not taken: %s", error.code)

    # -- the line

    def _call(self, name: str, request: msgspec.Struct, timeout: float) -> Any:
        if self._line is None:
            # No key of the registry is pinned here: the system's roots must vouch for it.
            self._line = Line(self._url, timeout, vouched=not is_loopback(self._url))
        try:
            return self._line.call(name, request, key=self._key)
        except RegistryUnreachable:
            self._line.close()
            self._line = None
            raise


class _Told:
    """``core.ports.Responder`` for one task of the queue."""

    value: bytes | None = None
    error: MeshError | None = None

    def reply(self, result: bytes) -> None:
        """Keep the result."""
        self.value = result

    def fail(self, error: MeshError) -> None:
        """Keep the error."""
        self.error = error

    async def item(self, chunk: bytes) -> None:
        """Never asked for: queued tasks do not stream."""

    def progress(self, fraction: float, note: str) -> None:
        """Not told over REST."""


class KeylessWire:
    """What :class:`~chatixia.assembly.wiring.Wire` is for a member."""

    folder = None
    key = "none, unverified"

    def __init__(self, port: KeylessPort) -> None:
        self.port = port
        self.label = urlsplit(port.registry_url).hostname or "registry"

    async def start(self) -> None:
        """Begin to poll."""
        await self.port.start()

    async def stop(self) -> None:
        """Leave."""
        await self.port.stop()
