"""A session on its present path: when it sends, acknowledges, and waits for the engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from chatixia.core.call import Calls, Sink
from chatixia.core.exchange import no_feeds
from chatixia.core.fragments import REASSEMBLY_SECONDS
from chatixia.core.frames import FrameControl
from chatixia.core.ports import ArtifactFeed
from chatixia.core.retransmit import TICK_SECONDS
from chatixia.core.session import ACK_SECONDS, LostState, PeerSession
from chatixia.errors import MeshError, Unreachable
from chatixia.peer.artifacts.offers import ArtifactOffers
from chatixia.peer.artifacts.transfers import ArtifactTransfers
from chatixia.peer.engines.base import LOW_BYTES, EngineRefused
from chatixia.peer.ports import Path
from chatixia.peer.timers import Timers
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.base import KIB
from chatixia.world import World

log = logging.getLogger("chatixia.peer")

ENGINE_BYTES: Final = 256 * KIB
"""What may stand in an engine's send buffer; more would wait before every call."""
CHUNKS_PER_TURN: Final = 4
"""Chunks of artifacts that leave in one turn of the loop, so that calls wait for no more."""
ARTIFACT_BYTE: Final = b"\x02"


class SessionChannel:
    """Drives one peer's session over its present path, and hands effects to ``perform``.

    Coalescing (links.md section 6): an idle link sends at once, a busy one once per loop turn,
    and all that is queued while a frame is read leaves as one frame at its end. Never more than
    256 KiB stand in the engine's buffer; a refusal waits for ``on_low``.
    """

    __slots__ = (
        "_ack_armed",
        "_armed",
        "_artifacts_wait",
        "_blocked",
        "_engine_bytes",
        "_halves_armed",
        "_reading",
        "_scheduled",
        "_sending",
        "_tick_armed",
        "calls",
        "count",
        "loop",
        "offers",
        "on_control",
        "path",
        "perform",
        "timers",
        "transfers",
        "want",
        "world",
    )

    def __init__(
        self,
        calls: Calls,
        world: World,
        timers: Timers,
        loop: asyncio.AbstractEventLoop,
        offers: ArtifactOffers | None = None,
    ) -> None:
        self.calls, self.world, self.timers = calls, world, timers
        self.offers = ArtifactOffers(world) if offers is None else offers  # empty is falsy
        self.transfers: ArtifactTransfers | None = None
        self.want: Callable[[], None] = _ignore
        calls.feeds = self._feeds
        self.perform: Callable[[Sink], None] = _ignore
        self.path: Path | None = None
        self.count = 0
        self.on_control: Callable[[FrameControl], None] = _ignore
        self.loop = loop
        self._reading = self._scheduled = self._blocked = self._sending = False
        self._ack_armed = self._tick_armed = self._halves_armed = False
        self._engine_bytes = 0
        self._artifacts_wait = False

    # -- paths

    def attach(self, path: Path, acked: int | None) -> None:
        """Use ``path`` from now on; what the peer lacks goes again. The old one may still bring."""
        if self.path is not None:
            self.path.on_low = _ignore
        self.path = path
        self.count = self.calls.open  # what waited for this path
        self._blocked, self._engine_bytes = False, path.buffered
        self.calls.session.resume(acked)
        self.read(path)
        self.calls.via = path.tier
        path.on_low = self._on_low
        if self.transfers is not None:
            self.transfers.attach()
        self._flush()

    def read(self, path: Path) -> None:
        """Take what comes by ``path``, also while another is in use."""
        path.on_low = _ignore
        path.on_message = partial(self._receive, path)

    def detach(self, path: Path) -> bool:
        """``path`` is dead. Whether it was the one in use."""
        path.on_message = path.on_low = _ignore
        path.on_datagram(_ignore)
        in_use = self.path is path
        if in_use:
            self.path = None
        if self.transfers is not None:
            self.transfers.detach(path)
        return in_use

    def close(self, reason: str) -> None:
        """Give the path up: the peer broke the protocol, or we stop."""
        path = self.path
        if path is not None:
            self.detach(path)
            path.close(reason)

    def end(self) -> None:
        """Nothing is carried any more; what ``perform`` holds leads back here."""
        self.perform = self.on_control = self.want = _ignore
        self.calls.feeds = no_feeds
        if self.transfers is not None:
            self.transfers.shut()
            self.transfers = None

    @property
    def artifacts(self) -> ArtifactTransfers:
        """What carries artifacts with this peer, from its first use on."""
        if self.transfers is None:
            self.transfers = ArtifactTransfers(self)
        return self.transfers

    def lose_artifacts(self) -> None:
        """The peer's process is gone, with all that it had offered and could still pull."""
        self.offers.forget(self.calls.peer)
        if self.transfers is not None:
            self.transfers.peer_lost()

    def _feeds(self, table: tuple[ArtifactInfo, ...]) -> tuple[ArtifactFeed, ...]:
        return self.artifacts.feeds(table)

    # -- receiving

    def _receive(self, path: Path, data: bytes | str) -> None:
        now = path.frame_at = self.world.monotonic()
        if isinstance(data, str):
            data = data.encode()
        elif data[:1] == ARTIFACT_BYTE:
            self._receive_artifact(path, data)
            return
        calls = self.calls
        session = calls.session
        calls.via = path.tier
        messages: list[Any] = []
        sink: Sink = []
        self._reading = True
        try:
            if session.doubtful:
                control = self._read_in_doubt(path, data, now, messages)
            else:
                control = session.receive(data, now, messages)
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
        if session.ready or self._artifacts_wait:
            self._flush()
        if session.ack_now or session.a > session.last_ack:
            self._owe(session)
        if session.halves.bytes:
            self._wait_for_halves()

    def _receive_artifact(self, path: Path, data: bytes) -> None:
        """Bytes of an artifact, or a pull."""
        self._reading = True
        try:
            self.artifacts.receive(data, path)
        except MeshError as error:
            self._broken(path, error)
        finally:
            self._reading = False
        if self.transfers is not None and self.transfers.uploads.active:
            self._artifacts_wait = True
        if self._artifacts_wait or self.calls.session.ready:
            self._flush()

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

    def _read_in_doubt(
        self, path: Path, data: bytes, now: float, messages: list[Any]
    ) -> FrameControl | None:
        session = self.calls.session
        if path is not self.path:  # only the new path settles it
            session.doubtful = False
            try:
                return session.receive(data, now, messages)
            finally:
                session.doubtful = True
        try:
            return session.receive(data, now, messages)
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
        if self.transfers is not None:
            self.transfers.detach(path)
        path.on_message = path.on_low = _ignore
        path.on_datagram(_ignore)
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
        calls = self.calls
        if len(calls.pending) + calls.account.running > 1:
            self._scheduled = True
            self.loop.call_soon(self._turn)
        else:
            self._flush()

    def kick_artifacts(self) -> None:
        """Chunks go with the loop's next turn: calls of this one go first."""
        self._artifacts_wait = True
        if not (self._reading or self._scheduled or self.path is None):
            self._scheduled = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        self._flush()

    def _on_low(self) -> None:
        self._blocked = False
        self._engine_bytes = LOW_BYTES
        self._flush()

    def _flush(self) -> None:
        """Send what there is. A path may say that it is low while it takes a frame: what was built
        then is on its way, and must not be built again."""
        path = self.path
        if path is None or self._blocked or self._sending:
            return
        session = self.calls.session
        self._sending = True
        try:
            frame = session.build()
            while frame is not None:
                self._engine_bytes += len(frame)
                if self._engine_bytes > ENGINE_BYTES and not self._room(path, len(frame)):
                    return
                path.send(frame)
                frame = session.build() if session.sent() else None
            if not self._tick_armed and session.unacked:
                self._tick_armed = True
                self.timers.later(TICK_SECONDS, self._tick)
            if session.ack_now:
                self._send_ack()
            if self._artifacts_wait and not self._blocked:
                self._send_artifacts(path)
        except EngineRefused:
            self._blocked = True
        finally:
            self._sending = False

    def _send_artifacts(self, path: Path) -> None:
        """A few chunks, behind all that the session had; the rest in later turns of the loop."""
        artifacts = self.artifacts
        for _ in range(CHUNKS_PER_TURN):
            frame = artifacts.build()
            if frame is None:
                self._artifacts_wait = False
                return
            self._engine_bytes += len(frame)
            if self._engine_bytes > ENGINE_BYTES and not self._room(path, len(frame)):
                return
            path.send(frame)
            artifacts.sent()
        self.kick_artifacts()

    def _room(self, path: Path, size: int) -> bool:
        """Whether ``size`` bytes more fit. The engine is asked how much it holds, which costs it a
        thread, only where all that it got since the last answer might stand there yet."""
        buffered = path.buffered
        self._engine_bytes = buffered + size
        self._blocked = buffered > LOW_BYTES and buffered + size > ENGINE_BYTES
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
