"""The one table of the other members that this process has to do with.

A record has two halves, each the business of one part and empty while that part has nothing of
the peer: ``link`` of the link layer (``peer.links``), ``session`` of the mesh (``peer.sessions``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from chatixia.errors import Overloaded

MAX_PEERS: Final = 4096

LinkT = TypeVar("LinkT")
SessionT = TypeVar("SessionT")


class RemotePeer(Generic[LinkT, SessionT]):
    """One other member."""

    __slots__ = ("id", "link", "session")

    def __init__(self, name: str) -> None:
        self.id = name
        self.link: LinkT | None = None
        self.session: SessionT | None = None


class RemotePeers(Generic[LinkT, SessionT]):
    """Records by id, at most ``limit``. ``make_room``: asked for a place when all are taken, one
    after another; each returns whether it forgot somebody."""

    def __init__(self, limit: int = MAX_PEERS) -> None:
        self.make_room: list[Callable[[], bool]] = []
        self._limit = limit
        self._records: dict[str, RemotePeer[LinkT, SessionT]] = {}
        self.get: Callable[[str], RemotePeer[LinkT, SessionT] | None] = self._records.get
        """The record of that id. A bound method of the dict: each call asks."""

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[RemotePeer[LinkT, SessionT]]:
        """A copy, so that peers may come and go meanwhile."""
        return iter([*self._records.values()])

    def require(self, name: str) -> RemotePeer[LinkT, SessionT]:
        """The record of that id, made if there is none. Raises Overloaded."""
        record = self._records.get(name)
        if record is None:
            full = len(self._records) >= self._limit
            if full and not any(make() for make in self.make_room):
                raise Overloaded("Too many peers.")
            record = self._records[name] = RemotePeer(name)
        return record

    def release(self, record: RemotePeer[LinkT, SessionT]) -> None:
        """Forget a record whose two halves are empty."""
        if record.link is None and record.session is None:
            self._records.pop(record.id, None)

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()
