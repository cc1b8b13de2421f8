"""PeerMesh: the mesh port (``core.ports.Mesh``) over links and the registry's queue."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import msgspec

from chatixia.core import route
from chatixia.core.call import Calls, Sink
from chatixia.core.exchange import Pending
from chatixia.core.ports import Answer, Handler, Outgoing, Pong, Self, Stream
from chatixia.core.timers import Wheel
from chatixia.errors import (
    BadArguments,
    DeadlineExceeded,
    Denied,
    MeshError,
    NotFound,
    Overloaded,
    RegistryUnreachable,
    Rejected,
    Unavailable,
    UnknownAgent,
    Unreachable,
)
from chatixia.ids import AgentId, is_peer_id
from chatixia.wire.base import encode
from chatixia.wire.peer import SkillInfo, SkillQuery, SkillReply
from chatixia.wire.registry import AgentRecord, AgentRef
from chatixia.wire.signaling import LinkReport
from chatixia.world import REAL, World

from .calls import LinkStream, Perform
from .channel import Channel, Handle, Links, LoopTimers, Path, Registry, Timers
from .queue import Queue
from .work import Worker

MAX_PEERS: Final = 4096
SWEEP_SECONDS: Final = 10.0
DIRECTORY_SECONDS: Final = 5.0

_query: Final = msgspec.json.Decoder(SkillQuery)


class _Peer:
    """What this mesh has of one other: calls, the channel under them, what is known of it."""

    __slots__ = ("calls", "channel", "incarnation", "looking", "opened", "seen")

    def __init__(self, calls: Calls, channel: Channel) -> None:
        self.calls, self.channel = calls, channel
        self.incarnation = ""
        self.seen = route.Seen()
        self.looking: asyncio.Task[None] | None = None
        self.opened: list[asyncio.Future[None]] = []


class PeerMesh:
    """One principal's sessions with all its peers. ``registry`` None: links only.

    ``await start()``, ``await stop()``; between them every method of ``core.ports.Mesh``.
    It is the ``Upper`` of ``links``.
    """

    def __init__(
        self,
        me: Self,
        links: Links,
        registry: Registry | None = None,
        *,
        world: World = REAL,
        timers: Timers | None = None,
    ) -> None:
        self._me, self._links, self._registry = me, links, registry
        self.incarnation = me.incarnation
        self._world = world
        self._timers: Timers = timers or LoopTimers()
        self._queue = Queue(registry, world, self._timers) if registry is not None else None
        self._worker = (
            Worker(me.id, registry, world, self._timers) if registry is not None else None
        )
        self._wheel: Wheel[Any] = Wheel()
        self._wheel.on_earlier = self._arm
        self._alarm: Handle | None = None
        self._sweeper: Handle | None = None
        self._peers: dict[str, _Peer] = {}
        self._skills: dict[str, SkillInfo] = {}
        self._handler: Handler | None = None
        self._slots = 0
        self._prefix = world.token(6).hex()
        self._count = 0
        self._stopped = False
        links.upper = self
        if registry is not None:
            registry.on_push = self._pushed
            registry.on_state = self._registry_state

    @property
    def id(self) -> AgentId:
        """My own id."""
        return self._me.id

    async def start(self) -> None:
        """Start the links and, with skills served, the queue's worker."""
        self._loop = asyncio.get_running_loop()
        self._perform = Perform(self._loop)
        self._perform.on_late = self._late
        self._perform.skills = self._describe
        if self._handler is not None:
            self._perform.handler = self._handler
        await self._links.start()

    async def stop(self) -> None:
        """Cancel what runs, close links, end every task."""
        self._stopped = True
        for peer in self._peers.values():
            sink: Sink = []
            for pending in list(peer.calls.asked.values()):
                peer.calls.end(pending, Unavailable("This process is stopping."), sink)
            self._perform(peer.channel, sink)
            if peer.looking is not None:
                peer.looking.cancel()
        await self._perform.stop()
        if self._queue is not None:
            await self._queue.stop()
        if self._worker is not None:
            await self._worker.stop()
        await self._links.stop()
        for timer in (self._alarm, self._sweeper):
            if timer is not None:
                timer.cancel()

    # -- core.ports.Mesh

    async def call(self, out: Outgoing) -> Answer:
        """One answer, or one MeshError before the deadline."""
        peer = self._peers.get(out.target)
        if peer is None or peer.channel.path is None or out.queue == "only" or out.timeout <= 0:
            return await self._call_without_link(out)
        self._count += 1
        now = self._world.monotonic()
        pending = peer.calls.ask(out, out.key or f"{self._prefix}{self._count:x}", now)
        pending.waiter = self._loop.create_future()
        channel = peer.channel
        channel.kick()
        try:
            await pending.waiter
        except asyncio.CancelledError:
            self._leave(peer, pending)
            raise
        value = pending.value
        if value is None:
            return await self._elsewhere(peer, pending)
        ms = 1000 * (self._world.monotonic() - now)
        where = channel.path.where if channel.path is not None else ""
        return Answer(bytes(value), pending.via, ms, out.target, None, where)

    def _leave(self, peer: _Peer, pending: Pending) -> None:
        peer.calls.cancel(pending)
        peer.channel.kick()

    async def _elsewhere(self, peer: _Peer, pending: Pending) -> Answer:
        """No value came: the error, or the queue's turn."""
        if pending.error is not None:
            raise pending.error
        assert pending.moved and self._queue is not None
        return await self._queue.call(pending.out, pending.rid, pending.deadline)

    async def _await(self, peer: _Peer, pending: Pending) -> Answer:
        """A call that may have waited for its link."""
        pending.waiter = self._loop.create_future()
        peer.channel.kick()
        try:
            await pending.waiter
        except asyncio.CancelledError:
            self._leave(peer, pending)
            raise
        if pending.value is None:
            return await self._elsewhere(peer, pending)
        ms = 1000 * (self._now() - pending.started)
        path = peer.channel.path
        where, link_ms = (path.where, path.link_ms) if path is not None else ("", None)
        return Answer(bytes(pending.value), pending.via, ms, peer.calls.peer, link_ms, where)

    async def _call_without_link(self, out: Outgoing) -> Answer:
        now = self._world.monotonic()
        peer = self._known(out)
        is_open = peer.channel.path is not None
        way = route.first(out, is_open, self._registry_up(), peer.seen, now)
        rid = out.key or self._rid()
        if way == "queue":
            assert self._queue is not None
            return await self._queue.call(out, rid, now + out.timeout)
        pending = self._ask_waiting(peer, out, rid, now)
        return await self._await(peer, pending)

    def _ask_waiting(self, peer: _Peer, out: Outgoing, rid: str, now: float) -> Pending:
        """A request that waits for a path, and looks meanwhile who that is."""
        pending = peer.calls.ask(out, rid, now)
        if peer.channel.path is None:
            peer.calls.wait_until(pending, now + route.patience(out.timeout))
            self._links.want(out.target)
            self._look(peer)
        return pending

    def stream(self, out: Outgoing) -> Stream:
        """Many items, or one MeshError."""

        def begin() -> tuple[Pending, Channel]:
            peer = self._known(out)
            pending = self._ask_waiting(peer, out, out.key or self._rid(), self._now())
            peer.channel.kick()
            return pending, peer.channel

        out.stream = True
        return LinkStream(begin)

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb at the registry."""
        if self._registry is None:
            raise RegistryUnreachable("This mesh has no registry.")
        return await self._registry.verb(name, request, timeout)

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        """A round trip over the present path; opens a link if there is none."""
        peer = self._known(Outgoing(target, timeout=timeout))
        deadline = self._now() + timeout
        if peer.channel.path is None:
            await self._open(peer, target, timeout)
        rid, started = self._rid(), self._now()
        waiter = self._perform.pongs[rid] = self._loop.create_future()
        peer.calls.ping(rid)
        peer.channel.kick()
        try:
            await self._until(waiter, deadline - started, target)
        finally:
            self._perform.pongs.pop(rid, None)
        where = peer.channel.path.where if peer.channel.path is not None else ""
        return Pong(target, peer.calls.via, 1000 * (self._now() - started), where)

    async def _open(self, peer: _Peer, target: AgentId, timeout: float) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        peer.opened.append(waiter)
        self._links.want(target)
        self._look(peer)
        await self._until(waiter, timeout, target)

    async def _until(self, waiter: asyncio.Future[None], seconds: float, target: str) -> None:
        error = Unreachable("No link to the agent opened in time.", agent=target)
        timer = self._timers.later(seconds, functools.partial(_fail, waiter, error))
        try:
            await waiter
        finally:
            timer.cancel()

    @property
    def waiting(self) -> int:
        """Calls and pings of ours that are open."""
        asked = sum(len(peer.calls.asked) + len(peer.opened) for peer in self._peers.values())
        return asked + len(self._perform.pongs)

    @property
    def working(self) -> int:
        """Handlers at work."""
        return len(self._perform.tasks)

    def links(self) -> Sequence[LinkReport]:
        """The open links as the engine sees them."""
        return self._links.report()

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        """Answer requests from links and queue."""
        self._handler, self._slots = handler, slots
        self._skills = {skill.name: skill for skill in skills}
        if hasattr(self, "_perform"):
            self._perform.handler = handler
        if self._worker is not None:
            self._worker.serve(handler, list(self._skills), slots)
        if self._registry is not None:
            self._registry.heartbeat(slots, list(skills))

    def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """Pushes about one task until it is terminal."""
        if self._queue is None:
            raise RegistryUnreachable("This mesh has no registry.")
        return self._queue.watch(task_id, timeout)

    # -- Upper: what the link driver tells

    def received(self, peer: AgentId, incarnation: str) -> int:
        """``hello.a`` for a session with that process."""
        known = self._peers.get(peer)
        same = known is not None and known.incarnation == incarnation
        return known.calls.session.a if known is not None and same else 0

    def attach(self, peer: AgentId, incarnation: str, path: Path, acked: int) -> None:
        """A path is open: the session goes on over it, or a new one starts."""
        known = self._peer(peer)
        if known.incarnation and known.incarnation != incarnation:
            self._perform_on(known, known.calls.restart)
        known.incarnation = incarnation
        known.seen = route.Seen()
        known.channel.attach(path, acked)
        for waiter in known.opened:
            if not waiter.done():
                waiter.set_result(None)
        known.opened.clear()

    def detach(self, peer: AgentId, path: Path) -> None:
        """That path is dead; open calls ask for another."""
        known = self._peers.get(peer)
        if known is None or not known.channel.detach(path) or self._stopped:
            return
        now = self._now()
        if self._sweeper is None:
            self._sweep()
        for pending in known.calls.asked.values():
            if not pending.sent:
                patience = route.patience(max(pending.deadline - now, 0.0))
                known.calls.wait_until(pending, now + patience)
        if known.calls.open:
            self._links.want(peer)

    def gone(self, peer: AgentId, incarnation: str) -> None:
        """That process is gone: sent calls end; the others may take the queue."""
        known = self._peers.get(peer)
        if known is None or known.incarnation != incarnation:
            return
        known.channel.close("the peer is gone")
        known.seen.listed = False
        known.seen.failed_at = self._now()
        self._perform_on(known, known.calls.gone)
        for pending in list(known.calls.asked.values()):
            self._late(pending)

    def refused(self, peer: AgentId, error: MeshError) -> None:
        """No link can be; calls that wait for one end, or take the queue."""
        known = self._peer(peer)
        known.seen.refusal, known.seen.failed_at = error, self._now()
        for pending in list(known.calls.asked.values()):
            if isinstance(error, Denied) and not pending.sent:
                self._end(known, pending, route.copy(error))
            else:
                self._late(pending)
        for waiter in known.opened:
            _fail(waiter, route.copy(error))
        known.opened.clear()

    def idle(self, peer: AgentId) -> bool:
        """Whether the link may close."""
        known = self._peers.get(peer)
        return known is None or known.calls.idle

    def heard(self, peer: AgentId) -> float:
        """When the last frame of that peer came."""
        known = self._peers.get(peer)
        return known.channel.heard if known is not None else 0.0

    def probe(self, peer: AgentId) -> None:
        """Send a ping."""
        known = self._peers.get(peer)
        if known is not None:
            known.calls.ping(self._rid())
            known.channel.kick()

    # -- the registry's word

    def _registry_up(self) -> bool:
        return self._registry is not None and self._registry.up

    def _registry_state(self, up: bool) -> None:
        if not up:
            return
        if self._worker is not None:
            self._worker.registry_up()
        now = self._now()
        for peer in list(self._peers.values()):
            for pending in list(peer.calls.asked.values()):
                waited = now - pending.started >= route.patience(pending.out.timeout)
                if peer.channel.path is None and waited:
                    self._late(pending)

    def _pushed(self, push: msgspec.Struct) -> None:
        if self._queue is not None:
            self._queue.pushed(push)
        if self._worker is not None:
            self._worker.pushed(push)

    def _look(self, peer: _Peer) -> None:
        """Ask the directory who that is, once at a time: an unknown name need not wait."""
        if not self._registry_up() or peer.looking is not None or "~" in peer.calls.peer:
            return
        peer.looking = asyncio.ensure_future(self._ask_directory(peer))

    async def _ask_directory(self, peer: _Peer) -> None:
        try:
            ref = AgentRef(peer.calls.peer)
            record = await self.verb("agents.get", ref, DIRECTORY_SECONDS)
        except NotFound:
            self._unknown(peer)
        except MeshError:
            pass  # the directory cannot say; the link or the deadline will
        else:
            self._listed(peer, record)
        finally:
            peer.looking = None

    def _unknown(self, peer: _Peer) -> None:
        agent = peer.calls.peer
        text = f"No agent named {agent} is in the mesh."
        for pending in list(peer.calls.asked.values()):
            if not pending.sent:
                self._end(peer, pending, UnknownAgent(text, agent=agent))
        for waiter in peer.opened:
            _fail(waiter, UnknownAgent(text, agent=agent))

    def _listed(self, peer: _Peer, record: AgentRecord) -> None:
        peer.seen.listed = record.health != "offline" and record.trust != "unverified"
        if not peer.seen.listed and peer.channel.path is None:
            peer.seen.failed_at = self._now()
            for pending in list(peer.calls.asked.values()):
                self._late(pending)

    # -- within

    def _now(self) -> float:
        return self._world.monotonic()

    def _rid(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count:x}"

    def _known(self, out: Outgoing) -> _Peer:
        if out.timeout <= 0:
            raise DeadlineExceeded(agent=out.target, outcome="definite")
        if not is_peer_id(out.target):
            raise BadArguments(f"{out.target[:64]!r} is not an agent id.")
        if out.target == self._me.id:
            raise Rejected("An agent does not call itself over the mesh.", agent=out.target)
        if self._stopped:
            raise Unavailable("This process is stopping.")
        return self._peer(out.target)

    def _peer(self, name: AgentId) -> _Peer:
        known = self._peers.get(name)
        if known is None:
            self._make_room()
            calls = Calls(self._me.id, name, self._wheel)
            channel = Channel(calls, self._world, self._timers, self._loop)
            channel.perform = functools.partial(self._perform, channel)
            known = self._peers[name] = _Peer(calls, channel)
        return known

    def _make_room(self) -> None:
        if len(self._peers) < MAX_PEERS:
            return
        for name, peer in self._peers.items():
            if peer.channel.path is None and peer.calls.idle:
                del self._peers[name]
                return
        raise Overloaded("Too many peers at once.")

    def _perform_on(self, peer: _Peer, act: Callable[[Sink], None]) -> None:
        sink: Sink = []
        act(sink)
        self._perform(peer.channel, sink)
        peer.channel.kick()

    def _end(self, peer: _Peer, pending: Pending, error: MeshError) -> None:
        self._perform_on(peer, lambda sink: peer.calls.end(pending, error, sink))

    def _late(self, pending: Pending) -> None:
        """No path in time for a call: remember it, and see whether the queue takes the call."""
        peer = self._peers[pending.owner.peer]
        if peer.channel.path is not None:
            return
        peer.seen.failed_at = self._now()
        try:
            way = route.late(pending.out, pending.sent, self._registry_up())
        except MeshError as error:
            self._end(peer, pending, error)
            return
        if way == "queue":
            self._perform_on(peer, lambda sink: peer.calls.move(pending, sink))

    def _arm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._timers.later(max(at - self._now(), 0.0), self._ring, work=True)

    def _ring(self) -> None:
        self._alarm = None
        now = self._now()
        for item in self._wheel.due(now):
            peer = self._peers[item.owner.peer]
            self._perform_on(peer, functools.partial(peer.calls.expire, item, now))
        upcoming = self._wheel.next()
        if upcoming is not None and self._alarm is None:
            self._arm(upcoming)

    def _sweep(self) -> None:
        """Answers that nobody acknowledged: only those of lost paths can be left."""
        self._sweeper = None
        now = self._now()
        for peer in self._peers.values():
            peer.calls.sweep(now)
        if any(peer.calls.served for peer in self._peers.values()):
            self._sweeper = self._timers.later(SWEEP_SECONDS, self._sweep)

    def _describe(self, body: bytes) -> bytes:
        """Answer ``skill_query``."""
        try:
            name = _query.decode(body).skill
        except (msgspec.DecodeError, UnicodeDecodeError):
            name = ""
        if not name:
            return encode(SkillReply(bool(self._skills), "", list(self._skills.values())))
        skill = self._skills.get(name)
        if skill is None:
            return encode(SkillReply())
        return encode(SkillReply(True, skill.description, [skill]))


def _fail(waiter: asyncio.Future[None], error: MeshError) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        waiter.set_exception(error)
