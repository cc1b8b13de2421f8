"""A program's view of a mesh: its agents, calls, tasks, broadcasts (api.md section 3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

import msgspec

from chatixia.core import names
from chatixia.core.ports import Outgoing, Pong, Queue
from chatixia.core.tries import RetryHistory, may_repeat
from chatixia.errors import (
    BadArguments,
    BadRequest,
    MeshError,
    RegistryUnreachable,
    TooLarge,
    UnknownAgent,
    Unreachable,
)
from chatixia.ids import MAX_SKILL, AgentId, TaskId, is_task_id
from chatixia.wire.peer import SkillInfo, SkillQuery, SkillReply
from chatixia.wire.registry import AgentRecord, AgentRef
from chatixia.wire.signaling import LinkReport
from chatixia.wire.tasks import (
    MAX_ATTEMPTS,
    MAX_KEY,
    MAX_PAYLOAD,
    MAX_PRIORITY,
    MAX_TTL_MS,
    Body,
    Submit,
    Submitted,
)
from chatixia.world import task_id

from .anyone import AnyHandle
from .broadcast import broadcast
from .call_context import CallContext
from .directory import AgentDirectory
from .handle import CALL_S, AgentHandle, checked
from .queued_values import packed
from .reply import Receipt
from .task import Task
from .value import encode, encode_sorted, pack_args

if TYPE_CHECKING:
    from .stub import AgentStub

L = TypeVar("L", bound="AgentStub")

TASK_S: Final = 86_400.0
"""A submitted task's default deadline in seconds: an absent agent may be back within a day."""
ACK_S: Final = 10.0
"""How long one try of a submit waits for its acknowledgement."""
DOUBT_S: Final = 30.0
"""For how long after its beginning a submit that may have been done is asked about again."""
DOUBT_PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)

_replied = msgspec.json.Decoder(SkillReply).decode
_queried = msgspec.json.Encoder().encode


class Mesh:
    """An open connection to a mesh. ``async with connect() as mesh``; an agent's own is
    ``agent.mesh``.

    ``close`` is awaited once, when the mesh is closed.
    """

    def __init__(
        self, context: CallContext, close: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._context = context
        self._close = close
        self._directory = AgentDirectory(context)

    @property
    def id(self) -> str:
        """My own id: an agent's, or ``machine~xxxxxx`` of a client."""
        return self._context.id

    @overload
    def agent(
        self,
        name: str,
        *,
        like: None = None,
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> AgentHandle: ...

    @overload
    def agent(
        self,
        name: str,
        *,
        like: type[L],
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> L: ...

    def agent(
        self,
        name: str,
        *,
        like: type[L] | None = None,
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> AgentHandle | L:
        """A handle on one agent. ``timeout`` in seconds for each call.

        ``idempotent``: its calls may run twice, so they are tried again. ``queue``: ``auto``,
        ``never`` or ``only``. ``like``: a class that `chatixia stubs` made; the agent as one of
        those. Raises UnknownAgent if ``name`` can be no agent's, ConfigError for another class.
        """
        options = checked(timeout, idempotent, queue)
        handle = AgentHandle(self._context, names.agent(name), options)
        if like is None:
            return handle
        from .stub import AgentStub, check_stub

        check_stub(like, AgentStub)
        return like(handle)

    def any(
        self,
        skill: str,
        *,
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> AnyHandle:
        """A handle on the agents with ``skill``; options as for :meth:`agent`.

        Raises UnknownSkill if ``skill`` can be no skill's name.
        """
        options = checked(timeout, idempotent, queue)
        return AnyHandle(self._context, self._directory, names.skill(skill), options)

    async def agents(self, skill: str = "") -> list[AgentRecord]:
        """The listed agents, those with ``skill`` if one is named, by id."""
        if len(skill) > MAX_SKILL:
            return []  # the registry takes no such name
        return await self._directory.agents(skill)

    async def skills(self, name: str, timeout: float = 10.0) -> list[SkillInfo]:
        """The skills of one agent with their schemas: from the directory, else asked of it."""
        try:
            record: AgentRecord = await self.verb(
                "agents.get", AgentRef(names.agent(name)), timeout
            )
            return record.skills
        except MeshError as error:
            if error.code == "not_found":
                unknown = UnknownAgent(f"No agent named {name} is in the mesh.", agent=name)
                unknown.by_call = True
                raise unknown from None
            if not isinstance(error, Unreachable):
                raise
        outgoing = Outgoing(names.agent(name), "", _queried(SkillQuery()), "skills", timeout)
        try:
            return _replied((await self._context.call(outgoing)).value).skills
        except MeshError as error:
            error.by_call = True
            raise

    async def ping(self, name: str, timeout: float = 5.0) -> Pong:
        """A round trip over the present path; opens a link if there is none."""
        return await self._context.ping(names.agent(name), timeout)

    def links(self) -> Sequence[LinkReport]:
        """The open links as the engine sees them."""
        return self._context.port.links()

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb of ``wire.verbs`` at the registry: its reply struct, or its MeshError."""
        return await self._context.verb(name, request, timeout)

    async def broadcast(
        self, text: str, *, wait: bool = True, timeout: float = CALL_S
    ) -> list[Receipt]:
        """Tell ``text`` to every active agent but me; one receipt each.

        ``wait`` for their answers, else only until each has it; ``timeout`` in seconds for each,
        5 of them for a link. To more than 32 agents it goes over the links that are open, and to
        the rest by one message that the registry fans out: in clear (``via`` is ``registry,
        plain``), received and not answered. Without the registry it goes to those that are linked.
        """
        checked(timeout, False, "never")
        names = [AgentId(name) for name in await self._present() if name != self.id]
        return await broadcast(self._context, names, text, wait, timeout)

    async def _present(self) -> list[str]:
        """Who is there; without a registry, who is linked."""
        try:
            return [one.agent_id for one in await self.agents() if one.health == "active"]
        except RegistryUnreachable:
            return sorted(link.peer for link in self.links() if "~" not in link.peer)

    async def submit(
        self,
        agent: str,
        skill: str,
        args: Mapping[str, Any] | None = None,
        *,
        key: str = "",
        deadline: float = TASK_S,
        priority: int = 0,
        max_attempts: int = 3,
        retry_of: str = "",
    ) -> Task:
        """Put a task in the registry's queue; it survives this process, the worker and restarts.

        ``agent`` may be empty: any with ``skill``. ``key``: an idempotency key; the same key
        with the same content, in any order, is the same task. ``deadline`` in seconds from now; a
        day by default. ``retry_of``: the id of an ended task that this one does again.
        Raises Conflict, TooLarge, Overloaded, RegistryUnreachable. An error whose outcome is
        unknown comes only after 30 s of asking under the same key: the task may be there then.
        """
        context = self._context
        _refuse_odd(key, priority, max_attempts)
        body, artifacts = pack_args(args or {}, encode_sorted if key else encode)
        if not body.startswith(b"{"):
            raise BadArguments("The arguments of a task are an object: names and values.")
        body = await packed(body, artifacts)
        if len(body) > MAX_PAYLOAD:
            raise _too_large(len(body))
        request = Submit(
            id=task_id(context.world),
            skill=names.skill(skill) if skill else "",
            target_agent_id=names.agent(agent) if agent else "",
            payload=msgspec.Raw(encode(Body(plain=msgspec.Raw(body)))),
            key=key,
            deadline_ms=_millis(deadline),
            priority=priority,
            max_attempts=max_attempts,
            path=list(context.path),
            traceparent=context.traceparent,
            retry_of=self.task(retry_of).id if retry_of else "",
        )
        request.key = key or request.id  # so that a lost answer can be asked for again
        done = await self._submitted(request)
        return Task(context, TaskId(done.task_id))

    async def _submitted(self, request: Submit) -> Submitted:
        """Until it is acknowledged, or surely was not taken; under one key nothing doubles."""
        world, tries, pauses = self._context.world, RetryHistory(), iter(DOUBT_PAUSES_S)
        until = world.monotonic() + DOUBT_S
        while True:
            try:
                done: Submitted = await self.verb("tasks.submit", request, ACK_S)
                return done
            except MeshError as error:
                last, pause = tries.failed(error), next(pauses, DOUBT_PAUSES_S[-1])
                lasting = not may_repeat(error) or world.monotonic() + pause > until
                if lasting or not tries.in_doubt:
                    raise last from last.__cause__
            await self._context.pause(pause)

    def task(self, task_id: str) -> Task:
        """A task by its id, also one of another process. Raises BadRequest for no task id."""
        if not is_task_id(task_id):
            raise BadRequest(
                f"{task_id[:80]!r} is not a task id (t_ and 26 characters); see `chatixia tasks`."
            )
        return Task(self._context, TaskId(task_id))

    def within(self, seconds: float) -> Mesh:
        """The same mesh with a deadline: nothing asked through it waits longer than that."""
        return Mesh(self._context.derive(deadline=self._context.world.monotonic() + seconds))

    async def close(self) -> None:
        """Leave the mesh: links are closed, and the directory is notified.

        Calls under way end with Unavailable; handles of this mesh raise ConfigError from now on.
        Raises ConfigError in another loop than its own.
        """
        self._context.affinity.check()
        close, self._close = self._close, None
        if close is not None:
            self._context.lock()
            await self._context.warmer.stop()
            await close()

    async def __aenter__(self) -> Mesh:
        """The mesh itself."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close it."""
        await self.close()


def _too_large(size: int) -> MeshError:
    return TooLarge(
        f"The arguments have {size} bytes; the registry's queue takes {MAX_PAYLOAD} at most."
    )


def _refuse_odd(key: Any, priority: Any, max_attempts: Any) -> None:
    """Raise BadArguments for what no task can have, before anything is sent."""
    if not isinstance(key, str) or len(key) > MAX_KEY:
        raise BadArguments(f"A key is a text of at most {MAX_KEY} characters.")
    for name, value, least, most in (
        ("priority", priority, -MAX_PRIORITY, MAX_PRIORITY),
        ("max_attempts", max_attempts, 1, MAX_ATTEMPTS),
    ):
        if not isinstance(value, int) or not least <= value <= most:
            raise BadArguments(f"{name} must be a whole number from {least} to {most}.")


def _millis(deadline: float) -> int:
    if not 0 < deadline <= MAX_TTL_MS / 1000:
        raise BadArguments(f"A deadline must be above 0 and at most {MAX_TTL_MS // 1000} s.")
    return max(1, round(deadline * 1000))
