"""The link driver: offers, answers and connections for the decisions of ``core.link``.

What comes by signaling is judged in this order: size (at the socket), sender, rate, signature,
policy; only then is there a connection (trust.md section 2). Each refusal is one sentence in the
log, and an error to the other side.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Final, Protocol, cast

import msgspec

from chatixia.core.handshake import Heard, check_offer
from chatixia.core.link import BAR, Add, Ask, Drop, Effect, Fail, Gone, Link, Make, Sink, Take
from chatixia.core.membership import check_member
from chatixia.core.ports import Self
from chatixia.core.rates import Bucket
from chatixia.errors import (
    BadRequest,
    Denied,
    MembershipExpired,
    MeshError,
    Overloaded,
    PeerRestarted,
    UnknownAgent,
    Unreachable,
    WireError,
    from_wire,
)
from chatixia.ids import AgentId, is_peer_id
from chatixia.wire.peer import Bye
from chatixia.wire.signaling import (
    Answer,
    Connect,
    IceCandidate,
    LinkReport,
    Links,
    Offer,
    PeerJoined,
    PeerLeft,
    PeerList,
    SignalError,
)
from chatixia.world import REAL, World

from .channel import Upper
from .engines.base import Engine, EngineRefused, IceServer
from .link_birth import Birth
from .link_path import LinkPath
from .link_watch import Peer, Watching

log = logging.getLogger("chatixia.peer")

MOST_PEERS: Final = 4096
MOST_CONNECTIONS: Final = 1024
BREATH: Final = 1.0
STOP_SECONDS: Final = 2.0
SENTENCES: Final = (20, 0.5)
"""Refusals that are logged and told: a burst, and seconds for one more."""


class Signals(Protocol):
    """The way to other agents before there is a link (``peer.signaling``)."""

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


class LinkDriver(Watching):
    """All links of one principal; implements :class:`chatixia.peer.channel.Links`.

    ``keep``: warm links that may idle (None: all). ``ttl``: seconds that links live without the
    registry's confirmation.
    """

    upper: Upper

    def __init__(
        self, me: Self, engine: Engine, signals: Signals, *, world: World = REAL,
        keep: int | None = 32, ttl: float = 7 * 86_400.0,
    ) -> None:  # fmt: skip
        self.me, self.engine, self.world = me, engine, world
        self.servers: Sequence[IceServer] = ()
        self._signals = signals
        self._tasks: set[asyncio.Task[None]] = set()
        self._sentences = Bucket(*SENTENCES, world.monotonic())
        self._stopping = False
        super().__init__(world, keep, ttl)

    # -- for the mesh

    async def start(self) -> None:
        """Begin to watch what is open, and wake the engine: its first connection is slow."""
        self.begin_watching()
        self.spawn(self._warm())

    async def _warm(self) -> None:
        with contextlib.suppress(EngineRefused):
            await (await self.engine.connection()).close(0)

    async def stop(self) -> None:
        """Leave the list, close every link with a drain, end every task."""
        self._stopping = True
        self._signals.leave()
        await self.end_watching()
        births = [birth for peer in self.peers.values() for birth in peer.births.values()]
        for birth in births:
            birth.over = True
        await asyncio.gather(*(birth.close() for birth in births), return_exceptions=True)
        await self.engine.close()
        await self._end_tasks()
        self.peers.clear()

    async def _end_tasks(self) -> None:
        """Most end with their connection; an engine that does not let go is not waited for."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        late = list(self._tasks)
        for task in late:
            log.debug("a task of the links is cancelled: %r", task)
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def want(self, peer: AgentId) -> None:
        """Start to open a link unless there is one or an attempt runs.

        With the next turn of the loop: a refusal must not reach the mesh before it waits for one.
        """
        asyncio.get_running_loop().call_soon(self._want, peer)

    def _want(self, name: AgentId) -> None:
        if self._stopping:
            return
        sink: Sink = []
        try:
            peer = self._peer(name)
        except Overloaded as error:
            self.upper.refused(name, error)
            return
        if self._signals.up:
            peer.link.want(self._now(), sink)
            self._perform(peer, sink)
        else:
            peer.link.hope(self._now())

    def report(self) -> Sequence[LinkReport]:
        """The open links as their engines saw them last."""
        return [self.report_of(peer) for peer in self.peers.values() if peer.open]

    def cut(self, peer: str) -> None:
        """For tests: the connection dies under the living session, as if its path had."""
        found = self.peers[peer]
        assert found.open and found.open.connection
        self.spawn(found.open.connection.close(0))

    # -- for signaling

    def registry(self, up: bool) -> None:
        """The login stands, or is lost."""
        self.confirmed_at = self._now()
        if up:
            self.tick(self._now())

    def use(self, servers: Iterable[IceServer]) -> None:
        """STUN and TURN servers for new connections."""
        self.servers = tuple(servers)

    def signal(self, message: msgspec.Struct) -> None:
        """A frame from the registry that is about links. Never raises."""
        match message:
            case Offer() | Answer() | IceCandidate() | Connect():
                self._from_peer(message)
            case SignalError():
                self._error(message)
            case PeerJoined():
                self._present(message.peer.id, message.peer.incarnation)
            case PeerList():
                for info in message.peers:
                    self._present(info.id, info.incarnation)
            case PeerLeft():
                self._left(message)
            case _:
                pass

    def recheck(self) -> None:
        """Close links to members that are revoked or over, all if nothing confirmed me for long."""
        now = self._now()
        stale = not self._signals.up and now - self.confirmed_at > self.ttl
        for peer in list(self.peers.values()):
            if not peer.open or not peer.open.member:
                continue
            try:
                if stale:
                    raise MembershipExpired("No registry confirmed this membership for too long.")
                check_member(peer.open.member, self.me.clock.now(), self.me.book.revocations)
            except MeshError as error:
                log.warning("closing the link to %s: %s", peer.id, error)
                self._close(peer, error)

    def _from_peer(self, said: Offer | Answer | IceCandidate | Connect) -> None:
        if self._stopping:
            return
        ref = type(said).__struct_config__.tag
        attempt = 0 if isinstance(said, Connect) else said.attempt
        try:
            if not is_peer_id(said.peer_id) or said.peer_id == self.me.id:
                raise Denied(f"A {ref} came from nobody.")
            if said.target_id != self.me.id:
                raise Denied(f"A {ref} for {said.target_id[:64]!r} came here.")
            self._read(self._peer(said.peer_id), said)
        except MeshError as error:
            self._refuse(said.peer_id, error, str(ref), attempt)
            if isinstance(said, Offer) and said.peer_id in self.peers:
                sink: Sink = []
                self.peers[said.peer_id].link.refused(error, sink)
                self._perform(self.peers[said.peer_id], sink)

    def _read(self, peer: Peer, said: Offer | Answer | IceCandidate | Connect) -> None:
        match said:
            case Offer():
                self._offer(peer, said)
            case Answer():
                self._answer(peer, said)
            case Connect():
                sink: Sink = []
                peer.link.asked(said.incarnation, said.restart, self._now(), sink)
                self._perform(peer, sink)
            case IceCandidate():
                sink = []
                if said.peer_incarnation == self.me.incarnation:
                    peer.link.candidate(said, sink)
                self._perform(peer, sink)

    def _offer(self, peer: Peer, offer: Offer) -> None:
        now = self._now()
        peer.link.admit(now)
        if offer.peer_incarnation != self.me.incarnation:
            raise PeerRestarted(f"{self.me.id} is another process by now.")
        heard = check_offer(offer, self.me, self.me.book, now=self.me.clock.now())
        sink: Sink = []
        peer.link.offered(heard.incarnation, heard.attempt, now, sink)
        self._perform(peer, sink, offer, heard)

    def _answer(self, peer: Peer, answer: Answer) -> None:
        trying = peer.link.trying
        birth = peer.births.get(trying.key) if trying else None
        if birth is None or answer.attempt != birth.attempt:
            log.debug("an answer of %s to no offer of mine", peer.id)
            return
        self.spawn(self._run(birth, birth.answered(answer)))

    def _error(self, said: SignalError) -> None:
        """Why the other side (or, unstamped, the registry) carries no link on."""
        name = said.peer_id or said.target_id
        peer = self.peers.get(name)
        if peer is None or said.ref == "error":
            return
        now = self._now()
        sink: Sink = []
        wire = WireError(said.code, said.message, said.retryable, said.outcome, agent=name)
        error = from_wire(wire)
        if said.peer_id and said.peer_incarnation not in ("", self.me.incarnation):
            return
        if not said.peer_id and isinstance(error, UnknownAgent):
            peer.link.unknown(now)
        # An agent's refusal concerns both users; that the registry does not know one is common.
        log.log(logging.WARNING if said.peer_id else logging.INFO, "%s: no link: %s", name, error)
        peer.link.told(error, said.attempt, now, sink)
        if said.peer_id and isinstance(error, PeerRestarted) and said.incarnation:
            peer.link.present(said.incarnation, now, sink)
        self._perform(peer, sink)

    def _present(self, name: str, incarnation: str) -> None:
        if name in self.peers or is_peer_id(name):
            peer = self._peer(name)
            sink: Sink = []
            peer.link.present(incarnation, self._now(), sink)
            self._perform(peer, sink)

    def _left(self, said: PeerLeft) -> None:
        peer = self.peers.get(said.peer_id)
        if peer is not None:
            peer.link.left(said.incarnation, said.clean, self._now())
            self.doubt(peer)

    # -- effects

    def _perform(
        self, peer: Peer, sink: Sink, offer: Offer | None = None, heard: Heard | None = None
    ) -> None:
        for effect in sink:
            if isinstance(effect, Take):
                assert offer and heard
                birth = self._birth(peer, effect.key, heard.attempt, heard.incarnation)
                self.spawn(self._run(birth, birth.answer(offer, heard)))
            else:
                self._one(peer, effect)

    def _one(self, peer: Peer, effect: Effect) -> None:
        match effect:
            case Make():
                birth = self._birth(peer, effect.key, effect.attempt, effect.incarnation)
                self.spawn(self._run(birth, birth.offer()))
            case Add():
                birth = peer.births[effect.key]
                self.spawn(self._run(birth, birth.candidate(effect.candidate)))
            case Drop():
                self._drop(peer, effect)
            case Ask():
                self.tell(Connect(
                    peer.id, incarnation=self.me.incarnation, restart=effect.restart
                ))  # fmt: skip
            case Fail():
                self.upper.refused(peer.id, effect.error)
            case Gone():
                self.upper.gone(peer.id, effect.incarnation)
            case Take():
                pass

    def _birth(self, peer: Peer, key: int, attempt: int, incarnation: str) -> Birth:
        birth = Birth(self, key, peer.id, attempt, incarnation)
        peer.births[key] = birth
        peer.attempts += 1
        return birth

    async def _run(self, birth: Birth, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except MeshError as error:
            self.failed(birth, error)
        except EngineRefused as refused:
            if refused.why == "bad_description":
                self.failed(birth, BadRequest(f"The engine refuses what {birth.peer} described."))
            else:
                self.failed(birth, Unreachable(f"The engine gave up on {birth.peer}: {refused}."))

    def _drop(self, peer: Peer, drop: Drop) -> None:
        birth = peer.births.get(drop.key)
        if birth is None:
            return
        if drop.after:
            asyncio.get_running_loop().call_later(drop.after, self._forget, peer, birth)
        else:
            self._forget(peer, birth)

    def _forget(self, peer: Peer, birth: Birth) -> None:
        """The end of a connection, whatever it was."""
        if peer.births.pop(birth.key, None) is None:
            return
        birth.over = True
        peer.link.forget_old(birth.key)
        path = peer.paths.pop(birth.key, None)
        if path is not None:
            self.upper.detach(peer.id, path)
        if peer.open is birth:
            peer.open, peer.path = None, None
            self.changed()
        self.spawn(birth.close())

    def _close(self, peer: Peer, error: MeshError) -> None:
        """End the open link on purpose, and say why."""
        assert peer.open
        sink: Sink = []
        peer.link.lost(peer.open.key, self._now(), sink, again=False)
        self._perform(peer, sink)
        self.upper.refused(peer.id, error)

    # -- for a birth

    def tell(self, message: msgspec.Struct) -> None:
        """Send by signaling; what does not go is noticed by its deadline."""
        self._signals.send(message)

    def acked(self, peer: str, incarnation: str) -> int:
        """``hello.a``."""
        return self.upper.received(AgentId(peer), incarnation)

    def made(self, birth: Birth) -> None:
        """The connection exists: give it the candidates that were early."""
        peer = self.peers.get(birth.peer)
        if peer is not None:
            sink: Sink = []
            peer.link.ready(birth.key, sink)
            self._perform(peer, sink)

    def verified(self, birth: Birth) -> None:
        """Both hellos hold: the mesh gets the path, a replaced one is read for a while."""
        peer = self.peers.get(birth.peer)
        sink: Sink = []
        if peer is None or not peer.link.verified(birth.key, self._now(), sink):
            return
        assert birth.channel and birth.said and birth.stats
        path = LinkPath(
            birth.channel, birth.stats.tier, birth.stats.remote_addr,
            (self._now() - birth.began) * 1000,
            lambda said: self._bye(peer, birth, said),
            lambda why: self._given_up(peer, birth, why),
        )  # fmt: skip
        self.opened(peer, birth, path)
        self.upper.attach(peer.id, birth.incarnation, path, birth.said.a)
        birth.replay()
        self._perform(peer, sink)
        self.changed()

    def failed(self, birth: Birth, error: MeshError) -> None:
        """A connection came to nothing."""
        peer = self.peers.get(birth.peer)
        if birth.over or peer is None:
            return
        if not isinstance(error, Unreachable):
            self._refuse(birth.peer, error, "hello", birth.attempt)
        sink: Sink = []
        peer.link.failed(birth.key, error, self._now(), sink)
        self._perform(peer, sink)
        self._forget(peer, birth)

    def closed(self, birth: Birth) -> None:
        """The channel of an open link closed: its path is dead for good."""
        self.path_died(self.peers[birth.peer], birth)

    def path_died(self, peer: Peer, birth: Birth) -> None:
        """Go on with a new attempt, unless both agreed to close."""
        again = not peer.agreed or not self.upper.idle(peer.id)
        sink: Sink = []
        peer.link.lost(birth.key, self._now(), sink, again=again and not self._stopping)
        self._perform(peer, sink)

    def declare_gone(self, peer: Peer) -> None:
        """The verdict *gone*."""
        sink: Sink = []
        peer.link.gone(sink)
        self._perform(peer, sink)

    def step(self, peer: Peer, now: float) -> None:
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

    def _bye(self, peer: Peer, birth: Birth, said: Bye) -> None:
        """Idle close (links.md section 4). Silence refuses it."""
        path = peer.paths.get(birth.key)
        if path is None or peer.open is not birth or not self.upper.idle(peer.id):
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

    def _given_up(self, peer: Peer, birth: Birth, why: str) -> None:
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

    def _peer(self, name: str) -> Peer:
        peer = self.peers.get(name)
        if peer is None:
            if len(self.peers) >= MOST_PEERS:
                self._forget_someone()
            link = Link(self.me.id, name, self._now())
            peer = self.peers[name] = Peer(AgentId(name), link)
        return peer

    def _forget_someone(self) -> None:
        quiet = next((name for name, peer in self.peers.items() if peer.quiet), None)
        if quiet is None:
            raise Overloaded("Too many peers.")
        del self.peers[quiet]

    def _refuse(self, peer: str, error: MeshError, ref: str, attempt: int) -> None:
        """One sentence here, one to the other side; a flood of them is not worth more."""
        if not self._sentences.take(self._now()):
            return
        log.warning("no link to %s: %s", peer[:64], error)
        known = self.peers.get(peer)
        if known is not None:
            theirs = known.link.trying.incarnation if known.link.trying else ""
            self.tell(SignalError(
                error.code, error.message, ref, error.retryable, error.outcome, peer,
                incarnation=self.me.incarnation, peer_incarnation=theirs, attempt=attempt,
            ))  # fmt: skip

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
