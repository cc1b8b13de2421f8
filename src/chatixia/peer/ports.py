"""The Protocols at which the folders of this package meet: a path, the links, the registry.

The link driver opens connections and verifies ``hello``; then it hands a :class:`Path` to its
:class:`LinkListener` (the sessions), which reads and writes it until ``detach``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from chatixia.errors import MeshError
from chatixia.ids import AgentId
from chatixia.wire.registry import TokenRequest
from chatixia.wire.signaling import LinkReport


class Path(Protocol):
    """One way to a peer after ``hello`` verified both ways: an engine channel, or a relay stream.

    ``tier``: ``direct``, ``turn`` or ``relay``. ``where``: the far address, when known.
    ``holder``: whose share the far end uses (core.shares), "" for its own. ``trust``: who vouches
    for it (core.delegation).
    ``capabilities``: what both ends signed that they can do (core.capabilities).
    ``link_ms``: how long it took to open. ``on_message`` and ``on_low`` are set by the mesh
    inside ``attach`` and ``read``; ``on_message`` takes each frame after ``hello``, in order.
    ``frame_at``: when the last frame came by it, on ``World.monotonic``'s clock, 0 never; the mesh
    writes it.
    """

    tier: str
    where: str
    holder: str
    trust: str
    capabilities: frozenset[str]
    link_ms: float | None
    frame_at: float
    on_message: Callable[[bytes | str], None] | None
    on_low: Callable[[], None]

    def send(self, data: bytes) -> None:
        """Take all of ``data`` or raise EngineRefused (peer.engines.base)."""
        ...

    def tell(self, data: bytes) -> bool:
        """Send beside the session what may be lost. False: this path has no channel for it."""
        ...

    def on_datagram(self, reader: Callable[[bytes | str], None]) -> None:
        """Who reads what the peer tells so."""
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


class RelayTraffic(Protocol):
    """The relay streams that share the login's socket. All on the loop; nothing here raises."""

    def next_message(self) -> bytes | None:
        """The next binary message to send; None: there is none."""
        ...

    def receive(self, message: bytes) -> None:
        """A binary message came."""
        ...

    def reset(self) -> None:
        """The login is over, and every stream with it."""
        ...


class LinkListener(Protocol):
    """What the link driver tells the mesh. All on the loop; nothing here raises."""

    def received(self, peer: AgentId, incarnation: str) -> int:
        """``hello.a``: the highest frame of that session that I have in order."""
        ...

    def attach(self, peer: AgentId, incarnation: str, path: Path, acked: int | None) -> None:
        """Send by that path from now on; it replaces the path in use, which is still read.

        ``acked``: the peer's ``hello.a``; None for a path that is read already, whose frames have
        told more than its hello.
        """
        ...

    def read(self, peer: AgentId, path: Path) -> None:
        """A path is open beside a better one: what comes by it is read, nothing is sent there."""
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

    def probe(self, peer: AgentId) -> None:
        """Send a ping over the present path; its pong moves the path's ``frame_at``."""
        ...

    def round_trip(self, peer: AgentId) -> float | None:
        """Milliseconds from the last probe to its pong; None: none came back yet."""
        ...

    def calls(self, peer: AgentId) -> int:
        """Calls with that peer, both ways, since its present path opened."""
        ...

    def resends(self, peer: AgentId) -> int:
        """Frames of the present session that went again."""
        ...

    def status(self, peer: AgentId) -> str:
        """What that peer says of itself (``agent_status``), "" if it said nothing."""
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


class RegistryLogin(RegistryPort, Protocol):
    """A login that lives as long as its mesh, which starts and stops it."""

    def start(self) -> None:
        """Begin to log in; waits for nothing."""
        ...

    async def stop(self) -> None:
        """Leave the list and end every task."""
        ...
