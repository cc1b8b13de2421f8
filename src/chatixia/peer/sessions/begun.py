"""A call over an open link for who waits in no task: it is told as the answer is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from chatixia.core.exchange import PendingCall
from chatixia.core.ports import CallAnswer
from chatixia.world import World

from .peers import PeerState


class TasklessCall:
    """A request that is on its way (``core.ports.BegunCall``). ``queued`` carries it on once it
    left the link."""

    __slots__ = ("_peer", "_pending", "_queued", "_world")

    def __init__(
        self,
        pending: PendingCall,
        peer: PeerState,
        world: World,
        queued: Callable[[PeerState, PendingCall], Awaitable[CallAnswer]],
    ) -> None:
        self._pending, self._peer, self._world, self._queued = pending, peer, world, queued

    def answer(self) -> CallAnswer | None:
        """What it ended with, once its waiter was told; None: :meth:`queued` gets it. Raises the
        error that it ended with."""
        pending, channel = self._pending, self._peer.channel
        if pending.value is None:
            if pending.error is not None:
                raise pending.error
            return None
        ms = 1000 * (self._world.monotonic() - pending.started)
        where = channel.path.where if channel.path is not None else ""
        target = pending.outgoing.target
        answer = CallAnswer(bytes(pending.value), pending.via, ms, target, None, where)
        if pending.artifacts:
            answer.artifacts = channel.artifacts.feeds(pending.artifacts)
        return answer

    def queued(self) -> Awaitable[CallAnswer]:
        """Its answer from the queue, which has it now."""
        return self._queued(self._peer, self._pending)

    def leave(self) -> None:
        """Nobody waits for it any more."""
        self._peer.calls.cancel(self._pending)
        self._peer.channel.kick()
