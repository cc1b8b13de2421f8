"""The words between a session and what carries it: a path, the links, the registry, timers.

The link driver opens connections and verifies ``hello``; then it hands a :class:`Path` to
:class:`LinkListener` (the mesh), which reads and writes it until ``detach``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from chatixia.core.call import Calls, Sink
from chatixia.core.fragments import REASSEMBLY_SECONDS
from chatixia.core.session import (
    ACK_SECONDS,
    TICK_SECONDS,
    FrameControl,
    LostState,
    PeerSession,
)
from chatixia.errors import MeshError, Unreachable
from chatixia.ids import AgentId
from chatixia.peer.engines.base import EngineRefused
from chatixia.wire.base import KIB
from chatixia.wire.registry import TokenRequest
from chatixia.wire.signaling import LinkReport
from chatixia.world import World

log = logging.getLogger("chatixia.peer")

ENGINE_BYTES: Final = 256 * KIB
"""What may stand in an engine's send buffer; more would wait before every call."""
ASK_BYTES: Final = 64 * KIB
"""The engine is asked how full it is once per this many bytes."""


class Path(Protocol):
    """One way to a peer after ``hello`` verified both ways: an engine channel, or a relay stream.

    ``tier``: ``direct``, ``turn`` or ``relay``. ``where``: the far address, when known.
    ``holder``: whose share the far end uses (core.shares), "" for its own.
    ``link_ms``: how long it took to open. ``on_message`` and ``on_low`` are set by the mesh
    inside ``attach``; ``on_message`` takes each frame after ``hello``, in order.
    """

    tier: str
    where: str
    holder: str
    link_ms: float | None
    on_message: Callable[[bytes | str], None] | None
    on_low: Callable[[], None]

    def send(self, data: bytes) -> None:
        """Take all of ``data`` or raise EngineRefused (peer.engines.base)."""
        ...

    @property
    def buffered(self) -> int:
        """Bytes taken and not sent yet; ``on_low`` fires when few are left."""
        ...

    @property
    def max_message(self) -> int:
        """The largest frame in bytes that the peer takes."""
        ...

    def close(self, reason: str) -> None:
        """The mesh wants it closed (a malformed frame, credit exceeded); ``detach`` follows."""
        ...


class LinkListener(Protocol):
    """What the link driver tells the mesh. All on the loop; nothing here raises."""

    def received(self, peer: AgentId, incarnation: str) -> int:
        """``hello.a``: the highest frame of that session that I have in order."""
        ...

    def attach(self, peer: AgentId, incarnation: str, path: Path, acked: int) -> None:
        """A path is open; ``acked`` is the peer's ``hello.a``. It replaces the path in use."""
        ...

    def detach(self, peer: AgentId, path: Path) -> None:
        """That path is dead; the session waits for another."""
        ...

    def departed(self, peer: AgentId, incarnation: str) -> None:
        """Verdict *gone* (links.md section 3): calls that were sent fail ``unreachable``."""
        ...

    def present(self, peer: AgentId) -> None:
        """It is logged in (again): what was remembered of its absence does not count."""
        ...

    def refused(self, peer: AgentId, error: MeshError) -> None:
        """No link can be: why, in a sentence. Remembered for 60 s."""
        ...

    def forget(self, peer: AgentId) -> bool:
        """Its link and process are gone for long: keep nothing of it. False: it is in use."""
        ...

    def idle(self, peer: AgentId) -> bool:
        """Whether nothing is unacknowledged and no call or stream is open (idle close)."""
        ...

    def last_frame_at(self, peer: AgentId) -> float:
        """When the last frame of that peer came, on ``World.monotonic``'s clock; 0 never."""
        ...

    def probe(self, peer: AgentId) -> None:
        """Send a ping over the present path; its pong moves ``last_frame_at``."""
        ...

    def round_trip(self, peer: AgentId) -> float | None:
        """Milliseconds from the last probe to its pong; None: none came back yet."""
        ...

    def calls(self, peer: AgentId) -> int:
        """Calls with that peer, both ways, since its present path opened."""
        ...


class LinkLayer(Protocol):
    """The link driver, as the mesh sees it. The mesh sets ``listener`` before ``start``."""

    listener: LinkListener

    async def start(self) -> None:
        """Begin to take offers."""
        ...

    async def stop(self) -> None:
        """Close every link with a drain, end every task."""
        ...

    def want(self, peer: AgentId) -> None:
        """Start to open a link unless there is one or an attempt runs."""
        ...

    def trouble(self, peer: AgentId) -> str:
        """What the try to open a link waits for, or waited for when it failed; "" if unknown."""
        ...

    def likely(self, peer: AgentId) -> str:
        """The likely cause of no link, as the end of a sentence; "" if nothing can be said."""
        ...

    def report(self) -> Sequence[LinkReport]:
        """The open links as their engines see them (the last reading)."""
        ...


class Access(msgspec.Struct, frozen=True):
    """How a REST call is made beside the login: where, with which token, and SHA-256 of the
    certificate that the login proved (empty in clear).

    ``assert_key(nonce, now)``: asks for a token of one's own, where the given one has ended.
    """

    url: str
    token: str
    certificate: bytes = b""
    assert_key: Callable[[str, float], TokenRequest] | None = None


class RegistryPort(Protocol):
    """The login at the registry, as the mesh sees it."""

    on_push: Callable[[msgspec.Struct], None]
    """TaskPush, TaskHint, TaskDone, TaskProgress, PeerJoined, PeerLeft; set by the mesh."""
    on_state: Callable[[bool], None]
    """The login is up (True) or lost (False); set by the mesh."""

    @property
    def up(self) -> bool:
        """Whether the login stands now."""
        ...

    @property
    def access(self) -> Access | None:
        """The means of a REST call; None before the first login. Read from any thread."""
        ...

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb's reply struct; raises its MeshError, RegistryUnreachable without a login."""
        ...

    def heartbeat(
        self, slots: int | None, skills: Sequence[Any] | None, leaving: bool = False
    ) -> None:
        """Tell free slots and changed skills with the next heartbeat, at once.

        ``leaving``: and be off the list from now on; the login stays.
        """
        ...


class TimerHandle(Protocol):
    """A timer that can be cancelled."""

    def cancel(self) -> None:
        """It will not fire."""
        ...


class Timers(Protocol):
    """Where the mesh's timers live: the loop, or a fake clock."""

    def later(self, delay: float, callback: Callable[[], None], work: bool = False) -> TimerHandle:
        """Call once after ``delay`` seconds. ``work``: it bounds work (a deadline), so a fake
        clock lets work that runs take its real time first."""
        ...


class LoopTimers:
    """Timers of the running loop."""

    def later(self, delay: float, callback: Callable[[], None], work: bool = False) -> TimerHandle:
        """Call once after ``delay`` seconds."""
        return asyncio.get_running_loop().call_later(delay, callback)


class SessionChannel:
    """Drives one peer's session over its present path, and hands effects to ``perform``.

    Coalescing (links.md section 6): an idle link sends at once, a busy one once per loop turn,
    and all that is said while a frame is read leaves as one frame at its end. Never more than
    256 KiB stand in the engine's buffer; a refusal waits for ``on_low``.
    """

    __slots__ = (
        "_ack_armed",
        "_armed",
        "_blocked",
        "_engine_bytes",
        "_halves_armed",
        "_loop",
        "_reading",
        "_scheduled",
        "_tick_armed",
        "calls",
        "count",
        "last_frame_at",
        "on_control",
        "path",
        "perform",
        "timers",
        "world",
    )

    def __init__(
        self,
        calls: Calls,
        world: World,
        timers: Timers,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.calls, self.world, self.timers = calls, world, timers
        self.perform: Callable[[Sink], None] = _ignore
        self.path: Path | None = None
        self.last_frame_at = 0.0
        self.count = 0
        self.on_control: Callable[[FrameControl], None] = _ignore
        self._loop = loop
        self._reading = self._scheduled = self._blocked = False
        self._ack_armed = self._tick_armed = self._halves_armed = False
        self._engine_bytes = 0

    # -- paths

    def attach(self, path: Path, acked: int) -> None:
        """Use ``path`` from now on; what the peer lacks goes again. The old one may still bring."""
        self.path = path
        self.count = self.calls.open  # what waited for this path
        self._blocked, self._engine_bytes = False, 0
        self.calls.via = path.tier
        self.calls.session.resume(acked)
        path.on_low = self._on_low
        path.on_message = lambda data: self._receive(path, data)
        self._flush()

    def detach(self, path: Path) -> bool:
        """``path`` is dead. Whether it was the one in use."""
        path.on_message = path.on_low = _ignore
        if self.path is not path:
            return False
        self.path = None
        return True

    def close(self, reason: str) -> None:
        """Give the path up: the peer broke the protocol, or we stop."""
        path = self.path
        if path is not None:
            self.detach(path)
            path.close(reason)

    def end(self) -> None:
        """Nothing is carried any more; what ``perform`` holds leads back here."""
        self.perform = self.on_control = _ignore

    # -- receiving

    def _receive(self, path: Path, data: bytes | str) -> None:
        now = self.last_frame_at = self.world.monotonic()
        calls = self.calls
        messages: list[Any] = []
        sink: Sink = []
        self._reading = True
        try:
            control = self._read(data, now, messages)
            calls.handle(messages, now, sink)
            if sink:
                self.perform(sink)
            if control is not None:
                self.on_control(control)
        except MeshError as error:
            self._broken(path, error)
        finally:
            self._reading = False
        session = calls.session
        if session.ready:
            self._flush()
        if session.owes_ack:
            self._owe(session)
        if session.halves:
            self._wait_for_halves()

    def _wait_for_halves(self) -> None:
        """A message that came in part is given up in time, also if nothing more ever comes."""
        if not self._halves_armed:
            self._halves_armed = True
            self.timers.later(REASSEMBLY_SECONDS, self._halves_time)

    def _halves_time(self) -> None:
        self._halves_armed = False
        halves = self.calls.session.halves
        if self.path is not None:  # without a path its peer cannot go on
            halves.expire(self.world.monotonic())
        if halves:
            self._wait_for_halves()

    def _read(self, data: bytes | str, now: float, messages: list[Any]) -> FrameControl | None:
        if isinstance(data, str):
            data = data.encode()
        try:
            return self.calls.session.receive(data, now, messages)
        except LostState:
            sink: Sink = []
            self.calls.restart(sink, Unreachable)  # its process is the same: it gave us up
            self.calls.session.ack_now = (
                True  # nothing goes there before it hears of the new session
            )
            self.perform(sink)
            return self.calls.session.receive(data, now, messages)

    def _broken(self, path: Path, error: MeshError) -> None:
        """A frame that no honest peer sends: that path closes, the process goes on."""
        log.warning("closing the path to %s: %s", self.calls.peer, error)
        if self.path is path:
            self.path = None
        path.on_message = path.on_low = _ignore
        self.calls.session.let_go()
        path.close(error.message)

    def _owe(self, session: PeerSession) -> None:
        if session.ack_now:
            self._send_ack()
        elif not self._ack_armed:
            self._ack_armed = True
            self.timers.later(ACK_SECONDS, self._ack_time)

    def _ack_time(self) -> None:
        self._ack_armed = False
        if self.calls.session.owes_ack:
            self._send_ack()

    def _send_ack(self) -> None:
        path, session = self.path, self.calls.session
        if path is None or self._blocked:
            return
        try:
            path.send(session.ack_frame())
        except EngineRefused:
            self._blocked = True
        else:
            session.ack_sent()

    # -- sending

    def kick(self) -> None:
        """Something was queued: send it now if the link is idle, else with this loop turn."""
        if self._reading or self._scheduled or self.path is None:
            return
        if self.calls.open > 1:
            self._scheduled = True
            self._loop.call_soon(self._turn)
        else:
            self._flush()

    def _turn(self) -> None:
        self._scheduled = False
        self._flush()

    def _on_low(self) -> None:
        self._blocked = False
        self._engine_bytes = 0
        self._flush()

    def _flush(self) -> None:
        path, session = self.path, self.calls.session
        if path is None or self._blocked:
            return
        while (frame := session.build()) is not None:
            self._engine_bytes += len(frame)
            if self._engine_bytes > ASK_BYTES and not self._room(path):
                return
            try:
                path.send(frame)
            except EngineRefused:
                self._blocked = True
                return
            session.sent()
        if not self._tick_armed and session.unacked:
            self._tick_armed = True
            self.timers.later(TICK_SECONDS, self._tick)
        if session.ack_now:
            self._send_ack()

    def _room(self, path: Path) -> bool:
        """Ask the engine, now and then, how much it holds (the question costs it a thread)."""
        buffered = path.buffered
        self._engine_bytes = buffered
        self._blocked = buffered > ENGINE_BYTES
        return not self._blocked

    def _tick(self) -> None:
        self._tick_armed = False
        path, session = self.path, self.calls.session
        if session.unacked and path is not None:
            if path.buffered == 0 and session.tick():
                self._blocked = False
                self._flush()
            if not self._tick_armed:
                self._tick_armed = True
                self.timers.later(TICK_SECONDS, self._tick)


def _ignore(*_: Any) -> None:
    pass
