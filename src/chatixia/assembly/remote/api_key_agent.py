"""An agent without a key of its own: an API key, the registry's queue, and the described polling.

It has no link, its work is `plain`, and it is shown `unverified` (trust.md section 1). For machines
that cannot join; one that has a profile never takes this way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from chatixia.core.join import is_loopback
from chatixia.core.ports import CallAnswer, Handler, Outgoing
from chatixia.errors import (
    ConfigError,
    DeadlineExceeded,
    Denied,
    MeshError,
    RegistryUnreachable,
    Unauthorized,
    Unreachable,
)
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentRef, Beat, Capabilities, RegisterAgent
from chatixia.world import REAL, World, request_id

from .port import POLL_S, RestPort

if TYPE_CHECKING:
    from chatixia.peer.control.connection import PinnedConnection
    from chatixia.peer.ports import Access

log = logging.getLogger("chatixia")

BEAT_S: Final = 5.0
REFUSED_S: Final = 300.0
"""Seconds between rounds while the API key is refused."""
SLOW_S: Final = 60.0
MODE: Final = "keyless"
CURE: Final = (
    "%s: the registry refuses its API key (%s); make another with `chatixia keys create %s`, put it"
    " into sidecar.api_key and start again. The next attempt is in %.0f s."
)


class ApiKeyPort(RestPort):
    """``core.ports.Mesh`` over the registry's REST routes, for the holder of an API key.

    To the queue's worker it is the ``Registry``: ``up`` says whether the last word went well.
    """

    def __init__(self, url: str, key: str, name: str, *, world: World = REAL) -> None:
        from chatixia.peer.tasks.submitter import QueueClient
        from chatixia.peer.tasks.worker import QueueWorker
        from chatixia.peer.timers import LoopTimers

        if not url:
            raise ConfigError("sidecar.api_key needs `registry`: the address to log in at.")
        super().__init__(name, world)
        self._url, self._key = url, key
        self._line: PinnedConnection | None = None
        self._skills: Sequence[SkillInfo] = ()
        self._up = asyncio.Event()
        self._registered = self._lost = self._serves = False
        self._refused: MeshError | None = None
        self._beats: asyncio.Task[None] | None = None
        self._worker = QueueWorker(self._name, self, world, LoopTimers())
        self._queue = QueueClient(self, world, LoopTimers(), POLL_S)
        self.up = False
        self.on_push: Callable[[msgspec.Struct], None] = _ignore
        self.on_state: Callable[[bool], None] = _ignore

    @property
    def registry_up(self) -> bool:
        """Whether the last word with the registry went well."""
        return self.up

    @property
    def access(self) -> Access | None:
        """None: leases are renewed from the loop alone."""
        return None

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

    async def drain(self, seconds: float) -> None:
        """Offer no skill any more, and let what runs end, for at most ``seconds``."""
        self._worker.drain()
        self._skills, self._registered = (), False
        with contextlib.suppress(MeshError):
            if self.up:
                await self._register()
                self._registered = self._serves = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while running := self._worker.runs:
                    await asyncio.wait(running)

    async def stop(self) -> None:
        """Leave the list, end what runs."""
        if self._beats is not None:
            self._beats.cancel()
            await asyncio.gather(self._beats, return_exceptions=True)
        await self._worker.stop()
        await self._queue.stop()
        try:
            if self.up and (self._skills or self._serves):
                await self.verb("agents.remove", AgentRef(self._name), 2.0)
        except MeshError as error:
            log.debug("the registry could not be told of the stop: %s", error.code)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection to the registry and end the thread that uses it."""
        if self._line is not None:
            self._line.close()
        self._thread.close()

    # -- core.ports.Mesh

    async def call(self, outgoing: Outgoing) -> CallAnswer:
        """Through the queue: submit, then look until it has ended."""
        if outgoing.kind not in ("task", "prompt") or outgoing.stream or outgoing.queue == "never":
            raise Unreachable("Without a key of its own an agent has no link; join the mesh.")
        deadline = self._world.monotonic() + outgoing.timeout
        return await self._queue.call(outgoing, outgoing.key or request_id(self._world), deadline)

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        """Answer tasks from the queue."""
        self._skills = skills
        self._worker.serve(handler, [skill.name for skill in skills], slots)

    def heartbeat(
        self, slots: int | None, skills: Sequence[Any] | None, leaving: bool = False
    ) -> None:
        """Told with the next beat."""

    # -- polling

    async def _beat_for_ever(self) -> None:
        failed = 0
        while True:
            try:
                again = await self._beat()
            except MeshError as error:
                self.up, failed = False, failed + 1
                pause = self.pause_after(error, failed)
                if pause is None:
                    return
            else:
                self.up, failed = True, 0
                self._up.set()
                self._say_back()
                pause = 0.0 if again else BEAT_S
            await asyncio.sleep(pause * (0.8 + 0.4 * self._world.jitter()))

    def pause_after(self, error: MeshError, failed: int) -> float | None:
        """Seconds to the next round after ``failed`` that failed; None: there is none."""
        if isinstance(error, RegistryUnreachable | DeadlineExceeded):
            self._registered = False
            log.debug("the registry was not reached: %s", error.code)
            self._say_lost()
            return BEAT_S
        if not self._up.is_set():
            self._refused = error
            self._up.set()
            return None
        if isinstance(error, Unauthorized | Denied):
            # Nothing here cures it, and each attempt counts against this address.
            say = log.error if failed == 1 else log.debug
            say(CURE, self._name, str(error).rstrip("."), self._name, REFUSED_S)
            return REFUSED_S
        log.warning("the registry refused a heartbeat: %s", error.code)
        return float(min(BEAT_S * 2 ** min(failed, 10), SLOW_S))

    def _say_lost(self) -> None:
        if self._up.is_set() and not self._lost:
            self._lost = True
            log.warning(
                "%s: the registry %s is lost; work waits there. Trying again.",
                self._name,
                self._url,
            )

    def _say_back(self) -> None:
        if self._lost:
            self._lost = False
            log.warning("%s: the registry is back at %s.", self._name, self._url)

    async def _beat(self) -> bool:
        """Show a sign of life, take what work there is; whether there may be more."""
        if not self._registered:
            await self._register()
            self._registered = True
        names = [skill.name for skill in self._skills]
        if not names:
            return False
        await self.verb(
            "heartbeat",
            Beat(
                self._name,
                socket.gethostname()[:128],
                mode=MODE,
                skills_count=len(names),
                skill_names=names[:256],
                polls=False,
            ),
        )
        return await self._worker.look() > 0

    async def _register(self) -> None:
        names = [skill.name for skill in self._skills]
        await self.verb(
            "agents.register",
            RegisterAgent(
                self._name,
                socket.gethostname()[:128],
                capabilities=Capabilities(names, mode=MODE),
                mode=MODE,
            ),
        )

    # -- the line

    def _call(self, name: str, request: msgspec.Struct, timeout: float) -> Any:
        from chatixia.peer.control.connection import PinnedConnection

        if self._line is None:
            # No key of the registry is pinned here: the system's roots must vouch for it.
            self._line = PinnedConnection(self._url, timeout, vouched=not is_loopback(self._url))
        try:
            return self._line.call(name, request, key=self._key)
        except RegistryUnreachable:
            self._line.close()
            self._line = None
            raise


def _ignore(*_: Any) -> None:
    """Nothing is pushed over REST."""


class ApiKeyConnection:
    """The ``AgentConnection`` of an agent with an API key."""

    folder = None
    key = "none, unverified"

    def __init__(self, port: ApiKeyPort) -> None:
        self.port = port
        self.label = urlsplit(port.registry_url).hostname or "registry"

    @property
    def url(self) -> str:
        """The registry's address."""
        return self.port.registry_url

    @property
    def is_online(self) -> bool:
        """Whether the last request was answered."""
        return self.port.registry_up

    async def start(self) -> None:
        """Begin to poll."""
        await self.port.start()

    async def online(self, timeout: float) -> None:
        """Wait until the registry knows this agent. Raises its refusal, RegistryUnreachable."""
        await self.port.online(timeout)

    async def drain(self, seconds: float) -> None:
        """See :meth:`ApiKeyPort.drain`."""
        await self.port.drain(seconds)

    async def stop(self) -> None:
        """Leave."""
        await self.port.stop()

    def abandon(self) -> None:
        """Hang up, where the loop has ended and nothing can be stopped any more."""
        self.port.hang_up()
