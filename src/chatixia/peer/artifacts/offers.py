"""What this process lets its peers pull: by an id that only the named peer knows, for a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from chatixia.core.ports import ArtifactSource
from chatixia.core.shares import RETRY_AFTER, Shares
from chatixia.errors import Overloaded, TooLarge
from chatixia.wire.artifacts import MAX_ENTRIES, ArtifactInfo
from chatixia.wire.base import MIB
from chatixia.world import World

MAX_OFFERS: Final = 1024
"""Artifacts that one peer may pull; each is a few hundred bytes, whatever its size."""
GRACE_SECONDS: Final = 60.0
"""A result can be pulled this long beyond its deadline."""


MAX_RECEIVED_BYTES: Final = 64 * MIB
"""Bytes of all artifacts that are pulled and that their readers did not take; beyond that each has
:data:`chatixia.core.transfer.RECEIVE_LEAST_BYTES`."""
MAX_RESIDENT_BYTES: Final = 256 * MIB
"""Bytes of this process's memory that peers may pull, results alone; each machine has a share."""


class ResidentSource(Struct, eq=False):
    """A source whose bytes are in memory while somebody may pull them. ``offers``: how many."""

    holder: str
    size: int
    offers: int = 0


class LentArtifact(Struct, eq=False):
    """One artifact that ``peer`` may pull ``until`` then (monotonic seconds)."""

    peer: str
    source: ArtifactSource
    size: int
    until: float


class ArtifactOffers:
    """Every offer of this process, by its id. ``folder``: where parts of artifacts that are
    received may be kept, "" for nowhere. ``reading``: how many files are being read now;
    ``pulling``: how many readers wait for bytes of a peer; ``received``: bytes that were asked
    for and that no reader took."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._offers: dict[str, LentArtifact] = {}
        self._resident: dict[int, ResidentSource] = {}
        """By the identity of the source, which its offers keep."""
        self.resident_bytes = Shares(MAX_RESIDENT_BYTES)
        self.folder = ""
        self.reading = self.pulling = self.received = 0

    async def lend(
        self, peer: str, sources: Sequence[ArtifactSource], until: float, holder: str = ""
    ) -> tuple[ArtifactInfo, ...]:
        """Let ``peer`` pull these. What of them is in memory counts for ``holder`` (core.shares);
        "" where this process itself sends them. Raises what they raise, Overloaded, TooLarge."""
        too_many(sources)
        self.expire()
        open_before = sum(offer.peer == peer for offer in self._offers.values())
        if open_before + len(sources) > MAX_OFFERS:
            raise Overloaded("Too many artifacts wait to be pulled by this agent.", agent=peer)
        infos = []
        for source in sources:
            with self.at_work(source):
                infos.append(await source.describe())
        new = {id(one): one for one in sources if one.memory and id(one) not in self._resident}
        if holder and not self.resident_bytes.fits(holder, sum(one.memory for one in new.values())):
            text = "Too many bytes of results wait to be read by this machine."
            raise Overloaded(text, agent=peer, retry_after=RETRY_AFTER)
        table = tuple(replace(info, id=self._world.token(16).hex()) for info in infos)
        for info, source in zip(table, sources, strict=True):
            self._offers[info.id] = LentArtifact(peer, source, info.size, until)
            self._hold(source, holder)
        return table

    def _hold(self, source: ArtifactSource, holder: str) -> None:
        if not source.memory:
            return
        resident = self._resident.get(id(source))
        if resident is None:
            resident = self._resident[id(source)] = ResidentSource(
                holder, source.memory if holder else 0
            )
            self.resident_bytes.add(holder, resident.size)
        resident.offers += 1

    def _drop(self, name: str) -> None:
        offer = self._offers.pop(name, None)
        resident = self._resident.get(id(offer.source)) if offer is not None else None
        if offer is None or resident is None:
            return
        resident.offers -= 1
        if not resident.offers:
            del self._resident[id(offer.source)]
            self.resident_bytes.add(resident.holder, -resident.size)

    @contextmanager
    def at_work(self, source: ArtifactSource) -> Iterator[None]:
        """While a source is read."""
        self.reading += source.local
        try:
            yield
        finally:
            self.reading -= source.local

    def find(self, name: str, peer: str) -> LentArtifact | None:
        """What ``peer`` may pull under that id now."""
        offer = self._offers.get(name)
        if offer is None or offer.peer != peer or offer.until < self._world.monotonic():
            return None
        return offer

    def withdraw(self, table: Iterable[ArtifactInfo]) -> None:
        """Nobody may pull these any more."""
        for info in table:
            self._drop(info.id)

    def free(self, name: str, peer: str) -> None:
        """Its receiver needs it no more."""
        if self.find(name, peer) is not None:
            self._drop(name)

    def forget(self, peer: str) -> None:
        """That peer is gone."""
        for name in [name for name, offer in self._offers.items() if offer.peer == peer]:
            self._drop(name)

    def expire(self) -> None:
        """Let go of those whose time is over."""
        now = self._world.monotonic()
        for name in [name for name, offer in self._offers.items() if offer.until < now]:
            self._drop(name)

    def __len__(self) -> int:
        return len(self._offers)


def too_many(sources: Sequence[ArtifactSource]) -> None:
    """Raise TooLarge where one message cannot name them all."""
    if len(sources) > MAX_ENTRIES:
        text = f"A message carries at most {MAX_ENTRIES} artifacts; this one has {len(sources)}."
        raise TooLarge(text)
