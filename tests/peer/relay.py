"""Link drivers with real engines in one process, and between them a registry that tests can bend.

The relay does what the real one does with signaling: it stamps the sender and passes frames on
as bytes. ``bend`` sees each frame first and may change, drop, hold or multiply it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from chatixia.core.ports import LocalIdentity
from chatixia.errors import MeshError
from chatixia.ids import AgentId
from chatixia.peer.engines import load
from chatixia.peer.engines.base import EngineRefused
from chatixia.peer.links.driver import LinkDriver
from chatixia.peer.links.relay_streams import RelayMultiplexer
from chatixia.peer.ports import Path
from chatixia.wire.base import encode
from chatixia.wire.relay import read_header, restamp
from chatixia.wire.signaling import (
    Answer,
    Connect,
    FromAgent,
    FromRegistry,
    Goodbye,
    IceCandidate,
    Links,
    Offer,
    PeerInfo,
    PeerJoined,
    PeerLeft,
    SignalError,
)
from chatixia.world import REAL
from tests.core.circle import Party, agent
from tests.intercept import Interceptor

SECONDS = 20.0
_from_agent = msgspec.json.Decoder(FromAgent)
_from_registry = msgspec.json.Decoder(FromRegistry)


class Relay:
    """The registry's signaling."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.log: list[tuple[str, msgspec.Struct]] = []
        self.links: dict[str, Links] = {}
        self.bend = Interceptor(self.deliver)
        self.traffic: list[tuple[str, bytes]] = []
        self.bend_traffic: Callable[[str, bytes], Iterable[bytes]] = lambda source, data: (data,)
        self.up = True

    def come(self, node: Node) -> None:
        """A login: both sides hear of each other."""
        self.nodes[node.id] = node
        for other in self.nodes.values():
            if other is not node:
                other.take(PeerJoined(PeerInfo(node.id, node.me.incarnation)))
                node.take(PeerJoined(PeerInfo(other.id, other.me.incarnation)))
        node.driver.registry(True)

    def leave(self, node: Node, clean: bool = False) -> None:
        """A socket closed."""
        if self.nodes.get(node.id) is node:
            del self.nodes[node.id]
            for other in self.nodes.values():
                other.take(PeerLeft(node.id, node.me.incarnation, "1.1", clean))

    def cut(self) -> None:
        """The registry dies."""
        self.up = False
        for node in self.nodes.values():
            node.driver.registry(False)

    def heal(self) -> None:
        """It is back."""
        self.up = True
        for node in list(self.nodes.values()):
            self.come(node)

    def carry(self, source: str, frame: msgspec.Struct) -> bool:
        """A frame from an agent."""
        if not self.up:
            return False
        frame = _from_agent.decode(encode(frame))
        self.log.append((source, frame))
        if isinstance(frame, Links):
            self.links[source] = frame
        elif isinstance(frame, Goodbye):
            self.leave(self.nodes[source], clean=True)
        else:
            frame.peer_id = source  # type: ignore[attr-defined]
            for bent in self.bend(source, frame):
                self.deliver(bent)
        return True

    def pass_on(self, source: str, message: bytes) -> None:
        """A binary message from an agent, restamped."""
        self.traffic.append((source, message))
        for bent in self.bend_traffic(source, message):
            header = read_header(bent)
            target = self.nodes.get(header.peer)
            if target is not None and target.streams is not None:
                passed = restamp(bent, header, source)
                asyncio.get_running_loop().call_soon(target.streams.receive, passed)

    def deliver(self, frame: Any) -> None:
        """Bring a stamped frame to its target, or an error back."""
        target = self.nodes.get(frame.target_id)
        if target is not None:
            target.take(frame)
        elif frame.peer_id in self.nodes:
            tag = str(type(frame).__struct_config__.tag)
            said = SignalError("unknown_agent", "It is not connected.", tag)
            said.target_id = frame.target_id
            self.nodes[frame.peer_id].take(said)

    def of(self, kind: type[Any], source: str = "") -> list[Any]:
        """The frames of one type that passed."""
        return [f for s, f in self.log if isinstance(f, kind) and source in ("", s)]


class Signals:
    """One node's socket."""

    def __init__(self, relay: Relay, name: str) -> None:
        self._relay, self._name = relay, name
        self.doubts = 0

    @property
    def up(self) -> bool:
        """Whether the registry lives."""
        return self._relay.up and self._name in self._relay.nodes

    def send(self, message: msgspec.Struct) -> bool:
        """Queue a frame."""
        return self.up and self._relay.carry(self._name, message)

    def leave(self) -> None:
        """Say goodbye."""
        self.send(Goodbye())

    def doubt(self) -> None:
        """Asked whether it lives."""
        self.doubts += 1


class RecordingListener:
    """A mesh that only writes down what it is told; its frames are raw bytes."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.paths: dict[str, Path] = {}
        self.attached: list[tuple[str, str, int | None]] = []
        self.detached: list[str] = []
        self.forgotten: list[str] = []
        self.returned: list[str] = []
        self.lost: list[tuple[str, str]] = []
        self.refusals: list[tuple[str, MeshError]] = []
        self.frames: list[tuple[str, bytes | str]] = []
        self.busy: set[str] = set()
        self.a: dict[str, int] = {}
        self.read_beside: list[str] = []
        self.count = 7
        self.answers = True
        self._changed = asyncio.Event()

    def received(self, peer: AgentId, incarnation: str) -> int:
        return self.a.get(peer, 0)

    def attach(self, peer: AgentId, incarnation: str, path: Path, acked: int | None) -> None:
        self.paths[peer] = path
        self._listen(peer, path)
        self.attached.append((peer, incarnation, acked))
        self._changed.set()

    def read(self, peer: AgentId, path: Path) -> None:
        self.read_beside.append(peer)
        self._listen(peer, path)

    def _listen(self, peer: AgentId, path: Path) -> None:
        path.on_message = lambda data: self._read(peer, path, data)
        path.on_low = lambda: None

    def _read(self, peer: AgentId, path: Path, data: bytes | str) -> None:
        path.frame_at = self.node.driver.world.monotonic()
        if data == b"ping" and self.answers:
            with suppress(EngineRefused):
                path.send(b"pong")
        elif data not in (b"ping", b"pong"):
            self.frames.append((peer, data))
        self._changed.set()

    def detach(self, peer: AgentId, path: Path) -> None:
        if self.paths.get(peer) is path:
            del self.paths[peer]
        self.detached.append(peer)
        self._changed.set()

    def departed(self, peer: AgentId, incarnation: str) -> None:
        self.lost.append((peer, incarnation))
        self._changed.set()

    def present(self, peer: AgentId) -> None:
        self.returned.append(peer)

    def refused(self, peer: AgentId, error: MeshError) -> None:
        self.refusals.append((peer, error))
        self._changed.set()

    def forget(self, peer: AgentId) -> bool:
        self.forgotten.append(peer)
        return peer not in self.busy

    def idle(self, peer: AgentId) -> bool:
        return peer not in self.busy

    def probe(self, peer: AgentId) -> None:
        if peer in self.paths:
            self.paths[peer].send(b"ping")

    def round_trip(self, peer: AgentId) -> float | None:
        return 0.5 if self.node.driver.engine.name == "aiortc" else None

    def calls(self, peer: AgentId) -> int:
        return self.count

    def resends(self, peer: AgentId) -> int:
        return 3

    def status(self, peer: AgentId) -> str:
        return "acting"

    async def until(self, holds: Callable[[], Any], seconds: float = SECONDS) -> None:
        """Wait for something this mesh is told of."""
        async with asyncio.timeout(seconds):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


class Node:
    """One agent: identity, engine, driver."""

    def __init__(
        self,
        relay: Relay,
        me: LocalIdentity,
        engine: str = "wrtc",
        driver: type[LinkDriver] = LinkDriver,
        relayed: bool = False,
        **options: Any,
    ) -> None:
        self.relay, self.me, self.id = relay, me, me.id
        self.streams = RelayMultiplexer(REAL, self._flush) if relayed else None
        self.driver = driver(
            me, load(engine), Signals(relay, me.id), streams=self.streams, **options
        )
        self.listener = self.driver.listener = RecordingListener(self)

    async def start(self) -> None:
        await self.driver.start()
        self.relay.come(self)

    def _flush(self) -> None:
        asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        assert self.streams is not None
        while self.relay.up and (message := self.streams.next_message()) is not None:
            self.relay.pass_on(self.id, message)

    def take(self, frame: msgspec.Struct) -> None:
        """A frame from the registry, over the wire."""
        frame = _from_registry.decode(encode(frame))
        asyncio.get_running_loop().call_soon(self.driver.signal, frame)

    async def open(self, other: Node) -> None:
        """Ask for a link and wait until both ends have it."""
        self.driver.want(other.id)
        await self.listener.until(lambda: other.id in self.listener.paths)
        await other.listener.until(lambda: self.id in other.listener.paths)

    async def refusal(self, peer: str = "") -> MeshError:
        """The first refusal that the mesh was told."""
        await self.listener.until(lambda: [e for p, e in self.listener.refusals if peer in ("", p)])
        return next(e for p, e in self.listener.refusals if peer in ("", p))


@asynccontextmanager
async def nodes(
    *names: str | Party, engine: str = "wrtc", relay: Relay | None = None, **options: Any
) -> AsyncIterator[tuple[Any, ...]]:
    """Started nodes (by name or party), the relay first; ``name@engine`` picks an engine."""
    relay = relay or Relay()
    made: list[Node] = []
    for name in names:
        text, _, chosen = name.partition("@") if isinstance(name, str) else ("", "", "")
        party = agent(text) if isinstance(name, str) else name
        made.append(Node(relay, party.me(), chosen or engine, **options))
    try:
        for node in made:
            await node.start()
        yield (relay, *made)
    finally:
        await asyncio.gather(*(node.driver.stop() for node in made))


__all__ = [
    "Answer",
    "Connect",
    "IceCandidate",
    "Node",
    "Offer",
    "Relay",
    "RecordingListener",
    "nodes",
]
