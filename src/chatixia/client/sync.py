"""The mesh without async: each call goes through one anyio blocking portal to the real thing.

Not a second implementation: a loop runs in a thread of its own, with the engine on it, and every
method here hands its async twin over and waits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from chatixia.core.ports import Pong, Queue
from chatixia.errors import ConfigError
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentRecord
from chatixia.wire.signaling import LinkReport
from chatixia.wire.tasks import Task as Row
from chatixia.world import process_id

from .door import FORKED
from .handle import CALL_S, AgentHandle
from .loop import LoopThread
from .mesh import TASK_S, Mesh
from .reply import Receipt, Reply
from .stream import Items
from .task import Progress, Task

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from .anyone import AnyHandle

T = TypeVar("T")
Run = Callable[[Callable[[], Awaitable[Any]]], Any]
"""Runs what a function returns on the mesh's loop, and waits for it."""


class SyncMesh:
    """``with connect_sync() as mesh``. The methods are those of :class:`Mesh`, without await."""

    def __init__(self, connecting: AbstractAsyncContextManager[Mesh]) -> None:
        self._connecting = connecting
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._mesh: Mesh | None = None
        self._pid = process_id()

    def __enter__(self) -> SyncMesh:
        """Start the loop and connect. Raises what connecting raises."""
        self._pid = process_id()
        with ExitStack() as stack:
            thread = LoopThread()
            portal = thread.start()
            stack.callback(thread.stop)
            self._mesh = stack.enter_context(portal.wrap_async_context_manager(self._connecting))
            self._portal = portal
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Leave the mesh, end the loop."""
        self.close()

    def close(self) -> None:
        """Leave the mesh, end the loop; a second time, or in a process that forked, nothing."""
        self._portal = self._mesh = None
        stack = self._stack.pop_all()
        if self._pid == process_id():
            stack.close()

    @property
    def _open(self) -> Mesh:
        if self._mesh is None:
            raise ConfigError("This mesh is not open; write `with connect_sync() as mesh`.")
        if self._pid != process_id():  # the loop's thread stayed behind: nobody would answer
            raise ConfigError(FORKED)
        return self._mesh

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        _ = self._open
        assert self._portal is not None
        return self._portal.call(_awaited, work)

    @property
    def id(self) -> str:
        """My own id."""
        return self._open.id

    def agent(
        self, name: str, *, timeout: float = CALL_S, idempotent: bool = False,
        queue: Queue = "auto",
    ) -> SyncHandle:  # fmt: skip
        """See :meth:`Mesh.agent`."""
        handle = self._open.agent(name, timeout=timeout, idempotent=idempotent, queue=queue)
        return SyncHandle(self._run, handle)

    def any(
        self, skill: str, *, timeout: float = CALL_S, idempotent: bool = False,
        queue: Queue = "auto",
    ) -> SyncHandle:  # fmt: skip
        """See :meth:`Mesh.any`."""
        handle = self._open.any(skill, timeout=timeout, idempotent=idempotent, queue=queue)
        return SyncHandle(self._run, handle)

    def agents(self, skill: str = "") -> list[AgentRecord]:
        """See :meth:`Mesh.agents`."""
        return self._run(lambda: self._open.agents(skill))

    def skills(self, name: str) -> list[SkillInfo]:
        """See :meth:`Mesh.skills`."""
        return self._run(lambda: self._open.skills(name))

    def ping(self, name: str, timeout: float = 5.0) -> Pong:
        """See :meth:`Mesh.ping`."""
        return self._run(lambda: self._open.ping(name, timeout))

    def links(self) -> Sequence[LinkReport]:
        """See :meth:`Mesh.links`."""

        async def read() -> Sequence[LinkReport]:
            return self._open.links()

        return self._run(read)

    def broadcast(self, text: str, *, wait: bool = True, timeout: float = CALL_S) -> list[Receipt]:
        """See :meth:`Mesh.broadcast`."""
        return self._run(lambda: self._open.broadcast(text, wait=wait, timeout=timeout))

    def submit(
        self, agent: str, skill: str, args: Mapping[str, Any] | None = None, *, key: str = "",
        deadline: float = TASK_S, priority: int = 0, max_attempts: int = 3,
    ) -> SyncTask:  # fmt: skip
        """See :meth:`Mesh.submit`."""
        task = self._run(
            lambda: self._open.submit(
                agent, skill, args, key=key, deadline=deadline, priority=priority,
                max_attempts=max_attempts,
            )
        )  # fmt: skip
        return SyncTask(self._run, task)

    def task(self, task_id: str) -> SyncTask:
        """See :meth:`Mesh.task`."""
        return SyncTask(self._run, self._open.task(task_id))


class SyncHandle:
    """A handle on an agent, or on any with a skill. Each attribute is a skill."""

    def __init__(self, run: Run, handle: AgentHandle | AnyHandle) -> None:
        self._run = run
        self._handle = handle

    def __getattr__(self, skill: str) -> Callable[..., Any]:
        if skill.startswith("_"):  # also what `copy` asks of a handle that is not filled yet
            raise AttributeError(f"use .call({skill!r}, ...) for a skill of that name")
        caller = getattr(self._handle, skill)

        def call(*unnamed: Any, **args: Any) -> Any:
            return self._run(lambda: caller(*unnamed, **args))

        return call

    def __repr__(self) -> str:
        return repr(self._handle)

    def call(self, skill: str, args: Mapping[str, Any] | None = None) -> Reply:
        """See :meth:`AgentHandle.call`."""
        reply: Reply = self._run(lambda: self._handle.call(skill, args))
        return reply

    def stream(self, skill: str, args: Mapping[str, Any] | None = None) -> SyncItems:
        """See :meth:`AgentHandle.stream`."""
        return SyncItems(self._run, self._handle.stream(skill, args))

    def ask(self, text: str, *, session_id: str = "") -> str:
        """See :meth:`AgentHandle.ask`."""

        async def whole() -> str:
            return await self._handle.ask(text, session_id=session_id)

        answer: str = self._run(whole)
        return answer


class SyncItems:
    """``with handle.stream(...) as items: for item in items``. Leaving cancels the far end."""

    def __init__(self, run: Run, items: Items) -> None:
        self._run = run
        self._items = items

    def __enter__(self) -> Iterator[Any]:
        """Ask for the items."""
        self._run(self._items.__aenter__)
        return _each(self._run, self._items)

    def __exit__(self, *error: object) -> None:
        """Cancel the far end unless it has ended."""
        self._run(lambda: self._items.__aexit__(None, None, None))


class SyncTask:
    """A durable task."""

    def __init__(self, run: Run, task: Task) -> None:
        self._run = run
        self._task = task
        self.id = task.id

    def __repr__(self) -> str:
        return repr(self._task)

    def value(self, timeout: float | None = None) -> Any:
        """Wait for the end: its value, or its error raised. See :meth:`Task.reply`."""
        return self.reply(timeout).value

    def reply(self, timeout: float | None = None) -> Reply:
        """See :meth:`Task.reply`."""
        reply: Reply = self._run(lambda: self._task.reply(timeout))
        return reply

    def progress(self, timeout: float | None = None) -> Iterator[Progress]:
        """See :meth:`Task.progress`."""
        steps = self._task.progress(timeout)
        try:
            yield from _each(self._run, steps)
        finally:
            with suppress(ConfigError):  # the mesh is closed, and with it what was watched
                self._run(steps.aclose)

    def row(self) -> Row:
        """See :meth:`Task.row`."""
        row: Row = self._run(self._task.row)
        return row

    def state(self) -> str:
        """See :meth:`Task.state`."""
        return self.row().state

    def cancel(self, reason: str = "") -> str:
        """See :meth:`Task.cancel`."""
        state: str = self._run(lambda: self._task.cancel(reason))
        return state


def _each(run: Run, items: AsyncIterator[T]) -> Iterator[T]:
    end: Any = object()

    async def one() -> Any:
        return await anext(items, end)

    while (item := run(one)) is not end:
        yield item


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
