"""The mesh without async: each call goes through one anyio blocking portal to the real thing.

Not a second implementation: a loop runs in a thread of its own, with the engine on it, and every
method here hands its async twin over and waits.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, suppress
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import msgspec

from chatixia.core.ports import Pong, Queue
from chatixia.errors import ConfigError, MeshError
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentRecord
from chatixia.wire.signaling import LinkReport
from chatixia.wire.tasks import State
from chatixia.wire.tasks import Task as Row

from .affinity import refuse_blocking
from .bridge import NOT_OPEN, Bridge, trimmed
from .handle import CALL_S, AgentHandle
from .loop import LoopThread
from .mesh import TASK_S, Mesh
from .progress import OnProgress, Progress
from .prompt_files import FileSource
from .reply import Receipt, Reply
from .stream import Items
from .task import Task

if TYPE_CHECKING:
    from .anyone import AnyHandle
    from .stub import SkillStub

T = TypeVar("T")
L = TypeVar("L", bound="SyncAgentStub")


class SyncView:
    """A mesh whose methods are those of :class:`Mesh`, without await."""

    def __init__(self, bridge: Bridge, mesh: Mesh | None = None) -> None:
        self._bridge = bridge
        self._mesh = mesh

    @property
    def _open(self) -> Mesh:
        if self._mesh is None:
            raise ConfigError(NOT_OPEN)
        _ = self._bridge.portal
        return self._mesh

    @property
    def id(self) -> str:
        """My own id."""
        return self._open.id

    @overload
    def agent(
        self,
        name: str,
        *,
        like: None = None,
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> SyncHandle: ...

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
    ) -> SyncHandle | L:
        """See :meth:`Mesh.agent`."""
        far = self._open.agent(name, timeout=timeout, idempotent=idempotent, queue=queue)
        handle = SyncHandle(self._bridge, far)
        if like is None:
            return handle
        from .stub import check_stub

        check_stub(like, SyncAgentStub)
        return like(handle)

    def any(
        self,
        skill: str,
        *,
        timeout: float = CALL_S,
        idempotent: bool = False,
        queue: Queue = "auto",
    ) -> SyncAnyHandle:
        """See :meth:`Mesh.any`."""
        handle = self._open.any(skill, timeout=timeout, idempotent=idempotent, queue=queue)
        return SyncAnyHandle(self._bridge, handle)

    def agents(self, skill: str = "") -> list[AgentRecord]:
        """See :meth:`Mesh.agents`."""
        return self._bridge.run(lambda: self._open.agents(skill))

    def skills(self, name: str, timeout: float = 10.0) -> list[SkillInfo]:
        """See :meth:`Mesh.skills`."""
        return self._bridge.run(lambda: self._open.skills(name, timeout))

    def ping(self, name: str, timeout: float = 5.0) -> Pong:
        """See :meth:`Mesh.ping`."""
        return self._bridge.run(lambda: self._open.ping(name, timeout))

    def links(self) -> Sequence[LinkReport]:
        """See :meth:`Mesh.links`."""

        async def read() -> Sequence[LinkReport]:
            return self._open.links()

        return self._bridge.run(read)

    def broadcast(self, text: str, *, wait: bool = True, timeout: float = CALL_S) -> list[Receipt]:
        """See :meth:`Mesh.broadcast`."""
        return self._bridge.run(lambda: self._open.broadcast(text, wait=wait, timeout=timeout))

    def submit(
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
    ) -> SyncTask:
        """See :meth:`Mesh.submit`."""
        task = self._bridge.run(
            lambda: self._open.submit(
                agent,
                skill,
                args,
                key=key,
                deadline=deadline,
                priority=priority,
                max_attempts=max_attempts,
                retry_of=retry_of,
            )
        )
        return SyncTask(self._bridge, task)

    def task(self, task_id: str) -> SyncTask:
        """See :meth:`Mesh.task`."""
        return SyncTask(self._bridge, self._open.task(task_id))

    def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """See :meth:`Mesh.verb`."""
        return self._bridge.run(lambda: self._open.verb(name, request, timeout))

    def within(self, seconds: float) -> SyncView:
        """See :meth:`Mesh.within`."""

        async def bound() -> Mesh:
            return self._open.within(seconds)

        return SyncView(self._bridge, self._bridge.run(bound))


class SyncMesh(SyncView):
    """``with connect_sync() as mesh``. The methods are those of :class:`Mesh`, without await."""

    def __init__(self, connecting: AbstractAsyncContextManager[Mesh]) -> None:
        super().__init__(Bridge())
        self._connecting = connecting
        self._stack = ExitStack()

    def __enter__(self) -> SyncMesh:
        """Start the loop and connect. Raises what connecting raises."""
        with ExitStack() as stack:
            thread = LoopThread()
            portal = thread.start()
            stack.callback(thread.stop)
            try:
                self._mesh = stack.enter_context(
                    portal.wrap_async_context_manager(self._connecting)
                )
            except MeshError as error:
                raise trimmed(error)  # noqa: B904 - the same error
            self._bridge.open(portal)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the mesh, end the loop."""
        self.close()

    def close(self) -> None:
        """Leave the mesh, end the loop; a second time, or in a process that forked, nothing."""
        self._mesh = None
        stack = self._stack.pop_all()
        if self._bridge.close():
            stack.close()


class _SyncCalls:
    """What handles of both kinds do. Each attribute is a skill."""

    def __init__(self, bridge: Bridge, handle: AgentHandle | AnyHandle) -> None:
        self._bridge = bridge
        self._handle = handle

    def __getattr__(self, skill: str) -> Callable[..., Any]:
        if skill.startswith("_"):  # also what `copy` asks of a handle that is not filled yet
            raise AttributeError(f"use .call({skill!r}, ...) for a skill of that name")
        caller = getattr(self._handle, skill)

        def call(*unnamed: Any, **args: Any) -> Any:
            self._check()
            return self._bridge.run(lambda: caller(*unnamed, **args))

        return call

    def _check(self) -> None:
        """Refuse what could never be answered."""

    def __repr__(self) -> str:
        return repr(self._handle)

    def call(
        self,
        skill: str,
        args: Mapping[str, Any] | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Reply:
        """See :meth:`AgentHandle.call`; ``on_progress`` is called in this thread."""
        self._check()
        if on_progress is None:
            return self._bridge.run(lambda: self._handle.call(skill, args))
        return self._bridge.listen(
            lambda report: self._handle.call(skill, args, on_progress=report), on_progress
        )

    def stream(
        self,
        skill: str,
        args: Mapping[str, Any] | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> SyncItems:
        """See :meth:`AgentHandle.stream`; ``on_progress`` is called on the mesh's own thread."""
        self._check()
        items = self._handle.stream(skill, args, on_progress=on_progress)
        return SyncItems(self._bridge, items)

    def ask(
        self,
        text: str,
        *,
        session_id: str = "",
        files: Sequence[FileSource] = (),
        returns: Mapping[str, Any] | None = None,
        dry_run: bool = False,
    ) -> str:
        """See :meth:`AgentHandle.ask`; the whole text."""
        self._check()
        more: dict[str, Any] = {"files": files, "returns": returns, "dry_run": dry_run}

        async def whole() -> str:
            return await self._handle.ask(text, session_id=session_id, **more)

        return self._bridge.run(whole)


class SyncHandle(_SyncCalls):
    """A handle on an agent. Each attribute is a skill."""

    _handle: AgentHandle

    @property
    def name(self) -> str:
        """The agent's id."""
        return self._handle.name

    def _check(self) -> None:
        refuse_blocking(self._handle.name)

    def steer(self, text: str, *, session_id: str) -> bool:
        """See :meth:`AgentHandle.steer`."""
        self._check()

        async def whole() -> bool:
            return await self._handle.steer(text, session_id=session_id)

        return self._bridge.run(whole)

    def tell(self, text: str, *, broadcast: bool = False, wait: bool = True) -> str:
        """See :meth:`AgentHandle.tell`; the whole answer."""
        self._check()

        async def whole() -> str:
            return await self._handle.tell(text, broadcast=broadcast, wait=wait)

        return self._bridge.run(whole)


class SyncAnyHandle(_SyncCalls):
    """A handle on the agents with a skill. Each attribute is a skill."""

    _handle: AnyHandle

    @property
    def skill(self) -> str:
        """The skill that was asked for."""
        return self._handle.skill

    def pick(self, timeout: float = 10.0) -> list[str]:
        """See :meth:`AnyHandle.pick`."""
        return [*self._bridge.run(lambda: self._handle.pick(timeout))]


class SyncItems:
    """``for item in handle.stream(...)``, or ``with handle.stream(...) as items`` around the loop.

    Leaving the block, or ending the loop, cancels the far end.
    """

    def __init__(self, bridge: Bridge, items: Items) -> None:
        self._bridge = bridge
        self._items = items
        self._each: Iterator[Any] | None = None

    @property
    def via(self) -> str:
        """The tier that carries it, once it runs."""
        return self._items.via

    def __enter__(self) -> SyncItems:
        """Ask for the items."""
        self._bridge.run(self._items.__aenter__)
        self._each = self._bridge.each(self._items)
        return self

    def __exit__(self, *error: object) -> None:
        """Cancel the far end unless it has ended."""
        self._bridge.run(lambda: self._items.__aexit__(None, None, None))

    def __iter__(self) -> Iterator[Any]:
        return self if self._each is not None else self._alone()

    def __next__(self) -> Any:
        """The next item. Raises BadRequest before the block."""
        if self._each is None:
            return self._bridge.run(self._items.__anext__)
        return next(self._each)

    def _alone(self) -> Iterator[Any]:
        with self:
            yield from self

    def events(self) -> Iterator[Progress]:
        """See :meth:`Items.events`."""
        return _closing(self._bridge, self._items.events())


class SyncTypedItems(SyncItems, Generic[T]):
    """A stream's :class:`SyncItems`, each a ``T``."""

    streams = True

    if TYPE_CHECKING:

        def __enter__(self) -> Self: ...
        def __iter__(self) -> Iterator[T]: ...
        def __next__(self) -> T: ...


class SyncAgentStub:
    """Base of a typed agent without await: see :class:`AgentStub`."""

    def __init__(self, handle: SyncHandle) -> None:
        self.handle = handle

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.handle.name}>"

    def _begin(self, skill: SkillStub, args: dict[str, Any]) -> Any:
        self.handle._check()
        far, bridge = self.handle._handle, self.handle._bridge
        if skill.streams:
            return SyncTypedItems[Any](bridge, skill.items(far, args))
        return bridge.run(lambda: skill.value(far, args))


class SyncTask:
    """A durable task."""

    def __init__(self, bridge: Bridge, task: Task) -> None:
        self._bridge = bridge
        self._task = task
        self.id = task.id

    def __repr__(self) -> str:
        return repr(self._task)

    def value(self, timeout: float | None = None) -> Any:
        """Wait for the end: its value, or its error raised. See :meth:`Task.reply`."""
        return self.reply(timeout).value

    def reply(self, timeout: float | None = None) -> Reply:
        """See :meth:`Task.reply`."""
        return self._bridge.run(lambda: self._task.reply(timeout))

    def ended(self, timeout: float | None = None) -> Row:
        """See :meth:`Task.ended`."""
        return self._bridge.run(lambda: self._task.ended(timeout))

    def progress(self, timeout: float | None = None) -> Iterator[Progress]:
        """See :meth:`Task.progress`."""
        return _closing(self._bridge, self._task.progress(timeout))

    def row(self, timeout: float = 10.0) -> Row:
        """See :meth:`Task.row`."""
        return self._bridge.run(lambda: self._task.row(timeout))

    def state(self) -> State:
        """See :meth:`Task.state`."""
        return self.row().state

    def cancel(self, reason: str = "") -> State:
        """See :meth:`Task.cancel`."""
        return self._bridge.run(lambda: self._task.cancel(reason))


def _closing(bridge: Bridge, items: AsyncGenerator[T, None]) -> Iterator[T]:
    """The items; to leave early closes their source."""
    try:
        yield from bridge.each(items)
    finally:
        with suppress(ConfigError):  # the mesh is closed, and with it what was watched
            bridge.run(items.aclose)
