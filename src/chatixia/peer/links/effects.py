"""What the link driver does for a decision of ``core.link``: connections, paths, messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from typing import Any, Final, Protocol

import msgspec

from chatixia.background import BackgroundTasks
from chatixia.core.offers import BAR_SECONDS
from chatixia.core.paths import (
    DIRECT,
    AcceptOffer,
    AddCandidate,
    CloseConnection,
    CreateOffer,
    Effect,
    ReportDeparture,
    ReportFailure,
    RequestOffer,
    Sink,
    UsePath,
)
from chatixia.core.ports import LocalIdentity
from chatixia.core.rates import TokenBucket
from chatixia.errors import BadRequest, MeshError, Unreachable
from chatixia.ids import AgentId
from chatixia.peer.engines.base import Engine, EngineRefused, IceServer
from chatixia.wire.peer import Bye
from chatixia.wire.signaling import Connect, SignalError
from chatixia.world import World

from .attempt import AttemptHost, LinkAttempt
from .peers import LinkedPeer, LinkedPeers
from .reports import LinkReports
from .revocations import RevocationExchange

log = logging.getLogger("chatixia.peer")

BAR_MALFORMED_SECONDS: Final = 1.0
STOP_SECONDS: Final = 2.0
TICK_SECONDS: Final = 0.5
"""How often the monitor looks at every peer."""
REFUSAL_BURST: Final = 20
"""Refusals that are logged and answered at once; one more for each REFUSAL_SECONDS."""
REFUSAL_SECONDS: Final = 0.5
AttemptType = Callable[[AttemptHost, int, str, int, str], LinkAttempt]
"""What makes an attempt: its host, key, peer, number, and the peer's incarnation."""


class Signals(Protocol):
    """The way to other agents before there is a link (``peer.control.session``)."""

    @property
    def up(self) -> bool:
        """Whether the login stands."""
        ...

    def send(self, message: msgspec.Struct) -> bool:
        """Queue a frame; False: it will not go."""
        ...

    def leave(self) -> None:
        """Say goodbye: this process stops."""
        ...

    def doubt(self) -> None:
        """The login may be dead: ask it."""
        ...


class LinkEffects:
    """Performs effects for every peer; the owner of attempts (``peer.links.attempt``).

    ``attempt_types``: what makes a connection, by kind of path. ``servers``: STUN and TURN for new
    ones. ``tasks``: those that run. ``on_ended``: a try came to an open path, or was given up.
    """

    def __init__(
        self,
        me: LocalIdentity,
        engine: Engine,
        signals: Signals,
        world: World,
        peers: LinkedPeers,
        reports: LinkReports,
    ) -> None:
        self.me, self.engine, self.signals, self.world = me, engine, signals, world
        self.servers: Sequence[IceServer] = ()
        self.attempt_types: dict[str, AttemptType] = {DIRECT.name: LinkAttempt}
        self.tasks = BackgroundTasks(_log_failure)
        self.stopping = False
        self.on_ended: Callable[[LinkAttempt], None] = _unheard
        self._peers, self._reports = peers, reports
        self.revocations = RevocationExchange(me, world, peers)
        self._refusals = TokenBucket(REFUSAL_BURST, REFUSAL_SECONDS, world.monotonic())

    # -- effects

    def perform(self, peer: LinkedPeer, sink: Sink) -> None:
        """Do what was decided, in order."""
        for effect in sink:
            self._one(peer, effect)
        if peer.alarm is None and (due := peer.link.due) < inf:
            self._arm(peer, due - self._now())

    def _arm(self, peer: LinkedPeer, seconds: float) -> None:
        """An attempt is due before the monitor looks again."""
        if 0 < seconds < TICK_SECONDS and not self.stopping:
            peer.alarm = asyncio.get_running_loop().call_later(seconds, self._ring, peer)

    def _ring(self, peer: LinkedPeer) -> None:
        peer.alarm = None
        if not self.stopping:
            self.step(peer, self._now())

    def accept(
        self,
        peer: LinkedPeer,
        sink: Sink,
        number: int,
        incarnation: str,
        answer: Callable[[LinkAttempt], Coroutine[Any, Any, None]],
        kind: str = DIRECT.name,
    ) -> None:
        """The same for a checked offer, which is answered where that was decided. ``number``: its
        attempt's; ``answer``: how it is answered."""
        for effect in sink:
            if isinstance(effect, AcceptOffer):
                attempt = self._attempt(peer, effect.key, number, incarnation, kind)
                self.spawn(self.run(attempt, answer(attempt)))
            else:
                self._one(peer, effect)

    def _one(self, peer: LinkedPeer, effect: Effect) -> None:
        match effect:
            case CreateOffer():
                key, incarnation = effect.key, effect.incarnation
                attempt = self._attempt(peer, key, effect.attempt, incarnation, effect.kind)
                self.spawn(self.run(attempt, attempt.offer()))
            case AddCandidate():
                attempt = peer.attempts[effect.key]
                self.spawn(self.run(attempt, attempt.candidate(effect.candidate)))
            case UsePath():
                self._use(peer, peer.attempts[effect.key], effect.reason)
            case CloseConnection():
                self._drop(peer, effect)
            case RequestOffer():
                self.tell(Connect(peer.id, incarnation=self.me.incarnation, restart=effect.restart))
            case ReportFailure():
                self._peers.listener.refused(peer.id, effect.error)
            case ReportDeparture():
                self._report_departure(peer, effect.incarnation)
            case AcceptOffer():
                raise AssertionError("an offer is accepted where it is in hand")

    def _attempt(
        self,
        peer: LinkedPeer,
        key: int,
        number: int,
        incarnation: str,
        kind: str = DIRECT.name,
    ) -> LinkAttempt:
        attempt = self.attempt_types[kind](self, key, peer.id, number, incarnation)
        peer.attempts[key] = attempt
        peer.attempt_count += 1
        return attempt

    async def run(self, attempt: LinkAttempt, work: Coroutine[Any, Any, None]) -> None:
        """A step of an attempt; its failure is the attempt's."""
        try:
            await work
        except MeshError as error:
            self.failed(attempt, error)
        except EngineRefused as refused:
            if refused.reason == "bad_description":
                text = f"The engine refuses what {attempt.peer} described."
                self.failed(attempt, BadRequest(text))
            else:
                text = f"The engine gave up on {attempt.peer}: {refused}."
                self.failed(attempt, Unreachable(text))

    def _use(self, peer: LinkedPeer, attempt: LinkAttempt, reason: str) -> None:
        """The mesh sends by that path from now on."""
        assert attempt.hello
        tier, before = peer.paths[attempt.key].tier, peer.path.tier if peer.path else "no path"
        log.info("link to %s: %s now, %s before: %s", peer.id, tier, before, reason)
        path, acked = peer.paths[attempt.key], attempt.hello.a
        reading = attempt.key in peer.read
        peer.use(attempt, self._now())
        peer.read.add(attempt.key)
        listener = self._peers.listener
        listener.attach(peer.id, attempt.incarnation, path, None if reading else acked)
        peer.stats_calls = listener.calls(peer.id)
        attempt.replay()
        if attempt.stats is None or attempt.stats.rtt_ms is None:
            self._peers.listener.probe(peer.id)

    def _report_departure(self, peer: LinkedPeer, incarnation: str) -> None:
        self._peers.listener.departed(peer.id, incarnation)
        link = peer.link
        if link.absence.left_at is None and link.incarnation not in ("", incarnation):
            self._peers.listener.present(peer.id)  # its next process is there already

    def _drop(self, peer: LinkedPeer, effect: CloseConnection) -> None:
        attempt = peer.attempts.get(effect.key)
        if attempt is None:
            return
        if not (attempt.open or attempt.over):
            peer.likely = attempt.likely or peer.likely
            trouble = attempt.trouble or "no stream"
            attempt.trace.end(f"given up, {trouble}; {effect.reason.rstrip('.')}")
            self.on_ended(attempt)
        if effect.after:
            asyncio.get_running_loop().call_later(effect.after, self.forget, peer, attempt)
        else:
            self.forget(peer, attempt)

    def forget(self, peer: LinkedPeer, attempt: LinkAttempt) -> None:
        """The end of a connection, whatever it was."""
        if peer.attempts.pop(attempt.key, None) is None:
            return
        attempt.over = True
        peer.link.forget_old(attempt.key)
        peer.read.discard(attempt.key)
        path = peer.paths.pop(attempt.key, None)
        if path is not None:
            self._peers.listener.detach(peer.id, path)
        if peer.open is attempt:
            peer.open, peer.path = None, None
            self._reports.changed()
        self.spawn(attempt.close())

    def close(self, peer: LinkedPeer, error: MeshError) -> None:
        """End the open link on purpose, and say why."""
        sink: Sink = []
        peer.link.close(self._now(), sink)
        self.perform(peer, sink)
        self._peers.listener.refused(peer.id, error)

    # -- for an attempt

    def tell(self, message: msgspec.Struct) -> bool:
        """Send by signaling; of what does not go a deadline tells, too."""
        return self.signals.send(message)

    def acked(self, peer: str, incarnation: str) -> int:
        """``hello.a``."""
        return self._peers.listener.received(AgentId(peer), incarnation)

    def connected(self, attempt: LinkAttempt) -> None:
        """The connection exists: give it the candidates that were early."""
        peer = self._peers.get(attempt.peer)
        if peer is not None:
            sink: Sink = []
            peer.link.ready(attempt.key, sink)
            self.perform(peer, sink)

    def verified(self, attempt: LinkAttempt) -> None:
        """Both hellos hold: the mesh gets the path, a replaced one is read for a while."""
        peer = self._peers.get(attempt.peer)
        if peer is None or attempt.key not in peer.attempts:
            return
        path = attempt.path(
            lambda bye: self._bye(peer, attempt, bye),
            lambda reason: self._broken(peer, attempt, reason),
        )
        peer.paths[attempt.key] = path
        path.on_revoked = lambda frame: self.revocations.receive(peer, frame)
        sink: Sink = []
        if peer.link.verified(attempt.key, self._now(), sink, path.tier):
            self.perform(peer, sink)
            if attempt.key in peer.paths and attempt.key not in peer.read:
                self._read(peer, attempt)
            if attempt.hello is not None:
                self.revocations.compare(path, attempt.hello)
            self._reports.changed()
            self.on_ended(attempt)
        else:
            del peer.paths[attempt.key]

    def _read(self, peer: LinkedPeer, attempt: LinkAttempt) -> None:
        """The peer may send by that path, though a better one is in use here."""
        peer.read.add(attempt.key)
        self._peers.listener.read(peer.id, peer.paths[attempt.key])
        attempt.replay()

    def failed(self, attempt: LinkAttempt, error: MeshError) -> None:
        """A connection came to nothing."""
        peer = self._peers.get(attempt.peer)
        if attempt.over or peer is None:
            return
        peer.trouble = attempt.trouble or peer.trouble
        if not isinstance(error, Unreachable):
            self.refuse(attempt.peer, error, "hello", attempt.attempt)
        sink: Sink = []
        peer.link.failed(attempt.key, error, self._now(), sink)
        self.perform(peer, sink)
        self.forget(peer, attempt)

    def closed(self, attempt: LinkAttempt) -> None:
        """The channel of an open link closed: its path is dead for good."""
        self.path_died(self._peers[attempt.peer], attempt)

    def path_died(self, peer: LinkedPeer, attempt: LinkAttempt) -> None:
        """Go on with a new attempt, unless both agreed to close."""
        again = not peer.agreed or not self._peers.listener.idle(peer.id)
        sink: Sink = []
        peer.link.lost(attempt.key, self._now(), sink, again=again and not self.stopping)
        self.perform(peer, sink)

    def depart(self, peer: LinkedPeer) -> None:
        """The verdict *gone*."""
        sink: Sink = []
        peer.link.depart(sink)
        self.perform(peer, sink)

    def want(self, peer: LinkedPeer, now: float) -> None:
        """Open a link to that peer unless there is one, though nothing waits for it."""
        sink: Sink = []
        peer.link.want(now, sink, idle=True)
        self.perform(peer, sink)

    def renew(self, peer: LinkedPeer, at: float) -> None:
        """Another path beside the open one, from ``at`` on: this host has other addresses."""
        sink: Sink = []
        peer.link.renew(at, sink)
        self.perform(peer, sink)

    def step(self, peer: LinkedPeer, now: float) -> None:
        """What is due for one peer by time."""
        sink: Sink = []
        if len(peer.paths) > 1:
            for key, path in peer.paths.items():
                if path.frame_at and path is not peer.path:
                    peer.link.frame_received(key, now, sink)
        peer.link.tick(now, self.signals.up, sink)
        self.perform(peer, sink)

    def _bye(self, peer: LinkedPeer, attempt: LinkAttempt, bye: Bye) -> None:
        """Idle close (links.md section 4). Silence refuses it."""
        path = peer.paths.get(attempt.key)
        if path is None or peer.open is not attempt or not self._peers.listener.idle(peer.id):
            return
        if bye.bye is not None:
            try:
                path.say(Bye(bye_ack=bye.bye))
            except EngineRefused:
                return
            peer.agreed = True
        elif bye.bye_ack is not None and peer.bye_at:
            sink: Sink = []
            peer.link.close(self._now(), sink)
            self.perform(peer, sink)

    def _broken(self, peer: LinkedPeer, attempt: LinkAttempt, reason: str) -> None:
        """The mesh will not read this path any more: its peer broke the protocol."""
        if peer.open is not attempt:
            return
        # Over its credit: barred for a minute (trust.md section 2). Malformed: for a moment, so
        # that a frame that is sent again on each new path makes no circle.
        peer.link.guard.bar(
            self._now(), BAR_SECONDS if "credit" in reason else BAR_MALFORMED_SECONDS
        )
        self.refuse(peer.id, BadRequest(reason), "link", attempt.attempt)
        self.path_died(peer, attempt)
        self.forget(peer, attempt)

    # -- helpers

    def refuse(self, name: str, error: MeshError, ref: str, attempt: int) -> None:
        """One sentence here, one to the other side; a flood of them is not worth more."""
        if not self._refusals.take(self._now()):
            return
        log.warning("no link to %s: %s", name[:64], error)
        peer = self._peers.get(name)
        if peer is not None:
            trying = peer.link.trying
            self.tell(
                SignalError(
                    error.code,
                    error.message,
                    ref,
                    error.retryable,
                    error.outcome,
                    name,
                    incarnation=self.me.incarnation,
                    peer_incarnation=trying.incarnation if trying else "",
                    attempt=attempt,
                )
            )

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """A task that is awaited when the driver stops."""
        self.tasks.spawn(work)

    async def end_tasks(self) -> None:
        """Most end with their connection; an engine that does not let go is not waited for."""
        await self.tasks.stop(STOP_SECONDS)

    def _now(self) -> float:
        return self.world.monotonic()


def _unheard(attempt: LinkAttempt) -> None:
    """Nobody asked."""


def _log_failure(error: BaseException) -> None:
    """What a task raises is a defect."""
    log.error("a link's task failed", exc_info=error)
