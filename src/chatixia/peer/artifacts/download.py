"""The receiving side of artifacts on one link: pulled as fast as their reader takes them, and
pulled again from where they stand when a path is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from msgspec import Struct, field

from chatixia.core.transfer import PULL_BYTES, RECEIVE_BYTES, RECEIVE_LEAST_BYTES, Download
from chatixia.errors import MeshError, Overloaded, Unreachable
from chatixia.wire.artifacts import CHUNK, PULL, STOP, ArtifactFrame, ArtifactInfo, write

from .offers import MAX_RECEIVED_BYTES, ArtifactOffers

MAX_DOWNLOADS: Final = 64
AGAIN_SECONDS: Final = 5.0
"""Without a byte for so long an artifact is pulled anew."""
GAP_SECONDS: Final = 0.5
"""The same where later bytes came: what is missing was lost, or comes by a slower path."""
MAX_EARLY: Final = 256
"""Chunks of one artifact that came before their turn, as they do when the sender changes paths."""
PIECE_CHUNKS: Final = 8
"""What a reader gets at once."""
GATHER_SECONDS: Final = 0.001
"""How long a chunk waits for those that follow it, where its reader wants them together."""
STALLED_SECONDS: Final = 60.0
"""Where so much waiting brought less than a chunk it is given up."""


class ActiveDownload(Struct, eq=False):
    """One transfer. ``chunks``: what nobody has taken yet; ``early``: what came before its turn, by
    its offset. ``received_at``: when the last byte came; ``passed``, ``rivals``: how many bytes of
    all had come then, or when it was pulled last, and how many were on their way; ``waited``:
    seconds that its reader waited since the last whole chunk's worth, up to ``mark``, was there.
    ``counted``: bytes of it that count for this process. ``gather``: its reader would rather have a
    few chunks than one; ``lingers``: it is woken in a moment."""

    info: ArtifactInfo
    transfer: int
    state: Download
    received_at: float
    mark: int
    counted: int = 0
    passed: int = 0
    rivals: int = 0
    waited: float = 0.0
    chunks: deque[bytes] = field(default_factory=deque)
    early: dict[int, bytes] = field(default_factory=dict)
    error: MeshError | None = None
    waiter: asyncio.Future[None] | None = None
    gather: bool = False
    lingers: bool = False

    def take(self, offset: int, data: bytes) -> bool:
        """A chunk, and those that waited for it; False where it is not the next one. Raises
        BadRequest."""
        if not self.state.accept(offset, len(data)):
            if offset > self.state.received and len(self.early) < MAX_EARLY:
                self.early[offset] = data
            return False
        self.chunks.append(data)
        while (more := self.early.pop(self.state.received, None)) is not None:
            self.state.accept(self.state.received, len(more))
            self.chunks.append(more)
        if self.state.received - self.mark >= CHUNK or self.state.complete:
            self.mark, self.waited = self.state.received, 0.0
        return True

    @property
    def patience(self) -> float:
        """Seconds without a byte before it is pulled anew."""
        return GAP_SECONDS if self.early else AGAIN_SECONDS

    def piece(self) -> bytes:
        """Chunks that are there, a few at most, as one."""
        chunks = self.chunks
        if len(chunks) == 1:
            return chunks.popleft()
        return b"".join([chunks.popleft() for _ in range(min(len(chunks), PIECE_CHUNKS))])

    def lingered(self) -> None:
        """No more is waited for."""
        self.lingers = False
        if self.chunks:
            self.wake()

    def wake(self) -> None:
        """Something changed."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class LinkConditions(Struct):
    """What a download asks of its link. ``respond``: sends a control frame; ``open``: whether
    there is a path; ``want``: asks for one; ``busy``: whether calls run beside."""

    peer: str
    offers: ArtifactOffers
    respond: Callable[[bytes], None]
    open: Callable[[], bool]
    want: Callable[[], None]
    busy: Callable[[float], bool]
    now: Callable[[], float]
    later: Callable[[float, Callable[[], None]], Any]


class ArtifactDownloads:
    """Every transfer from one peer. They take turns at its link: one that waits while others come
    waits for its turn, however long that is on a slow one, and is pulled anew only once it was
    passed over."""

    def __init__(self, link: LinkConditions) -> None:
        self._link = link
        self._active: dict[int, ActiveDownload] = {}
        self._count = 0
        self._arrived, self._arrived_at = 0, link.now()

    @property
    def active(self) -> int:
        """Transfers that run."""
        return len(self._active)

    async def pull(
        self, info: ArtifactInfo, offset: int, gather: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from ``offset`` on, all at once that are there; ``gather``: what follows
        within a moment too. Raises the sender's error, Unreachable, Overloaded."""
        if offset >= info.size:
            return
        download = self._begin(info, offset)
        download.gather = gather
        try:
            while True:
                while download.chunks:
                    piece = download.piece()
                    download.state.take(len(piece))
                    self._tell(download)
                    yield piece
                if download.state.complete:
                    return
                if download.error is not None:
                    raise download.error
                await self._news(download)
        finally:
            self._end(download)

    def _begin(self, info: ArtifactInfo, offset: int) -> ActiveDownload:
        if len(self._active) >= MAX_DOWNLOADS:
            text = "Too many artifacts of this agent are read at once."
            raise Overloaded(text, agent=self._link.peer)
        state = Download(info.size, offset, offset, offset, offset)
        download = ActiveDownload(info, 0, state, self._link.now(), offset)
        self._restart(download)
        return download

    def _restart(self, download: ActiveDownload) -> None:
        """Pull under a new number, so that what comes late under the old one does not count."""
        if self._active.pop(download.transfer, None) is not None and self._link.open():
            self._link.respond(write(ArtifactFrame(STOP, download.transfer)))
        download.early.clear()
        self._count = self._count % 0xFFFFFFFF + 1
        download.transfer = self._count
        self._active[download.transfer] = download
        download.passed, download.rivals = self._arrived, len(self._active)
        if self._link.open():
            self._tell(download, again=True)
        else:
            self._link.want()

    def _tell(self, download: ActiveDownload, again: bool = False) -> None:
        state, offers = download.state, self._link.offers
        offers.received -= download.counted
        room = MAX_RECEIVED_BYTES - offers.received
        pull = state.pull(again, max(RECEIVE_LEAST_BYTES, min(RECEIVE_BYTES, room)))
        download.counted = state.outstanding
        offers.received += download.counted
        if pull is not None and self._link.open():
            frame = ArtifactFrame(PULL, download.transfer, *pull, download.info.id)
            self._link.respond(write(frame))

    def _tell_all(self) -> None:
        """All share the sender's window: what none of them alone need tell yet fills it together,
        and then nothing of any would come."""
        if (
            len(self._active) > 1
            and sum(d.state.untold for d in self._active.values()) >= PULL_BYTES
        ):
            for download in self._active.values():
                if download.state.untold:
                    self._tell(download, again=True)

    async def _news(self, download: ActiveDownload) -> None:
        """Wait for something, and see to it that something comes."""
        download.waiter = waiter = asyncio.get_running_loop().create_future()
        timer = self._link.later(download.patience, download.wake)
        self._link.offers.pulling += 1
        began = self._link.now()
        try:
            await waiter
        finally:
            self._link.offers.pulling -= 1
            timer.cancel()
        now = self._link.now()
        download.waited += now - began
        if download.error is not None or download.state.complete:
            return
        if self._stalled(download, now):
            text = f"Next to nothing of the artifact came in {STALLED_SECONDS:.0f} s."
            raise Unreachable(text, agent=self._link.peer, outcome="definite")
        if not download.chunks and self._overdue(download, now):
            self._restart(download)

    def _stalled(self, download: ActiveDownload, now: float) -> bool:
        """Whether to give it up: nothing of any comes, or of this one less than its share."""
        if download.waited < STALLED_SECONDS:
            return False
        silent = now - self._arrived_at >= STALLED_SECONDS
        return silent or download.waited >= STALLED_SECONDS * len(self._active)

    def _overdue(self, download: ActiveDownload, now: float) -> bool:
        """Whether it has to be pulled anew: it has waited, and not for its turn."""
        if now - download.received_at < download.patience:
            return False
        silent = now - self._arrived_at >= AGAIN_SECONDS
        turns = (self._arrived - download.passed) // CHUNK
        passed_over = turns >= 2 * max(download.rivals, len(self._active))
        return bool(download.early) or silent or passed_over

    def _end(self, download: ActiveDownload) -> None:
        self._link.offers.received -= download.counted
        download.counted = 0
        running = self._active.pop(download.transfer, None)
        done = download.state.complete or download.error is not None
        if running is not None and not done and self._link.open():
            self._link.respond(write(ArtifactFrame(STOP, download.transfer)))

    def arrived(self, frame: ArtifactFrame, now: float) -> None:
        """A chunk. Raises BadRequest for more than was asked for."""
        download, self._arrived_at = self._active.get(frame.transfer), now
        if download is None:
            self._link.respond(write(ArtifactFrame(STOP, frame.transfer)))
            return
        gap = bool(download.early)
        if download.take(frame.offset, frame.data):
            self._arrived += len(frame.data)
            download.received_at = now
            download.passed, download.rivals = self._arrived, len(self._active)
            self._gather(download, now)
        elif download.early and not gap:
            download.wake()  # it waits for less time from now on

    def _gather(self, download: ActiveDownload, now: float) -> None:
        """Tell its sender and wake its reader: for a few chunks as one, where they follow at once
        and somebody waits for them. Beside calls and other artifacts the sender hears more often,
        to keep few under way."""
        whole = download.state.complete or len(download.chunks) >= PIECE_CHUNKS
        gathers = download.gather and download.waiter is not None and not whole
        if not gathers or len(self._active) > 1 or self._link.busy(now):
            self._tell(download)
            self._tell_all()
        if not gathers:
            download.wake()
        elif not download.lingers:
            download.lingers = True
            self._link.later(GATHER_SECONDS, download.lingered)

    def failed(self, transfer: int, error: MeshError) -> None:
        """The sender cannot go on."""
        download = self._active.get(transfer)
        if download is not None:
            download.error = error
            error.agent = error.agent or self._link.peer
            download.wake()

    def resume(self) -> None:
        """There is a new path: pull again what is under way."""
        for download in list(self._active.values()):
            self._restart(download)

    def end(self, error: Callable[[], MeshError]) -> None:
        """The sender is gone."""
        for transfer in list(self._active):
            self.failed(transfer, error())
