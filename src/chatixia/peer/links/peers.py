"""What the link layer holds of each peer, in the link half of the one table of peers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from chatixia.core.link import Link
from chatixia.core.paths import DIRECT, PathKind
from chatixia.core.verdict import PathWitnesses
from chatixia.ids import AgentId
from chatixia.peer.engines.base import PathStats
from chatixia.peer.ports import LinkListener
from chatixia.peer.records import RemotePeer, RemotePeers
from chatixia.world import World

from .attempt import LinkAttempt
from .path import LinkPath

Records = RemotePeers["LinkedPeer", Any]


class LinkedPeer:
    """The links of one peer. ``attempts`` and ``paths`` by their key in ``link``; ``open`` and
    ``path``: the ones in use, which ``witnesses`` and ``stats`` (the engine's last reading) are
    about (read at ``stats_at``, after
    ``stats_calls`` calls); ``read``: the keys of the paths that the mesh reads. ``alarm``: the
    timer of the next attempt; ``opens_at``: when it may be opened though nobody asks.
    ``attempt_count`` goes on over all of them. ``agreed``: both sides agreed to close."""

    def __init__(self, name: AgentId, link: Link) -> None:
        self.id, self.link = name, link
        self.attempts: dict[int, LinkAttempt] = {}
        self.paths: dict[int, LinkPath] = {}
        self.read: set[int] = set()
        self.open: LinkAttempt | None = None
        self.path: LinkPath | None = None
        self.witnesses: PathWitnesses | None = None
        self.stats: PathStats | None = None
        self.alarm: asyncio.TimerHandle | None = None
        self.attempt_count = 0
        self.trouble = self.likely = ""
        self.used_at = self.bye_at = self.stats_at = 0.0
        self.stats_calls = 0
        self.opens_at = 0.0
        self.agreed = self.reading_stats = False

    @property
    def quiet(self) -> bool:
        """Whether forgetting this peer loses nothing."""
        return self.link.quiet and not self.attempts

    def attempt_of(self, kind: str, number: int) -> LinkAttempt | None:
        """The attempt of that number under way at a kind of path."""
        trying = next((each.trying for each in self.link.slots if each.kind.name == kind), None)
        if trying is None or trying.attempt != number:
            return None
        return self.attempts.get(trying.key)

    def use(self, attempt: LinkAttempt, now: float) -> None:
        """Its path is the one in use from now on."""
        self.open, self.path, self.stats = attempt, self.paths[attempt.key], attempt.stats
        self.witnesses = PathWitnesses(now, relayed=self.path.tier == "relay")
        self.used_at, self.bye_at, self.agreed = now, 0.0, False
        self.stats_at, self.stats_calls = now, 0
        if attempt.stats is not None:
            self.witnesses.witness(attempt.stats.last_answer, now)


class LinkedPeers:
    """The peers of the link layer by id. ``listener``: the mesh, which may hold something of a
    peer that is to be forgotten. ``kinds``: the paths that a link may have."""

    listener: LinkListener
    kinds: Sequence[PathKind] = (DIRECT,)

    def __init__(self, me: str, world: World, records: Records) -> None:
        self._me, self._world, self._records = me, world, records
        self._highest_attempt = 0
        records.make_room.append(self._forget_someone)

    def __iter__(self) -> Iterator[LinkedPeer]:
        """A copy, so that peers may come and go meanwhile."""
        return iter([record.link for record in self._records if record.link is not None])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __getitem__(self, name: str) -> LinkedPeer:
        peer = self.get(name)
        if peer is None:
            raise KeyError(name)
        return peer

    def get(self, name: str) -> LinkedPeer | None:
        """What there is of that peer."""
        record = self._records.get(name)
        return record.link if record is not None else None

    def require(self, name: str) -> LinkedPeer:
        """What there is of that peer, made if there is nothing. Raises Overloaded."""
        record = self._records.require(name)
        if record.link is None:
            now = self._world.monotonic()
            link = Link(self._me, name, now, self._highest_attempt, self.kinds)
            record.link = LinkedPeer(AgentId(name), link)
        return record.link

    def open(self) -> list[LinkedPeer]:
        """Those with a path in use."""
        return [peer for peer in self if peer.open is not None]

    @property
    def connections(self) -> int:
        """Connections to all peers together."""
        return sum(len(peer.attempts) for peer in self)

    def forget(self, peer: LinkedPeer) -> bool:
        """As if that peer had never been there, unless something of it is in use.

        Attempts never fall: the peer may remember them.
        """
        if not self.listener.forget(peer.id):
            return False
        self._highest_attempt = max(self._highest_attempt, peer.link.attempt)
        record: RemotePeer[LinkedPeer, Any] | None = self._records.get(peer.id)
        if record is not None:
            record.link = None
            self._records.release(record)
        return True

    def _forget_someone(self) -> bool:
        return any(peer.quiet and self.forget(peer) for peer in self)

    def clear(self) -> None:
        """Forget all of the link layer; nothing of it is in use."""
        for record in self._records:
            record.link = None
            self._records.release(record)
