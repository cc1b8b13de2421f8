"""The mesh port of a program behind a sidecar: every call is a command on its socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from chatixia.core.ports import CallAnswer, Handler, Incoming, Outgoing, Pong, Stream
from chatixia.errors import Cancelled, MeshError, SkillFailed, Unavailable
from chatixia.ids import AgentId
from chatixia.wire import ipc
from chatixia.wire.base import encode
from chatixia.wire.ipc_events import (
    CancelEvent,
    CreditEvent,
    IpcStatus,
    ItemEvent,
    PromptEvent,
    RequestEvent,
    RequestPayload,
    ResultPayload,
)
from chatixia.wire.peer import Prompt, SkillInfo, SkillQuery
from chatixia.wire.signaling import LinkReport, TaskDone, TaskHint, TaskProgress
from chatixia.wire.verbs import BY_NAME
from chatixia.world import REAL, World

from .sidecar_files import LENT_S, SidecarFeed, brought_in, remove
from .sidecar_requests import SidecarResponder, interrupted
from .sidecar_stream import SidecarStream, advance

if TYPE_CHECKING:
    from chatixia.sidecar.client import SidecarClient

log = logging.getLogger("chatixia")

START_S: Final = 10.0
LINKS_S: Final = 1.0
"""How old a list of links may be before it is asked for anew."""
STATUS_S: Final = 2.0
_serving: ContextVar[int] = ContextVar("serving", default=0)
"""The request that this task serves."""

_prompt: Final = msgspec.json.Decoder(Prompt)
_query: Final = msgspec.json.Decoder(SkillQuery)
_status: Final = msgspec.json.Decoder(IpcStatus)
_pong: Final = msgspec.json.Decoder(Pong)
_push: Final = msgspec.json.Decoder(TaskDone | TaskHint | TaskProgress)


class SidecarPort:
    """``core.ports.MeshPort`` of the agent ``name``, through the sidecar at ``path``.

    ``on_fault``: the sidecar will not have this program any more.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        world: World = REAL,
        on_fault: Callable[[MeshError], None] = lambda error: None,
    ) -> None:
        from chatixia.sidecar.client import SidecarClient

        self._name, self._world = AgentId(name), world
        self._client: SidecarClient = SidecarClient(
            path, world, self._hello, self._event, self._lost, on_fault
        )
        self._context = copy_context()
        self._handler: Handler = _unserved
        self._served = ipc.ServePayload()
        self._requests: dict[int, tuple[asyncio.Task[None], SidecarResponder, Incoming]] = {}
        self._causes: dict[tuple[str, ...], int] = {}
        self._links: Sequence[LinkReport] = ()
        self._links_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    # -- life

    @property
    def id(self) -> AgentId:
        """The agent's id."""
        return self._name

    @property
    def client(self) -> SidecarClient:
        """The socket's end."""
        return self._client

    async def start(self) -> None:
        """Connect and say who this is. Raises the sidecar's refusal, Unavailable."""
        self._context = copy_context()
        await self._client.start(START_S)

    async def drain(self, seconds: float) -> None:
        """Serve nothing new, and let what runs end, for at most ``seconds``."""
        self._served = ipc.ServePayload(leaving=True)
        self._client.tell(ipc.ServeCommand(self._served))
        running = [task for task, *_ in self._requests.values()]
        if running and seconds > 0:
            await asyncio.wait(running, timeout=seconds)

    async def stop(self) -> None:
        """End what runs, and hang up."""
        stopping = Unavailable(f"{self._name} is stopping.", agent=self._name, outcome="unknown")
        tasks = []
        for task, responder, _ in list(self._requests.values()):
            responder.fail(stopping)
            task.cancel()
            tasks.append(task)
        if self._looking is not None:
            self._looking.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.stop()

    def _hello(self) -> ipc.IpcHelloPayload:
        served = self._served
        return ipc.IpcHelloPayload(
            self._name,
            program="python",
            skills=None if served.leaving else served.skills,
            slots=served.slots,
            prompt=served.prompt,
        )

    def _lost(self) -> None:
        """The sidecar is gone, and with it whoever waited for an answer."""
        for task, responder, _ in list(self._requests.values()):
            responder.over = True
            task.cancel()

    # -- core.ports.MeshPort

    async def call(self, outgoing: Outgoing) -> CallAnswer:
        """One answer, or one MeshError before the deadline."""
        client = self._client
        line = client.line
        if line is None or outgoing.kind != "task" or outgoing.artifacts or outgoing.on_progress:
            return await self._call_slowly(outgoing)
        cause = self.cause(outgoing.path) if outgoing.path else 0
        command = ipc.CallCommand(_payload(outgoing), cause=cause)
        number, waiter = client.begin(line, command, outgoing.timeout)
        try:
            return self._answer(await waiter)
        except asyncio.CancelledError:
            client.leave(number)
            raise

    async def _call_slowly(self, outgoing: Outgoing) -> CallAnswer:
        """The same for what is no plain call, or waits for a connection."""
        began = self._world.monotonic()
        line = await self._client.ready(outgoing.timeout)
        outgoing.timeout = max(0.001, outgoing.timeout - (self._world.monotonic() - began))
        command = await self.command(outgoing)
        number, waiter = self._client.begin(
            line, command, outgoing.timeout, lambda event: advance(outgoing, event)
        )
        try:
            return self._answer(await waiter)
        except asyncio.CancelledError:
            self._client.leave(number)
            raise
        finally:
            remove(getattr(command.payload, "artifacts", ()))

    async def command(self, outgoing: Outgoing) -> Any:
        """The command for ``outgoing``, its artifacts in the folder. Raises Cancelled."""
        cause = self.cause(outgoing.path)
        if outgoing.kind == "skills":
            query = _query.decode(outgoing.body)
            skills = ipc.SkillsPayload(outgoing.target, query.skill, outgoing.timeout)
            return ipc.SkillsCommand(skills, cause=cause)
        payload: Any = _payload(outgoing)
        if outgoing.kind == "prompt":
            options = {
                name: getattr(payload, name) for name in ipc.OptionsPayload.__struct_fields__
            }
            prompt = _prompt.decode(outgoing.body)
            prompt.stream = outgoing.stream
            payload = ipc.AskPayload(target=outgoing.target, prompt=prompt, **options)
        if outgoing.artifacts:
            payload.artifacts = await brought_in(self.folder, outgoing.artifacts)
        payload.progress = outgoing.stream or outgoing.on_progress is not None
        if outgoing.kind == "prompt":
            return ipc.AskCommand(payload, cause=cause)
        kind = ipc.StreamCommand if outgoing.stream else ipc.CallCommand
        return kind(payload, cause=cause)

    @property
    def folder(self) -> str:
        """Where artifacts lie."""
        return self._client.welcome.folder

    def _answer(self, result: ResultPayload) -> CallAnswer:
        answer = CallAnswer(
            bytes(result.value),
            result.via,
            result.ms,
            AgentId(result.agent),
            result.link_ms,
            result.where,
            result.reason,
            result.tried_ms,
        )
        if result.artifacts:
            answer.artifacts = self.feeds(result.artifacts)
        return answer

    def feeds(self, files: Sequence[ipc.IpcFile]) -> tuple[SidecarFeed, ...]:
        """What the artifacts of a line stand for."""
        return tuple(SidecarFeed(file, self._client) for file in files)

    def cause(self, path: tuple[str, ...] | list[str]) -> int:
        """The request whose path that is; 0 for none. Raises Cancelled where it is over."""
        if not path:
            return 0
        number, path = _serving.get(), tuple(path)
        entry = self._requests.get(number)
        if entry is None or entry[2].path != path:
            number = self._causes.get(path, 0)
        if number not in self._requests:
            raise Cancelled("The request that made this call has ended.", outcome="definite")
        return number

    def stream(self, outgoing: Outgoing) -> Stream:
        """Many items, or one MeshError."""
        outgoing.stream = True
        return SidecarStream(self._client, outgoing, self.command, self.feeds)

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb of ``wire.verbs`` at the registry."""
        cause = self.cause(getattr(request, "path", ()))
        payload = ipc.VerbPayload(name, msgspec.Raw(encode(request)), timeout)
        result = await self._client.ask(ipc.VerbCommand(payload, cause=cause), timeout)
        return msgspec.json.decode(result.value, type=BY_NAME[name].reply)

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        """A round trip over the sidecar's present path."""
        command = ipc.PingCommand(ipc.PingPayload(target, timeout))
        return _pong.decode((await self._client.ask(command, timeout)).value)

    def links(self) -> Sequence[LinkReport]:
        """The sidecar's links, as it told of them last; an old list is asked for anew."""
        now = self._world.monotonic()
        if now - self._links_at > LINKS_S and self._looking is None:
            self._links_at = now
            self._looking = asyncio.ensure_future(self._look())
        return self._links

    async def _look(self) -> None:
        try:
            self._links = (await self.status()).links
        except MeshError as error:
            log.debug("the sidecar tells no links: %s", error)
        finally:
            self._looking = None

    async def status(self, timeout: float = STATUS_S) -> IpcStatus:
        """How the sidecar is."""
        result = await self._client.ask(ipc.StatusCommand(), timeout)
        return _status.decode(result.value)

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        """Answer requests."""
        self._handler = handler
        self._served = ipc.ServePayload(list(skills), slots, True)
        self._client.tell(ipc.ServeCommand(self._served))

    async def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """Pushes about one task until it is terminal."""
        pushes: asyncio.Queue[Any] = asyncio.Queue()
        line = await self._client.ready(timeout)
        command = ipc.WatchCommand(ipc.WatchPayload(task_id, timeout, 64 * 1024 * 1024))
        number, waiter = self._client.begin(line, command, timeout, pushes.put_nowait)
        waiter.add_done_callback(lambda done: pushes.put_nowait(None))
        try:
            while (event := await pushes.get()) is not None:
                if isinstance(event, ItemEvent):
                    yield _push.decode(event.payload.item)
            yield _push.decode(waiter.result().value)
        finally:
            self._client.leave(number)

    # -- requests

    def _event(self, event: Any) -> None:
        kind = event.__class__
        if kind is RequestEvent or kind is PromptEvent:
            self._begin(event)
        elif isinstance(event, CancelEvent):
            self._cancel(event.id)
        elif isinstance(event, CreditEvent) and event.id in self._requests:
            self._requests[event.id][1].grant(event.payload.bytes)

    def _begin(self, event: RequestEvent | PromptEvent) -> None:
        payload = event.payload
        incoming = self._incoming(payload, event.__class__ is PromptEvent)
        responder = SidecarResponder(event.id, self._client, payload.credit, self._name)
        context = self._context.copy()
        context.run(_serving.set, event.id)
        work = self._serve(event.id, incoming, responder)
        task: asyncio.Task[None] = asyncio.Task(
            work, loop=asyncio.get_running_loop(), context=context
        )
        self._requests[event.id] = task, responder, incoming
        self._causes[incoming.path] = event.id

    def _incoming(self, payload: RequestPayload, prompt: bool) -> Incoming:
        deadline = None
        if payload.deadline_ms:
            deadline = self._world.monotonic() + payload.deadline_ms / 1000
        return Incoming(
            AgentId(payload.caller),
            payload.request_id,
            "prompt" if prompt else "task",
            payload.skill,
            payload.args,
            payload.stream,
            tuple(payload.path),
            deadline,
            payload.traceparent,
            payload.via,
            payload.key,
            payload.holder,
            payload.trust,
            payload.fence,
            payload.attempt,
            payload.task_id,
            self.feeds(payload.artifacts),
        )

    async def _serve(self, number: int, incoming: Incoming, responder: SidecarResponder) -> None:
        try:
            await self._handler(incoming, responder)
            if not responder.over:
                responder.fail(SkillFailed(agent=self._name))
        except MeshError as error:
            responder.fail(error)
        except asyncio.CancelledError:
            responder.fail(interrupted(self._name))  # unless its answer is not wanted any more
            raise
        except Exception as error:
            log.error("a handler failed with %s", type(error).__name__)
            log.debug("a handler failed", exc_info=error)
            responder.fail(SkillFailed(agent=self._name))
        finally:
            self._requests.pop(number, None)
            if responder.files:
                asyncio.get_running_loop().call_later(LENT_S, remove, responder.files)
            if self._causes.get(incoming.path) == number:
                del self._causes[incoming.path]

    def _cancel(self, number: int) -> None:
        entry = self._requests.get(number)
        if entry is not None:
            entry[1].over = True
            entry[1].stop()
            entry[0].cancel()


def _payload(outgoing: Outgoing) -> ipc.CallPayload:
    return ipc.CallPayload(
        target=outgoing.target,
        skill=outgoing.skill,
        args=msgspec.Raw(outgoing.body),
        timeout=outgoing.timeout,
        idempotent=outgoing.idempotent,
        key=outgoing.key,
        queue=outgoing.queue,
        reach=outgoing.reach,
        elsewhere=outgoing.elsewhere,
    )


async def _unserved(incoming: Any, responder: Any) -> None:
    """The handler of who serves nothing."""
    raise SkillFailed("This program serves nothing.")
