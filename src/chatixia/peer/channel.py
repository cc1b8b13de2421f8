"""The words between a session and what carries it: a path, the links, the registry, timers.

The link driver opens connections and verifies ``hello``; then it hands a :class:`Path` to
:class:`Upper` (the mesh), which reads and writes it until ``detach``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from chatixia.core.ports import LinkReport
from chatixia.errors import MeshError
from chatixia.ids import AgentId


class Path(Protocol):
    """One way to a peer after ``hello`` verified both ways: an engine channel, or a relay stream.

    ``tier``: ``direct``, ``turn`` or ``relay``. ``where``: the far address, when known.
    ``link_ms``: how long it took to open. ``on_message`` and ``on_low`` are set by the mesh
    inside ``attach``; ``on_message`` takes each frame after ``hello``, in order.
    """

    tier: str
    where: str
    link_ms: float | None
    on_message: Callable[[bytes | str], None] | None
    on_low: Callable[[], None]

    def send(self, data: bytes) -> None:
        """Take all of ``data`` or raise EngineRefused (peer.engines.base)."""
        ...

    @property
    def buffered(self) -> int:
        """Bytes taken and not sent yet; ``on_low`` fires when few are left."""
        ...

    @property
    def max_message(self) -> int:
        """The largest frame in bytes that the peer takes."""
        ...

    def close(self, why: str) -> None:
        """The mesh wants it closed (a malformed frame, credit exceeded); ``detach`` follows."""
        ...


class Upper(Protocol):
    """What the link driver tells the mesh. All on the loop; nothing here raises."""

    def received(self, peer: AgentId, incarnation: str) -> int:
        """``hello.a``: the highest frame of that session that I have in order."""
        ...

    def attach(self, peer: AgentId, incarnation: str, path: Path, acked: int) -> None:
        """A path is open; ``acked`` is the peer's ``hello.a``. It replaces the path in use."""
        ...

    def detach(self, peer: AgentId, path: Path) -> None:
        """That path is dead; the session waits for another."""
        ...

    def gone(self, peer: AgentId, incarnation: str) -> None:
        """Verdict *gone* (links.md section 3): calls that were sent fail ``unreachable``."""
        ...

    def refused(self, peer: AgentId, error: MeshError) -> None:
        """No link can be: why, in a sentence. Remembered for 60 s."""
        ...

    def idle(self, peer: AgentId) -> bool:
        """Whether nothing is unacknowledged and no call or stream is open (idle close)."""
        ...

    def heard(self, peer: AgentId) -> float:
        """When the last frame of that peer came, on ``World.monotonic``'s clock; 0 never."""
        ...

    def probe(self, peer: AgentId) -> None:
        """Send a ping over the present path; its pong moves ``heard``."""
        ...


class Links(Protocol):
    """The link driver, as the mesh sees it. The mesh sets ``upper`` before ``start``."""

    upper: Upper

    async def start(self) -> None:
        """Begin to take offers."""
        ...

    async def stop(self) -> None:
        """Close every link with a drain, end every task."""
        ...

    def want(self, peer: AgentId) -> None:
        """Start to open a link unless there is one or an attempt runs."""
        ...

    def report(self) -> Sequence[LinkReport]:
        """The open links as their engines see them (the last reading)."""
        ...


class Registry(Protocol):
    """The login at the registry, as the mesh sees it."""

    on_push: Callable[[msgspec.Struct], None]
    """TaskPush, TaskHint, TaskDone, TaskProgress, PeerJoined, PeerLeft; set by the mesh."""
    on_state: Callable[[bool], None]
    """The login is up (True) or lost (False); set by the mesh."""

    @property
    def up(self) -> bool:
        """Whether the login stands now."""
        ...

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb's reply struct; raises its MeshError, RegistryUnreachable without a login."""
        ...

    def heartbeat(self, slots: int | None, skills: Sequence[Any] | None) -> None:
        """Tell free slots and changed skills with the next heartbeat, at once."""
        ...


class Handle(Protocol):
    """A timer that can be cancelled."""

    def cancel(self) -> None:
        """It will not fire."""
        ...


class Timers(Protocol):
    """Where the mesh's timers live: the loop, or a fake clock."""

    def later(self, delay: float, callback: Callable[[], None], work: bool = False) -> Handle:
        """Call once after ``delay`` seconds. ``work``: it bounds work (a deadline), so a fake
        clock lets work that runs take its real time first."""
        ...
