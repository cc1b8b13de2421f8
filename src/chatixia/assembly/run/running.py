"""Run agents as a process: a loop of our own, signals, one line for the person who watches."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Final, Protocol

from chatixia.errors import ConfigError, MeshError, RegistryUnreachable

STOP_S: Final = 10.0
"""How long a stop may take, beside what running skills are given, before the process ends without
it."""
SETTLED_S: Final = 20.0
"""After this long an agent has loaded what it needs and knows its first peers."""
TELL_S: Final = 3600.0

Tell = Callable[[str], None]
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class LoopRunning(ConfigError, RuntimeError):
    """``run()`` was called where a loop runs already."""


class Runnable(Protocol):
    """What can be run: an :class:`~chatixia.Agent`, as far as this file knows it."""

    name: str
    on_fault: Callable[[], None]
    grace: float

    @property
    def fault(self) -> MeshError | None:
        """Why its login ended for good, if it did."""
        ...

    async def start(self) -> None:
        """Serve."""
        ...

    async def online(self, timeout: float) -> None:
        """Until the login stands."""
        ...

    async def stop(self) -> None:
        """Stop cleanly."""
        ...

    def banner(self) -> str:
        """One line on its state."""
        ...


Following = Callable[[], Awaitable[Sequence[Runnable]]]
"""Waits for the agents that take the place of those that run."""

_collected: ContextVar[list[Any] | None] = ContextVar("collected", default=None)


@contextlib.contextmanager
def collecting() -> Iterator[list[Any]]:
    """While a file is loaded by `chatixia run`, its own ``agent.run()`` only names the agents."""
    collected: list[Any] = []
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


def to_stderr(line: str) -> None:
    """Tell the person at the terminal."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def run(
    agents: Sequence[Runnable],
    tell: Tell = to_stderr,
    first: Callable[[], None] = lambda: None,
    following: Following | None = None,
    loop: LoopFactory | None = None,
) -> None:
    """Serve ``agents`` until Ctrl-C or SIGTERM. ``tell`` gets a line when one is online;
    ``first`` is called before anything starts, unless agents are only collected. ``following``:
    what takes their place, once it is there. ``loop``: makes another loop than that of a peer.

    Raises LoopRunning inside a loop, the refusal of a start, or why a login ended for good.
    """
    collected = _collected.get()
    if collected is not None:
        collected.extend(agents)
        return
    check(agents)
    first()
    from chatixia.client.loop import peer_loop

    with asyncio.Runner(loop_factory=loop or peer_loop()) as runner:
        runner.run(_serve(agents, tell, following))


def check(agents: Sequence[Runnable]) -> None:
    """Raises LoopRunning inside a loop, ConfigError where they cannot run together."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise LoopRunning(
            "run() starts an event loop of its own, and one is already running here; "
            "write `await agent.start()` instead (and `await agent.stop()` at the end)."
        )
    names = [agent.name for agent in agents]
    if not names:
        raise ConfigError("There is no agent to run.")
    if len(set(names)) < len(names):
        raise ConfigError("Two agents in one process have the same name.")


async def _serve(
    agents: Sequence[Runnable], tell: Tell, following: Following | None = None
) -> None:
    stop = asyncio.Event()
    with _signals(stop):
        if following is None:
            await _serve_until(agents, stop, None, tell)
        else:
            await _serve_generations(agents, stop, following, tell)


async def _serve_generations(
    agents: Sequence[Runnable], stop: asyncio.Event, following: Following, tell: Tell
) -> None:
    """The first must start; of later ones an error is told, and what follows takes their place."""
    is_first = True
    while not stop.is_set():
        change = asyncio.ensure_future(following())
        try:
            await _serve_until(agents, stop, change, tell)
        except MeshError as error:
            if is_first:
                raise
            tell(f"  reload    {error.message}")
            await _either(stop, change)
        finally:
            if not change.done():
                change.cancel()
                await asyncio.wait([change])
        if not change.cancelled():
            agents, is_first = change.result(), False


async def _either(stop: asyncio.Event, change: asyncio.Future[Any]) -> None:
    wish = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([wish, change], return_when=asyncio.FIRST_COMPLETED)
    finally:
        wish.cancel()


async def _serve_until(
    agents: Sequence[Runnable], stop: asyncio.Event, change: asyncio.Future[Any] | None, tell: Tell
) -> None:
    """Serve until ``stop`` is set, a login ends for good, or ``change`` is done; then stop them.

    Raises the refusal of a start, or why a login ended.
    """
    end = asyncio.Event()
    for agent in agents:
        agent.on_fault = end.set
    wishes = [asyncio.ensure_future(each.wait()) for each in (stop, end)]
    ends = wishes if change is None else [*wishes, change]
    try:
        await _until(ends, asyncio.gather(*(_start(agent, tell) for agent in agents)))
        settled = asyncio.get_running_loop().call_later(SETTLED_S, _give_back)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
    finally:
        for wish in wishes:
            wish.cancel()
        await _stop(agents)
    for agent in agents:
        if agent.fault is not None:
            raise agent.fault


def _give_back() -> None:
    """Return to the system what loading, starting and the first links freed. glibc would keep it
    for an agent that then waits for days."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another libc
        ctypes.CDLL(None).malloc_trim(0)


async def _until(ends: Sequence[asyncio.Future[Any]], starting: asyncio.Future[Any]) -> None:
    """Wait for the starts, or for one of ``ends``; an error of a start is raised."""
    try:
        await asyncio.wait([starting, *ends], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
    finally:
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting


_telling: set[asyncio.Task[None]] = set()


async def _start(agent: Runnable, tell: Tell) -> None:
    await agent.start()
    if agent.banner():
        tell(agent.banner())
    if "waiting" in agent.banner():
        task = asyncio.ensure_future(_tell_later(agent, tell))
        _telling.add(task)
        task.add_done_callback(_telling.discard)


async def _tell_later(agent: Runnable, tell: Tell) -> None:
    while True:
        try:
            await agent.online(TELL_S)
        except RegistryUnreachable:
            continue
        except Exception:  # noqa: BLE001 - a refusal reaches the person by on_fault
            return
        tell(agent.banner())
        return


async def _stop(agents: Sequence[Runnable]) -> None:
    """Stop all, in bounded time."""
    for task in list(_telling):
        task.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_S + max(agent.grace for agent in agents)):
            await asyncio.gather(*(agent.stop() for agent in agents))


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks for a clean stop; the second one ends at once."""
    loop = asyncio.get_running_loop()
    caught: list[signal.Signals] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask() -> None:
        stop.set()
        for number in caught:  # Python's own for Ctrl-C would let what is stopping go on
            signal.signal(number, signal.SIG_DFL)

    def release() -> None:
        while caught:
            number = caught.pop()
            loop.remove_signal_handler(number)
            if callable(before[number]):  # the program's own
                signal.signal(number, before[number])

    for number in before:
        # NotImplementedError: Windows; the others: not the main thread.
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, ask)
            caught.append(number)
    try:
        yield
    finally:
        release()
