"""PeerMesh: the mesh port (``core.ports.MeshPort``) over links and the registry's queue."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from chatixia.core import route
from chatixia.core.call import Sink
from chatixia.core.exchange import PendingCall, ServedRequest
from chatixia.core.ports import (
    CallAnswer,
    CallWaiter,
    Handler,
    LocalIdentity,
    Outgoing,
    Pong,
    Stream,
)
from chatixia.core.streams import Inflow
from chatixia.errors import (
    BadArguments,
    DeadlineExceeded,
    MeshError,
    RegistryUnreachable,
    Rejected,
    Unavailable,
)
from chatixia.ids import AgentId, is_peer_id
from chatixia.wire.base import encode
from chatixia.wire.peer import SkillInfo, SkillQuery, SkillReply
from chatixia.wire.signaling import Announcement, LinkReport
from chatixia.world import REAL, World

from .artifacts.offers import GRACE_SECONDS
from .described.absent import NoDescribedCalls
from .ports import LinkLayer, RegistryLogin
from .records import RemotePeers
from .sessions.begun import TasklessCall
from .sessions.channel import SessionChannel
from .sessions.dispatch import CallDispatcher, LinkStream
from .sessions.listener import SessionListener
from .sessions.peers import PeerState, PeerTable, fail
from .sessions.pings import PeerPings
from .sessions.router import CallRouter
from .sessions.status import StatusTeller
from .sessions.stop import closing
from .tasks.announcements import AnnouncementReceiver
from .tasks.dedup import DuplicateGuard
from .tasks.submitter import QueueClient
from .tasks.worker import QueueWorker, untrusted
from .timers import LoopTimers, Timers

if TYPE_CHECKING:
    from .described.calls import DescribedCalls
    from .described.links import DescribedLinks

_query: Final = msgspec.json.Decoder(SkillQuery)


class PeerMesh:
    """One principal's sessions with all its peers, over ``driver`` (its links) and ``registry``
    (its login; None: links only), which start and stop with it.

    ``await start()``, ``await stop()``; between them every method of ``core.ports.MeshPort``.
    ``records``: the table of peers, shared with the links. ``peers``: the sessions in it;
    ``router``: link or queue; ``listener``: what links report goes there;
    ``dispatcher``: the requests at work; ``status``: tells the others of them;
    ``worker``: those of the queue, if there is a registry; ``described``: of peers without keys.
    """

    def __init__(
        self,
        me: LocalIdentity,
        links: LinkLayer,
        registry: RegistryLogin | None = None,
        *,
        world: World = REAL,
        timers: Timers | None = None,
        records: RemotePeers[Any, PeerState] | None = None,
        described: DescribedLinks | None = None,
    ) -> None:
        timers = timers or LoopTimers()
        self._me, self.driver, self.registry = me, links, registry
        self._world, self._timers = world, timers
        self.incarnation = me.incarnation
        self.dispatcher = CallDispatcher()
        self._records = RemotePeers() if records is None else records
        self.peers = PeerTable(me.id, world, timers, self.dispatcher, self._records)
        self.router = CallRouter(self.peers, links, registry, world)
        self.listener = SessionListener(self.peers, self.router, links, world)
        links.listener = self.listener
        self.peers.explain, self.peers.want = self.router.unopened, links.want
        self.dispatcher.on_late, self.dispatcher.on_pong = self.router.late, self.listener.ponged
        self.dispatcher.skills = self._describe
        self._duplicates = DuplicateGuard(me.ns, world, self._served)
        self._announcements: AnnouncementReceiver | None = None
        self._queue: QueueClient | None = None
        self.worker: QueueWorker | None = None
        if registry is not None:
            self._queue = QueueClient(registry, world, timers)
            self.worker = QueueWorker(
                me.id, registry, world, timers, me.clock.now, self._duplicates
            )
            self._announcements = AnnouncementReceiver(registry, world)
            self.dispatcher.follow = self._duplicates.follow
            registry.on_push, registry.on_state = self._pushed, self._registry_moved
        self._pings = PeerPings(self.peers, self.router, self.dispatcher, timers, world)
        self.status = StatusTeller(
            self.peers, self.dispatcher, timers, lambda: len(self._queued_runs())
        )
        self.listener.on_open, self.listener.on_datagram = self.status.opened, self.status.receive
        self.described = self._beside(described)
        self.described.skills = self._describe
        self._skills: dict[str, SkillInfo] = {}
        self._exclusion: MeshError | None = None

    def _beside(self, links: DescribedLinks | None) -> DescribedCalls | NoDescribedCalls:
        if links is None:
            return NoDescribedCalls()
        from .described.calls import DescribedCalls

        return DescribedCalls(self.id, links, self.peers.budget, self._world)

    @property
    def id(self) -> AgentId:
        """My own id."""
        return self._me.id

    async def start(self) -> None:
        """Start links, login and, with skills served, the queue's worker; waits for no login."""
        self.dispatcher.begin()
        await self.driver.start()
        if self.registry is not None:
            self.registry.start()

    async def drain(self, seconds: float) -> None:
        """Leave the list, take no more work, and let what runs end and report.

        Returns when nothing runs any more, after ``seconds`` at the latest.
        """
        self.dispatcher.stopping = True
        self.described.stopping = True
        if self.worker is not None:
            self.worker.drain()
        if self.registry is not None:
            self.registry.heartbeat(0, [], leaving=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while running := [*self.dispatcher.tasks, *self._queued_runs()]:
                    await asyncio.wait(running)

    def _queued_runs(self) -> list[asyncio.Task[Any]]:
        runs = self.worker.runs if self.worker is not None else []
        return [*runs, *self.described.tasks]

    async def stop(self) -> None:
        """Leave the list, cancel what runs, close links with a drain, end every task."""
        try:
            await self._stop()
        finally:
            if self.registry is not None:
                await self.registry.stop()

    async def _stop(self) -> None:
        self.listener.stopped = self.described.over = True
        self.status.stop()
        self._end_pending(closing)
        for peer in self.peers:
            if peer.looking is not None:
                peer.looking.cancel()
        if self.worker is not None:  # first: a task may wait for a link's handler to end
            await self.worker.stop()
        await self.dispatcher.stop()
        await self.described.stop()
        if self._announcements is not None:
            await self._announcements.stop()
        if self._queue is not None:
            await self._queue.stop()
        await self.driver.stop()
        self.peers.close()

    def exclude(self, error: MeshError) -> None:
        """This member is out of the mesh: ``error`` for its calls, those open and those to come."""
        self._exclusion, self.described.over = error, True

        def reason(sent: bool) -> MeshError:
            copy = route.copy(error)
            copy.outcome = "unknown" if sent else "definite"
            return copy

        self._end_pending(reason)
        self.peers.close_paths()

    def _end_pending(self, reason: Callable[[bool], MeshError]) -> None:
        """End every call of ours that is open; ``reason`` gets whether it was sent."""
        if self._queue is not None:
            self._queue.end(reason(True))
        for peer in self.peers:
            sink: Sink = []
            for pending in list(peer.calls.pending.values()):
                peer.calls.end(pending, reason(pending.sent), sink)
            peer.channel.perform(sink)
            for waiter in peer.opened:
                fail(waiter, reason(False))

    # -- core.ports.Mesh

    async def call(self, outgoing: Outgoing) -> CallAnswer:
        """One answer, or one MeshError before the deadline."""
        record = self._records.get(outgoing.target)
        peer = record.session if record is not None else None
        if (
            peer is None
            or peer.channel.path is None
            or outgoing.queue == "only"
            or outgoing.timeout <= 0
            or outgoing.artifacts
        ):
            lending = outgoing.artifacts and not outgoing.table
            return await (self._lending if lending else self._call_without_link)(outgoing)
        now = self._world.monotonic()
        pending = peer.calls.ask(outgoing, outgoing.key or self.peers.request_id(), now)
        channel = peer.channel
        pending.waiter = channel.loop.create_future()
        channel.count += 1
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
        path = channel.path
        where = path.where if path is not None else ""
        answer = CallAnswer(bytes(value), pending.via, ms, outgoing.target, None, where)
        if pending.artifacts:
            answer.artifacts = channel.artifacts.feeds(pending.artifacts)
        return answer

    def begin(self, outgoing: Outgoing, waiter: CallWaiter) -> TasklessCall | None:
        """The same with no task, where a link is open: ``waiter`` is told of its end. None: only
        :meth:`call` finds a way. Raises what a call is refused with before it is sent."""
        record = self._records.get(outgoing.target)
        peer = record.session if record is not None else None
        if (
            peer is None
            or peer.channel.path is None
            or outgoing.queue == "only"
            or outgoing.timeout <= 0
            or outgoing.artifacts
        ):
            return None
        now = self._world.monotonic()
        pending = peer.calls.ask(outgoing, outgoing.key or self.peers.request_id(), now)
        pending.waiter = waiter
        peer.channel.count += 1
        peer.channel.kick()
        return TasklessCall(pending, peer, self._world, self._elsewhere)

    async def _lending(self, outgoing: Outgoing) -> CallAnswer:
        """Arguments with artifacts: they can be pulled until the call ends, or as its answer's."""
        try:
            await self._lend(outgoing)
            answer = await self._call_without_link(outgoing)
            outgoing.table = () if answer.artifacts else outgoing.table
            return answer
        finally:
            self._settle(outgoing)

    async def _lend(self, outgoing: Outgoing) -> None:
        began = self._world.monotonic()
        until = began + outgoing.timeout + GRACE_SECONDS  # withdrawn when the call ends
        outgoing.table = await self.peers.offers.lend(outgoing.target, outgoing.artifacts, until)
        outgoing.timeout -= self._world.monotonic() - began

    def _settle(self, outgoing: Outgoing) -> None:
        self.peers.offers.withdraw(outgoing.table)
        outgoing.table = ()

    def _leave(self, peer: PeerState, pending: PendingCall) -> None:
        peer.calls.cancel(pending)
        peer.channel.kick()

    async def _elsewhere(self, peer: PeerState, pending: PendingCall) -> CallAnswer:
        """No value came: the error, or the queue's turn."""
        if pending.error is not None:
            raise pending.error
        assert pending.moved
        return await self._queued(peer, pending, self._world.monotonic() - pending.started)

    async def _queued(
        self, peer: PeerState, pending: PendingCall, tried: float = 0.0
    ) -> CallAnswer:
        """By the queue, after a link was waited for ``tried`` seconds."""
        assert self._queue is not None
        reason = "" if pending.outgoing.queue == "only" else peer.history.reason
        answer = await self._queue.call(pending.outgoing, pending.rid, pending.deadline)
        answer.ms = 1000 * (self._world.monotonic() - pending.started)
        answer.reason, answer.tried_ms = reason, 1000 * tried if tried else None
        return answer

    async def _await(self, peer: PeerState, pending: PendingCall) -> CallAnswer:
        """A call that may have waited for its link."""
        if pending.value is None and pending.error is None and not pending.moved:
            # Else it ended while its link was asked for, before anybody waited.
            pending.waiter = peer.channel.loop.create_future()
            peer.channel.kick()
            try:
                await pending.waiter
            except asyncio.CancelledError:
                self._leave(peer, pending)
                raise
        if pending.value is None:
            return await self._elsewhere(peer, pending)
        ms = 1000 * (self._world.monotonic() - pending.started)
        path = peer.channel.path
        where, link_ms = (path.where, path.link_ms) if path is not None else ("", None)
        value, feeds = bytes(pending.value), peer.channel.artifacts.feeds(pending.artifacts)
        return CallAnswer(value, pending.via, ms, peer.calls.peer, link_ms, where, artifacts=feeds)

    async def _call_without_link(self, outgoing: Outgoing) -> CallAnswer:
        if (answer := await self.described.call(outgoing)) is not None:
            return answer
        now = self._world.monotonic()
        peer = self._target(outgoing)
        is_open = peer.channel.path is not None
        way = route.first(outgoing, is_open, self.router.registry_up, peer.history, now)
        rid = outgoing.key or self.peers.request_id()
        if way == "queue":
            deadline = now + outgoing.timeout
            return await self._queued(
                peer, PendingCall(rid, peer.calls, outgoing, b"", 0, deadline, now)
            )
        pending = self._ask_waiting(peer, outgoing, rid, now)
        return await self._await(peer, pending)

    def _ask_waiting(
        self, peer: PeerState, outgoing: Outgoing, rid: str, now: float
    ) -> PendingCall:
        """A request that waits for a path, and looks meanwhile who that is."""
        pending = peer.calls.ask(outgoing, rid, now)
        peer.channel.count += 1
        if peer.channel.path is None:
            peer.calls.wait_until(pending, now + route.patience(outgoing.timeout, outgoing.reach))
            self.driver.want(outgoing.target)
            self.router.look(peer)
        return pending

    def stream(self, outgoing: Outgoing) -> Stream:
        """Many items, or one MeshError; a prompt that no link takes is answered in one piece."""
        if self.described.is_here(outgoing.target):
            return self.described.stream(outgoing, lambda: self._stream(outgoing))
        return self._stream(outgoing)

    def _stream(self, outgoing: Outgoing) -> Stream:
        def begin() -> tuple[PendingCall, SessionChannel]:
            peer, now = self._target(outgoing), self._world.monotonic()
            is_open = peer.channel.path is not None
            way = route.first(outgoing, is_open, self.router.registry_up, peer.history, now)
            rid = outgoing.key or self.peers.request_id()
            if way == "queue":
                pending = PendingCall(
                    rid, peer.calls, outgoing, b"", 0, now + outgoing.timeout, now, moved=True
                )
                pending.flow = Inflow()
                return pending, peer.channel
            pending = self._ask_waiting(peer, outgoing, rid, now)
            peer.channel.kick()
            return pending, peer.channel

        async def whole(pending: PendingCall) -> CallAnswer:
            assert self._queue is not None
            return await self._queue.call(pending.outgoing, pending.rid, pending.deadline)

        outgoing.stream = True
        if not outgoing.artifacts:
            return LinkStream(begin, whole)
        lend = functools.partial(self._lend, outgoing)
        return LinkStream(begin, whole, lend, functools.partial(self._settle, outgoing))

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb at the registry."""
        if self.registry is None:
            raise RegistryUnreachable("This mesh has no registry.")
        return await self.registry.verb(name, request, timeout)

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        """A round trip over the present path; opens a link if there is none."""
        if pong := await self.described.ping(target, timeout):
            return pong
        peer = self._target(Outgoing(target, timeout=timeout))
        return await self._pings.ping(peer, target, timeout)

    @property
    def waiting(self) -> int:
        """Calls and pings of ours that are open."""
        waiting = sum(len(peer.calls.pending) + len(peer.opened) for peer in self.peers)
        queued = self._queue.waiting if self._queue is not None else 0
        return waiting + queued + len(self._pings) + self.described.waiting

    @property
    def working(self) -> int:
        """Handlers at work."""
        return len(self.dispatcher.tasks) + len(self.described.tasks)

    def links(self) -> Sequence[LinkReport]:
        """The open links as the engine sees them."""
        return self.driver.report()

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        """Answer requests from links and queue."""
        self._skills = {skill.name: skill for skill in skills}
        self.dispatcher.handler = self.described.handler = handler
        by_registry = untrusted if self._me.owner_only else handler
        if self.worker is not None:
            self.worker.serve(by_registry, list(self._skills), slots)
        if self._announcements is not None:
            self._announcements.handler = by_registry
        if self.registry is not None:
            self.registry.heartbeat(slots, list(skills))

    def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """Pushes about one task until it is terminal."""
        if self._queue is None:
            raise RegistryUnreachable("This mesh has no registry.")
        return self._queue.watch(task_id, timeout)

    # -- within

    def _registry_moved(self, up: bool) -> None:
        if up and self._queue is not None:
            self._queue.registry_up()
        if up and self.worker is not None:
            self.worker.registry_up()
        self.router.registry_state(up)

    def _pushed(self, push: msgspec.Struct) -> None:
        if self._announcements is not None and isinstance(push, Announcement):
            self._announcements.pushed(push)
            return
        if self._queue is not None:
            self._queue.pushed(push)
        if self.worker is not None:
            self.worker.pushed(push)

    def _target(self, outgoing: Outgoing) -> PeerState:
        if outgoing.timeout <= 0:
            raise DeadlineExceeded(agent=outgoing.target, outcome="definite")
        if not is_peer_id(outgoing.target):
            raise BadArguments(f"{outgoing.target[:64]!r} is not an agent id.")
        if outgoing.target == self._me.id:
            raise Rejected("An agent does not call itself over the mesh.", agent=outgoing.target)
        if self.listener.stopped:
            raise Unavailable("This process is stopping.")
        if self._exclusion is not None:
            raise route.copy(self._exclusion)
        return self.peers.open(outgoing.target)

    def _served(self, caller: str) -> Mapping[str, ServedRequest]:
        peer = self.peers.get(caller)
        return peer.calls.served if peer is not None else {}

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
