"""Peers of the described contract that are connected, and what passes between them and agents.

Such a peer proved a key of the registry's and none of its own, so it reaches only agents that name
it, and no member is ever reached by it unasked (docs/compat.md).
"""

from __future__ import annotations

import logging
from typing import Final

from chatixia.core.rates import TokenBucket
from chatixia.core.shares import RETRY_AFTER
from chatixia.errors import MeshError, Overloaded, UnknownAgent
from chatixia.wire import described
from chatixia.wire.base import decode
from chatixia.wire.described import MAX_DESCRIBED, REGISTRY, DescribedError, DescribedFrame
from chatixia.wire.signaling import DescribedPeers, DescribedSignal
from chatixia.world import World

from .roster import Roster, listed
from .socket import POLICY, REPLACED, Socket

log = logging.getLogger("chatixia.registry")

MOST_DESCRIBED: Final = 1024
"""Described peers at once; an API key has one."""
FRAMES: Final = 128
FAULTS: Final = 32
FRAME_RATE: Final = (FRAMES, 1 / 16)
"""Frames of one: a burst, and the seconds for one more after it; what is more is dropped."""
FAULT_RATE: Final = (FAULTS, 1.0)
"""Frames of one that cannot be used, as above; then it is closed."""


class DescribedRoster:
    """Described peers by id; a newer login of an id takes the place of the older. ``enabled``:
    whether this registry lets any in."""

    def __init__(self, roster: Roster, enabled: bool = True) -> None:
        self._roster, self._enabled = roster, enabled
        self._logins: dict[str, Socket] = {}
        self._present: set[Socket] = set()

    def __len__(self) -> int:
        return len(self._logins)

    def present(self) -> dict[str, Socket]:
        """Those that said ``register``, by id."""
        return {socket.id: socket for socket in self._present}

    def admit(self, socket: Socket) -> None:
        """A login; it is told to agents once it says ``register``. Raises Overloaded."""
        old = self._logins.get(socket.id)
        if old is None and len(self._logins) >= MOST_DESCRIBED:
            raise Overloaded("Too many described peers are connected.", retry_after=RETRY_AFTER)
        self._logins[socket.id] = socket
        if old is not None:
            self._present.discard(old)
            old.close(REPLACED, "replaced")

    def remove(self, socket: Socket) -> None:
        """A socket ended; one that was replaced takes nothing with it."""
        self._present.discard(socket)
        if self._logins.get(socket.id) is socket:
            del self._logins[socket.id]
            self._tell(socket)

    def register(self, socket: Socket) -> list[str]:
        """It is there: the agents that accept it, which hear of it."""
        fresh = socket not in self._present
        self._present.add(socket)
        if fresh:
            self._tell(socket, socket.id)
        return [agent.id for agent in self._accepting(socket)]

    def greet(self, agent: Socket) -> None:
        """Tell an agent that logs in which of its described peers are there."""
        if agent.accepts:
            agent.send(self._peers_of(agent))

    def from_agent(self, agent: Socket, signal: DescribedSignal) -> None:
        """Pass on what an agent says to a peer that it accepts. Raises UnknownAgent."""
        target = self._logins.get(signal.target_id)
        if target is None or target not in self._present or not _accepts(agent, target):
            raise UnknownAgent(f"{signal.target_id} is not connected.", agent=signal.target_id)
        signal.peer_id = agent.id
        target.send_bytes(described.signal_frame(signal))

    def to_agent(self, sender: Socket, signal: DescribedSignal) -> None:
        """Pass on what a described peer says. Raises UnknownAgent where nobody accepts it."""
        agent = self._roster.get(signal.target_id)
        if agent is None or sender not in self._present or not _accepts(agent, sender):
            raise UnknownAgent(f"{signal.target_id} takes no link with {sender.id}.")
        signal.peer_id = sender.id
        agent.send(signal)

    def _accepting(self, peer: Socket) -> list[Socket]:
        return [socket for socket in self._roster if _accepts(socket, peer)]

    def _tell(self, peer: Socket, fresh: str = "") -> None:
        for agent in self._accepting(peer):
            agent.send(self._peers_of(agent, fresh))

    def _peers_of(self, agent: Socket, fresh: str = "") -> DescribedPeers:
        here = [peer.id for peer in self._present if _accepts(agent, peer)]
        return DescribedPeers(sorted(here), fresh, not self._enabled)


def _accepts(agent: Socket, peer: Socket) -> bool:
    """Whether an agent takes a link with a described peer."""
    if agent.principal is None or peer.principal is None or not listed(agent):
        return False
    return peer.id in agent.accepts and agent.principal.ns == peer.principal.ns


class DescribedFrames:
    """What one described peer sends. ``read`` never raises and never waits."""

    def __init__(self, socket: Socket, roster: DescribedRoster, world: World) -> None:
        self._socket, self._roster, self._world = socket, roster, world
        self._frames = TokenBucket(*FRAME_RATE, world.monotonic())
        self._faults = TokenBucket(*FAULT_RATE, world.monotonic())

    def read(self, text: str | bytes) -> int:
        """One message. Bytes, and what is no frame, mean nothing here; many of them end it."""
        try:
            if isinstance(text, bytes):
                self._fault()
            elif self._frames.take(self._world.monotonic()):
                self._handle(decode(described.frames, text, MAX_DESCRIBED))
        except MeshError as error:
            log.debug("a frame of %s is dropped: %s", self._socket.id, error)
            self._fault()
        return 1

    def _fault(self) -> None:
        if not self._faults.take(self._world.monotonic()):
            self._socket.close(POLICY, "too many bad frames")

    def _handle(self, frame: DescribedFrame) -> None:
        if frame.peer_id != self._socket.id:
            log.error("a frame of %s came in another's name", self._socket.id)
            self._fault()
        elif frame.type == "register":
            peers = self._roster.register(self._socket)
            answer = described.frame("peer_list", REGISTRY, payload={"peers": peers})
            self._socket.send_bytes(answer)
        elif frame.type in ("offer", "answer", "ice_candidate"):
            self._signal(frame)

    def _signal(self, frame: DescribedFrame) -> None:
        try:
            self._roster.to_agent(self._socket, described.signal_of(frame))
        except UnknownAgent as error:
            payload = DescribedError(error.code, error.message, frame.target_id)
            self._socket.send_bytes(described.frame("error", REGISTRY, payload=payload))
