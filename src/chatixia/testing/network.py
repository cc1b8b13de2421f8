"""A network in memory: sessions without sockets, under loss, delay, duplicates and reordering.

::

    network = Network(seed=7, loss=0.2)
    a, b = network.node("a"), network.node("b")     # PeerMesh each, not started
    b.serve(handler, skills, slots=4)
    await network.start()
    await a.call(Outgoing("b", "echo", b'{"data":"x"}'))
    network.cut("a", "b")                           # the path dies, frames under way with it
    await network.stop()

Frames are lost and reordered one by one, as no real path does: the session must bear it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import msgspec

from chatixia.core.link import LINGER_SECONDS
from chatixia.core.meshtime import MeshTime
from chatixia.core.ports import LocalIdentity, PinBook
from chatixia.errors import (
    NotFound,
    RegistryUnreachable,
    Unavailable,
    UnknownAgent,
    UnknownSkill,
)
from chatixia.ids import AgentId
from chatixia.peer.engines.base import EngineRefused
from chatixia.peer.ports import Access, LinkListener
from chatixia.peer.timers import sleep
from chatixia.wire.peer import CAPABILITIES, SkillInfo
from chatixia.wire.registry import AgentQuery, AgentRecord, AgentRef, Agents, Capabilities, Route
from chatixia.wire.signaling import LinkReport
from chatixia.wire.tasks import Submit

from .clock import FakeWorld
from .node import MemoryNode
from .queue import MemoryQueue
from .works import Works

MAX_MESSAGE = 262_144
MAX_EARLY = 256


class MemoryPath:
    """One end of a path. ``other`` is the far end; a dead path takes nothing. ``early``: what came
    before its end was read."""

    holder = ""
    trust = "owner"
    max_message = MAX_MESSAGE

    def __init__(self, network: Network, owner: str, where: str, tier: str = "direct") -> None:
        self.network, self.owner, self.where, self.tier = network, owner, where, tier
        self.early: list[bytes] = []
        self.link_ms: float | None = 1.0
        self.capabilities = frozenset(CAPABILITIES)
        self.on_message: Callable[[bytes | str], None] | None = None
        self.on_low: Callable[[], None] = _nothing
        self._reader: Callable[[bytes | str], None] = _nothing
        self.other: MemoryPath
        self.frame_at = 0.0
        self.dead = False
        self.frames = 0
        self.sent_bytes = 0
        self.arrives = 0.0

    @property
    def buffered(self) -> int:
        """A memory path holds nothing back."""
        return 0

    def send(self, data: bytes) -> None:
        """Send one frame. Raises EngineRefused when dead, or by ``Network.refuse``."""
        if self.dead:
            raise EngineRefused("closed")
        if len(data) > MAX_MESSAGE:
            raise EngineRefused("too_large")
        self.network.carry(self, data)

    def tell(self, data: bytes) -> bool:
        """Send beside the session, at once; on a dead path it is lost."""
        if not self.dead:
            self.other.datagram(data)
        return True

    def on_datagram(self, reader: Callable[[bytes | str], None]) -> None:
        """Who reads that."""
        self._reader = reader

    def datagram(self, data: bytes) -> None:
        """What the far end sent beside the session."""
        self._reader(data)

    def close(self, reason: str) -> None:
        """End this path at both ends."""
        self.network.close(self, reason)


class MemoryLinks:
    """The ``Links`` of one node."""

    listener: LinkListener

    def __init__(self, network: Network, owner: AgentId) -> None:
        self.network, self.owner = network, owner

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Leave the network."""
        self.network.leave(self.owner)

    def want(self, peer: AgentId) -> None:
        """A path comes after a delay, if both are there."""
        self.network.want(self.owner, peer)

    def trouble(self, peer: AgentId) -> str:
        """There is none to report."""
        return ""

    likely = trouble

    def report(self) -> Sequence[LinkReport]:
        """The paths that live."""
        return [
            LinkReport(
                peer=path.other.owner,
                tier=path.tier,
                local="host",
                remote="host",
                remote_addr=path.where,
                bytes_sent=path.sent_bytes,
            )
            for path in self.network.paths_of(self.owner)
        ]


class MemoryRegistry:
    """A directory of the nodes' skills; the network's queue, if it has one."""

    access: Access | None = None

    def __init__(self, network: Network, owner: AgentId) -> None:
        self.network, self.owner = network, owner
        self.up = True
        self.on_push: Callable[[msgspec.Struct], None] = _nothing
        self.on_state: Callable[[bool], None] = _nothing

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """``agents.list``, ``agents.get``, ``agents.route``; with a queue, ``tasks.*``."""
        listed, queue = self.network.listed, self.network.queue
        if not self.up:
            raise RegistryUnreachable("This process was killed.")
        if queue is not None and queue.serves(name):
            return await queue.verb(self.owner, name, request)
        if isinstance(request, AgentQuery):
            rows = [row for row in listed.values() if _fits(row, request.skill)]
            return Agents(sorted(rows, key=lambda row: row.agent_id))
        if isinstance(request, AgentRef):
            if request.agent_id not in listed:
                raise NotFound(f"No agent named {request.agent_id} is in the mesh.")
            return listed[request.agent_id]
        if isinstance(request, Route):
            return self.network.route(request.skill, self.owner)
        if isinstance(request, Submit) and request.target_agent_id not in listed:
            raise UnknownAgent(f"No agent named {request.target_agent_id} is in the mesh.")
        raise Unavailable("The network in memory has a directory and no queue.")

    def start(self) -> None:
        """Log in at the queue, if there is one."""
        if (queue := self.network.queue) is None:
            return
        queue.login(self.owner, self.network.nodes[self.owner].incarnation, self.on_push)
        if (row := self.network.listed.get(self.owner)) is not None:
            queue.offer(self.owner, row.slots, frozenset(row.capabilities.skills))
        self.on_state(True)

    async def stop(self) -> None:
        """The links leave the network, and this with them."""

    def heartbeat(
        self, slots: int | None, skills: Sequence[Any] | None, leaving: bool = False
    ) -> None:
        """List (or list anew) this node's skills."""
        names = frozenset(skill.name for skill in skills or ())
        self.network.list(self.owner, slots or 0, list(skills or ()))
        if self.network.queue is not None:
            self.network.queue.offer(self.owner, slots or 0, names)


class Network:
    """Nodes, paths and their conditions, on one :class:`FakeWorld`.

    ``loss``, ``duplicate``, ``reorder``, ``refuse``: probabilities per frame. ``delay``: seconds
    one way, least and most. ``queue``: whether its registry has one.
    """

    def __init__(
        self,
        *,
        seed: int | str = 0,
        loss: float = 0.0,
        delay: tuple[float, float] = (0.001, 0.004),
        duplicate: float = 0.0,
        reorder: float = 0.0,
        refuse: float = 0.0,
        queue: bool = False,
    ) -> None:
        self.world = FakeWorld(seed)
        self.works = Works(self.world.stir)
        self.queue = MemoryQueue(self.world) if queue else None
        self.loss, self.delay = loss, delay
        self.duplicate, self.reorder, self.refuse = duplicate, reorder, refuse
        self.nodes: dict[str, MemoryNode] = {}
        self._registries: dict[str, MemoryRegistry] = {}
        self.listed: dict[str, AgentRecord] = {}
        self.severed: set[frozenset[str]] = set()
        self._paths: dict[frozenset[str], tuple[MemoryPath, MemoryPath]] = {}
        self._replaced: dict[frozenset[str], list[MemoryPath]] = {}
        self._opening: set[frozenset[str]] = set()
        self._turn = 0
        self.world.waiting = lambda: self.works.asking + self._pulls()
        self.world.working = lambda: max(0, self.works.busy - self._pulls())
        self.world.writing = self._reads_and_writes

    def _pulls(self) -> int:
        """Readers of artifacts that wait for the mesh."""
        return sum(node.peers.offers.pulling for node in self.nodes.values())

    def _reads_and_writes(self) -> int:
        """What the clock stands still for: the store of the queue, and files that are read."""
        reads = sum(node.peers.offers.reading for node in self.nodes.values())
        return reads + (self.queue.busy if self.queue is not None else 0)

    def node(self, name: str) -> MemoryNode:
        """A mesh port named ``name``; under a name that exists, a new process of it."""
        agent = AgentId(name)
        if name in self.nodes:
            self.kill(name)
        me = LocalIdentity(
            id=agent,
            mesh="0" * 64,
            incarnation=self.world.token(8).hex(),
            chain=[],
            public=b"",
            seal=b"",
            sign=lambda context, data: b"",
            verify=lambda *_: True,
            registries=[],
            owner=b"",
            book=cast(PinBook, None),
            clock=MeshTime(0.0, self.world.monotonic, _nothing),
        )
        registry = MemoryRegistry(self, agent)
        node = MemoryNode(
            me, MemoryLinks(self, agent), registry, world=self.world, timers=self.world
        )
        node.works, self._registries[name] = self.works, registry
        self.nodes[name] = node
        return node

    async def start(self) -> None:
        """Start every node."""
        if self.queue is not None:
            await self.queue.start()
        for name in list(self.nodes):
            await self.join(name)

    async def join(self, name: str) -> None:
        """Start one node."""
        await self.nodes[name].start()

    async def stop(self) -> None:
        """Stop every node, and the clock."""
        for node in list(self.nodes.values()):
            await node.stop()
        if self.queue is not None:
            await self.queue.stop()
        self.world.stop()

    async def sleep(self, seconds: float) -> None:
        """Until that much fake time has passed."""
        with self.works.ask():
            await sleep(self.world, seconds)

    # -- the directory

    def list(self, name: str, slots: int, skills: Sequence[SkillInfo]) -> None:
        """Enter a node into the directory."""
        names = [skill.name for skill in skills]
        self.listed[name] = AgentRecord(
            agent_id=name,
            capabilities=Capabilities(skills=names),
            skills=[*skills],
            slots=slots,
            sidecar_peer_id=name,
        )

    def route(self, skill: str, caller: str) -> AgentRecord:
        """A node with the skill, in turns, never the caller."""
        able = [row for row in self.listed.values() if _fits(row, skill) and row.agent_id != caller]
        if not able:
            raise UnknownSkill(f"No agent that is online has the skill {skill}.")
        self._turn += 1
        return able[self._turn % len(able)]

    # -- paths

    def want(self, a: str, b: str) -> None:
        """Open a path between two nodes unless there is one."""
        pair = frozenset((a, b))
        if pair not in self._paths and pair not in self._opening:
            self._opening.add(pair)
            self.world.later(self._one_way() * 4, lambda: self._open(a, b), frame=True)

    def _open(self, a: str, b: str) -> None:
        pair = frozenset((a, b))
        self._opening.discard(pair)
        if pair in self.severed or pair in self._paths or not pair <= self.nodes.keys():
            return
        left, right = self._two_ends(a, b)
        one, two = self.nodes[a], self.nodes[b]
        a_has = one.listener.received(AgentId(b), two.incarnation)
        b_has = two.listener.received(AgentId(a), one.incarnation)
        one.listener.attach(AgentId(b), two.incarnation, left, b_has)
        two.listener.attach(AgentId(a), one.incarnation, right, a_has)

    def _two_ends(self, a: str, b: str, tier: str = "direct") -> tuple[MemoryPath, MemoryPath]:
        left = MemoryPath(self, a, f"memory:{b}", tier)
        right = MemoryPath(self, b, f"memory:{a}", tier)
        left.other, right.other = right, left
        self._paths[frozenset((a, b))] = (left, right)
        return left, right

    def move(self, a: str, b: str, tier: str, *, dies: bool = False) -> None:
        """A path of another tier opens between two that have one, and both go over to it, each when
        its peer's hello came. The one before is read for 5 s more. ``dies``: it dies meanwhile,
        with the frames under way.
        """
        old = self._paths[frozenset((a, b))]
        new = self._two_ends(a, b, tier)
        for path, before in zip(new, old, strict=True):
            far = self.nodes[path.other.owner]
            acked = far.listener.received(AgentId(path.owner), self.nodes[path.owner].incarnation)
            self.world.later(self._one_way(), partial(self._go_over, path, acked), frame=True)
            if self.world.dice.roll() < 0.5:  # it may be read for a while first
                self.world.later(0.0, partial(self._go_over, path, None), frame=True)
            self._replaced.setdefault(frozenset((a, b)), []).append(before)
            seconds = self._one_way() if dies else LINGER_SECONDS
            self.world.later(seconds, partial(self._end, before), frame=True)

    def _go_over(self, path: MemoryPath, acked: int | None) -> None:
        if path.dead or path.owner not in self.nodes:
            return
        listener, peer = self.nodes[path.owner].listener, AgentId(path.other.owner)
        reading = path.on_message is not None
        if acked is None:
            listener.read(peer, path)
        else:
            far = self.nodes[path.other.owner]
            listener.attach(peer, far.incarnation, path, None if reading else acked)
        early, path.early = path.early, []
        for data in early:
            if path.on_message is not None:
                path.on_message(data)

    def _end(self, path: MemoryPath) -> None:
        """One end of a replaced path is read no more."""
        paths = self._replaced.get(frozenset((path.owner, path.other.owner)), [])
        if path in paths:
            paths.remove(path)
        path.dead = True
        node = self.nodes.get(path.owner)
        if node is not None:
            node.listener.detach(AgentId(path.other.owner), path)

    def cut(self, a: str, b: str, *, keep: bool = False) -> None:
        """The path dies with the frames under way. ``keep``: no new one until ``heal``."""
        pair = frozenset((a, b))
        if keep:
            self.severed.add(pair)
        for path in self._replaced.pop(pair, []):
            self._end(path)
        for path in self._paths.pop(pair, ()):
            path.dead = True
            node = self.nodes.get(path.owner)
            if node is not None:
                node.listener.detach(AgentId(path.other.owner), path)

    def heal(self, a: str, b: str) -> None:
        """Paths between the two may open again; one does."""
        self.severed.discard(frozenset((a, b)))
        self.want(a, b)

    def close(self, path: MemoryPath, reason: str) -> None:
        """One end closes: the path is dead at both."""
        if not path.dead:
            self.cut(path.owner, path.other.owner)

    def kill(self, name: str) -> MemoryNode:
        """The process ends without notice; the others get the verdict *gone*."""
        node = self.nodes.pop(name)
        self._registries[name].up = False
        if self.queue is not None:
            self.queue.logout(node.id, clean=False)
        for pair in [pair for pair in self._paths if name in pair]:
            a, b = pair
            self.cut(a, b)
        for other in self.nodes.values():
            other.listener.departed(AgentId(name), node.incarnation)
        return node

    def leave(self, name: str) -> None:
        """A clean stop."""
        for pair in [pair for pair in self._paths if name in pair]:
            a, b = pair
            self.cut(a, b)
        if self.nodes.pop(name, None) is not None:
            self.listed.pop(name, None)
            if self.queue is not None:
                self.queue.logout(AgentId(name), clean=True)

    def paths_of(self, name: str) -> Sequence[MemoryPath]:
        """The ends that node holds."""
        both = [path for pair in self._paths.values() for path in pair]
        return [path for path in both if path.owner == name]

    # -- conditions

    def carry(self, path: MemoryPath, data: bytes) -> None:
        """One frame on its way: refused, lost, late, twice, or as it should."""
        dice = self.world.dice
        if self.refuse and dice.roll() < self.refuse:
            self.world.later(self._one_way(), path.on_low, frame=True)
            raise EngineRefused("full")
        path.frames += 1
        path.sent_bytes += len(data)
        times = 2 if self.duplicate and dice.roll() < self.duplicate else 1
        for _ in range(times):
            if not (self.loss and dice.roll() < self.loss):
                self._under_way(path, data)

    def _under_way(self, path: MemoryPath, data: bytes) -> None:
        at = self.world.now + self._one_way()
        if self.reorder and self.world.dice.roll() < self.reorder:
            at += self.delay[1] * 2
        else:
            at = path.arrives = max(at, path.arrives)
        self.world.later(at - self.world.now, lambda: _arrive(path, data), frame=True)

    def _one_way(self) -> float:
        least, most = self.delay
        return least + (most - least) * self.world.dice.roll()


def _arrive(path: MemoryPath, data: bytes) -> None:
    if path.dead:
        return
    if (reader := path.other.on_message) is not None:
        reader(data)
    elif len(path.other.early) < MAX_EARLY:
        path.other.early.append(data)


def _fits(row: AgentRecord, skill: str) -> bool:
    return not skill or skill in row.capabilities.skills


def _nothing(*_: Any) -> None:
    pass
