"""What the link driver does for a decision of ``core.link``: connections, paths, words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final, Protocol, cast

import msgspec

from chatixia.core.handshake import VerifiedDescription
from chatixia.core.link import (
    BAR,
    AcceptOffer,
    AddCandidate,
    CloseConnection,
    CreateOffer,
    Effect,
    Link,
    ReportDeparture,
    ReportFailure,
    RequestOffer,
    Sink,
)
from chatixia.core.ports import LocalIdentity
from chatixia.core.rates import TokenBucket
from chatixia.core.shares import holder_of
from chatixia.errors import BadRequest, MeshError, Overloaded, Unreachable
from chatixia.ids import AgentId
from chatixia.peer.engines.base import Engine, EngineRefused, IceServer
from chatixia.peer.ports import LinkListener
from chatixia.wire.peer import Bye
from chatixia.wire.signaling import Connect, LinkReport, Links, Offer, SignalError
from chatixia.world import World

from .attempt import LinkAttempt
from .monitor import LinkedPeer, LinkMonitor
from .path import LinkPath

log = logging.getLogger("chatixia.peer")

MOST_PEERS: Final = 4096
BREATH: Final = 1.0
STOP_SECONDS: Final = 2.0
SENTENCES: Final = (20, 0.5)
"""Refusals that are logged and told: a burst, and seconds for one more."""


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


class LinkEffects(LinkMonitor):
    """Performs effects for every peer; the ``Host`` of births (``peer.links.attempt``)."""

    listener: LinkListener

    def __init__(
        self,
        me: LocalIdentity,
        engine: Engine,
        signals: Signals,
        world: World,
        keep: int | None,
        ttl: float,
    ) -> None:
        self.me, self.engine, self.world = me, engine, world
        self.servers: Sequence[IceServer] = ()
        self._signals = signals
        self._tasks: set[asyncio.Task[None]] = set()
        self._sentences = TokenBucket(*SENTENCES, world.monotonic())
        self._stopping = False
        super().__init__(world, keep, ttl)

    # -- effects

    def _perform(
        self,
        peer: LinkedPeer,
        sink: Sink,
        offer: Offer | None = None,
        heard: VerifiedDescription | None = None,
    ) -> None:
        for effect in sink:
            if isinstance(effect, AcceptOffer):
                assert offer and heard
                birth = self._birth(peer, effect.key, heard.attempt, heard.incarnation)
                self.spawn(self._run(birth, birth.answer(offer, heard)))
            else:
                self._one(peer, effect)

    def _one(self, peer: LinkedPeer, effect: Effect) -> None:
        match effect:
            case CreateOffer():
                birth = self._birth(peer, effect.key, effect.attempt, effect.incarnation)
                self.spawn(self._run(birth, birth.offer()))
            case AddCandidate():
                birth = peer.births[effect.key]
                self.spawn(self._run(birth, birth.candidate(effect.candidate)))
            case CloseConnection():
                self._drop(peer, effect)
            case RequestOffer():
                self.tell(Connect(peer.id, incarnation=self.me.incarnation, restart=effect.restart))
            case ReportFailure():
                self.listener.refused(peer.id, effect.error)
            case ReportDeparture():
                self.listener.departed(peer.id, effect.incarnation)
                if peer.link.left_at is None and peer.link.incarnation not in (
                    "",
                    effect.incarnation,
                ):
                    self.listener.present(peer.id)  # its next process is there already
            case AcceptOffer():
                pass

    def _birth(self, peer: LinkedPeer, key: int, attempt: int, incarnation: str) -> LinkAttempt:
        birth = LinkAttempt(self, key, peer.id, attempt, incarnation)
        peer.births[key] = birth
        peer.attempts += 1
        return birth

    async def _run(self, birth: LinkAttempt, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except MeshError as error:
            self.failed(birth, error)
        except EngineRefused as refused:
            if refused.why == "bad_description":
                self.failed(birth, BadRequest(f"The engine refuses what {birth.peer} described."))
            else:
                self.failed(birth, Unreachable(f"The engine gave up on {birth.peer}: {refused}."))

    def _drop(self, peer: LinkedPeer, drop: CloseConnection) -> None:
        birth = peer.births.get(drop.key)
        if birth is None:
            return
        if not (birth.open or birth.over):
            peer.likely = birth.likely
            birth.trace.end(f"given up, {birth.trouble}; {drop.why.rstrip('.')}")
        if drop.after:
            asyncio.get_running_loop().call_later(drop.after, self._forget, peer, birth)
        else:
            self._forget(peer, birth)

    def _forget(self, peer: LinkedPeer, birth: LinkAttempt) -> None:
        """The end of a connection, whatever it was."""
        if peer.births.pop(birth.key, None) is None:
            return
        birth.over = True
        peer.link.forget_old(birth.key)
        path = peer.paths.pop(birth.key, None)
        if path is not None:
            self.listener.detach(peer.id, path)
        if peer.open is birth:
            peer.open, peer.path = None, None
            self.changed()
        self.spawn(birth.close())

    def _close(self, peer: LinkedPeer, error: MeshError) -> None:
        """End the open link on purpose, and say why."""
        assert peer.open
        sink: Sink = []
        peer.link.lost(peer.open.key, self._now(), sink, again=False)
        self._perform(peer, sink)
        self.listener.refused(peer.id, error)

    # -- for a birth

    def tell(self, message: msgspec.Struct) -> None:
        """Send by signaling; what does not go is noticed by its deadline."""
        self._signals.send(message)

    def acked(self, peer: str, incarnation: str) -> int:
        """``hello.a``."""
        return self.listener.received(AgentId(peer), incarnation)

    def made(self, birth: LinkAttempt) -> None:
        """The connection exists: give it the candidates that were early."""
        peer = self.peers.get(birth.peer)
        if peer is not None:
            sink: Sink = []
            peer.link.ready(birth.key, sink)
            self._perform(peer, sink)

    def verified(self, birth: LinkAttempt) -> None:
        """Both hellos hold: the mesh gets the path, a replaced one is read for a while."""
        peer = self.peers.get(birth.peer)
        sink: Sink = []
        if peer is None or not peer.link.verified(birth.key, self._now(), sink):
            return
        assert birth.channel and birth.said and birth.stats
        path = LinkPath(
            birth.channel,
            birth.stats.tier,
            birth.stats.remote_addr,
            (self._now() - birth.began) * 1000,
            lambda said: self._bye(peer, birth, said),
            lambda why: self._given_up(peer, birth, why),
            holder_of(birth.member) if birth.member else "",
        )
        self.opened(peer, birth, path)
        self.listener.attach(peer.id, birth.incarnation, path, birth.said.a)
        birth.replay()
        if birth.stats.rtt_ms is None:
            self.listener.probe(peer.id)
        self._perform(peer, sink)
        self.changed()

    def failed(self, birth: LinkAttempt, error: MeshError) -> None:
        """A connection came to nothing."""
        peer = self.peers.get(birth.peer)
        if birth.over or peer is None:
            return
        peer.trouble = birth.trouble
        if not isinstance(error, Unreachable):
            self._refuse(birth.peer, error, "hello", birth.attempt)
        sink: Sink = []
        peer.link.failed(birth.key, error, self._now(), sink)
        self._perform(peer, sink)
        self._forget(peer, birth)

    def closed(self, birth: LinkAttempt) -> None:
        """The channel of an open link closed: its path is dead for good."""
        self.path_died(self.peers[birth.peer], birth)

    def path_died(self, peer: LinkedPeer, birth: LinkAttempt) -> None:
        """Go on with a new attempt, unless both agreed to close."""
        again = not peer.agreed or not self.listener.idle(peer.id)
        sink: Sink = []
        peer.link.lost(birth.key, self._now(), sink, again=again and not self._stopping)
        self._perform(peer, sink)

    def declare_gone(self, peer: LinkedPeer) -> None:
        """The verdict *gone*."""
        sink: Sink = []
        peer.link.gone(sink)
        self._perform(peer, sink)

    def step(self, peer: LinkedPeer, now: float) -> None:
        """What is due for one peer by time."""
        sink: Sink = []
        peer.link.tick(now, self._signals.up, sink)
        self._perform(peer, sink)

    @property
    def up(self) -> bool:
        """Whether the registry can be asked."""
        return self._signals.up

    def publish(self, reports: list[LinkReport]) -> None:
        """Tell the registry which links are open."""
        self._signals.send(Links(reports))

    def _bye(self, peer: LinkedPeer, birth: LinkAttempt, said: Bye) -> None:
        """Idle close (links.md section 4). Silence refuses it."""
        path = peer.paths.get(birth.key)
        if path is None or peer.open is not birth or not self.listener.idle(peer.id):
            return
        if said.bye is not None:
            try:
                path.say(Bye(bye_ack=said.bye))
            except EngineRefused:
                return
            peer.agreed = True
        elif said.bye_ack is not None and peer.bye_at:
            sink: Sink = []
            peer.link.lost(birth.key, self._now(), sink, again=False)
            self._perform(peer, sink)

    def _given_up(self, peer: LinkedPeer, birth: LinkAttempt, why: str) -> None:
        """The mesh will not read this path any more: its peer broke the protocol."""
        if peer.link.open is None or peer.link.open.key != birth.key:
            return
        # Over its credit: barred for a minute (trust.md section 2). Malformed: for a moment, so
        # that a frame that is sent again on each new path makes no circle.
        peer.link.bar(self._now(), BAR if "credit" in why else BREATH)
        self._refuse(peer.id, BadRequest(why), "link", birth.attempt)
        self.path_died(peer, birth)
        self._forget(peer, birth)

    # -- helpers

    def _peer(self, name: str) -> LinkedPeer:
        peer = self.peers.get(name)
        if peer is None:
            if len(self.peers) >= MOST_PEERS:
                self._forget_someone()
            link = Link(self.me.id, name, self._now(), self._attempts)
            peer = self.peers[name] = LinkedPeer(AgentId(name), link)
        return peer

    def _forget_someone(self) -> None:
        if not any(peer.quiet and self.forget(peer) for peer in [*self.peers.values()]):
            raise Overloaded("Too many peers.")

    def _refuse(self, peer: str, error: MeshError, ref: str, attempt: int) -> None:
        """One sentence here, one to the other side; a flood of them is not worth more."""
        if not self._sentences.take(self._now()):
            return
        log.warning("no link to %s: %s", peer[:64], error)
        known = self.peers.get(peer)
        if known is not None:
            theirs = known.link.trying.incarnation if known.link.trying else ""
            self.tell(
                SignalError(
                    error.code,
                    error.message,
                    ref,
                    error.retryable,
                    error.outcome,
                    peer,
                    incarnation=self.me.incarnation,
                    peer_incarnation=theirs,
                    attempt=attempt,
                )
            )

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is awaited when the driver stops; what it raises is a defect and logged."""
        task = cast("asyncio.Task[None]", asyncio.ensure_future(work))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a link's task failed", exc_info=error)

    def _now(self) -> float:
        return self.world.monotonic()

    async def _end_tasks(self) -> None:
        """Most end with their connection; an engine that does not let go is not waited for."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        late = list(self._tasks)
        for task in late:
            log.debug("a task of the links is cancelled: %r", task)
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
