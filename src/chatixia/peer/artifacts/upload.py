"""The sending side of artifacts on one link: what was pulled is read beside the loop and sent in
chunks, no more of it under way than the window allows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, field

from chatixia.background import BackgroundTasks
from chatixia.core.delay_window import DelayWindow
from chatixia.core.ports import ArtifactSource
from chatixia.core.transfer import Upload
from chatixia.errors import Internal, MeshError, NotFound, Overloaded
from chatixia.wire.artifacts import CHUNK, ArtifactFrame, write_data, write_failure

from .offers import ArtifactOffers

MAX_UPLOADS: Final = 64
"""Transfers to one peer at once; one more is refused as ``busy``."""
READ_BYTES: Final = 8 * CHUNK
"""What one read brings, in whole chunks; two of them wait to be sent at most."""
BURST_CHUNKS: Final = 2
REST_SECONDS: Final = 0.002
"""After so many chunks the sender rests so long while calls use the link: else the threads of both
ends that carry an artifact keep every core of a small machine, and a call waits for a time slice
of the scheduler (3 ms)."""
AHEAD_SECONDS: Final = 10.0
"""What was read and could not go for so long is let go of, and read again when it can."""


class ActiveUpload(Struct, eq=False):
    """One transfer: what was read of it and not sent yet, the reading that runs, the path by which
    it was asked for, and when something of it was read or sent last."""

    source: ArtifactSource
    state: Upload
    path: object
    blocks: deque[memoryview] = field(default_factory=deque)
    read: int = 0
    reading: asyncio.Task[Any] | None = None
    moved_at: float = 0.0


class ArtifactUploads:
    """Every transfer to one peer. ``respond``: sends a control frame; ``wake``: there is more to
    send; ``now`` and ``later``: the clock. ``window``: shared by all, since they share the link."""

    def __init__(
        self,
        peer: str,
        offers: ArtifactOffers,
        respond: Callable[[bytes], None],
        wake: Callable[[], None],
        now: Callable[[], float],
        later: Callable[[float, Callable[[], None]], Any],
    ) -> None:
        self._peer, self._offers, self._respond, self._wake = peer, offers, respond, wake
        self._now, self._later, self._armed = now, later, False
        self._active: dict[int, ActiveUpload] = {}
        self._built: tuple[int, ActiveUpload, int] | None = None
        self._busy = self._resting = False
        self._burst = 0
        self._readers = BackgroundTasks()
        self.window = DelayWindow()

    @property
    def active(self) -> int:
        """Transfers that run."""
        return len(self._active)

    def pulled(self, frame: ArtifactFrame, now: float, busy: bool, path: object) -> None:
        """The receiver pulls, or says how far it is. Raises BadRequest where it lies."""
        upload = self._active.get(frame.transfer)
        if upload is None:
            upload = self._begin(frame, path)
            if upload is None:
                return
        self._busy = busy
        state = upload.state
        before = state.acked
        delay = state.acknowledge(frame.offset, frame.window, now)
        if delay is not None:
            self.window.sample(delay, state.acked - before, now, busy)
        if state.complete:
            self.stopped(frame.transfer)
            return
        self._read_ahead(frame.transfer, upload)

    def _begin(self, frame: ArtifactFrame, path: object) -> ActiveUpload | None:
        offer = self._offers.find(frame.id, self._peer)
        error: MeshError | None = None
        if offer is None or frame.offset > offer.size:
            error = NotFound("The artifact can be read no more: its call is over.")
        elif len(self._active) >= MAX_UPLOADS:
            error = Overloaded("Too many artifacts are on their way to this agent.")
        if error is not None or offer is None:
            self._respond(write_failure(frame.transfer, (error or NotFound()).to_wire()))
            return None
        state = Upload(offer.size, frame.offset, frame.offset)
        upload = ActiveUpload(offer.source, state, path, read=frame.offset)
        self._active[frame.transfer] = upload
        return upload

    def stopped(self, transfer: int) -> None:
        """Nothing more of that transfer."""
        upload = self._active.pop(transfer, None)
        if upload is not None and upload.reading is not None:
            upload.reading.cancel()

    def _read_ahead(self, transfer: int, upload: ActiveUpload) -> None:
        left = upload.state.size - upload.read
        if upload.reading is None and left > 0 and len(upload.blocks) < 2:
            upload.reading = self._readers.spawn(self._read(transfer, upload))

    async def _read(self, transfer: int, upload: ActiveUpload) -> None:
        count = min(READ_BYTES, upload.state.size - upload.read)
        try:
            with self._offers.at_work(upload.source):
                data = await upload.source.read(upload.read, count)
        except MeshError as error:
            self._fail(transfer, error)
        except OSError as error:
            self._fail(transfer, NotFound(f"The artifact cannot be read: {error.strerror}."))
        except Exception as error:  # noqa: BLE001 - a source of somebody's own
            self._fail(transfer, Internal(f"The artifact failed with {type(error).__name__}."))
        else:
            upload.read += len(data)
            upload.blocks.append(memoryview(data))
            upload.reading, upload.moved_at = None, self._now()
            self._read_ahead(transfer, upload)
            self._wake()
            self._arm()

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            self._later(AHEAD_SECONDS, self._let_go)

    def _let_go(self) -> None:
        """A receiver that takes nothing does not keep in memory what was read for it."""
        self._armed, now = False, self._now()
        for upload in self._active.values():
            if upload.blocks and now - upload.moved_at >= AHEAD_SECONDS:
                if upload.reading is not None:  # what it brings would stand in the wrong place
                    upload.reading.cancel()
                    upload.reading = None
                upload.blocks.clear()
                upload.read = upload.state.sent
        if any(upload.blocks for upload in self._active.values()):
            self._arm()

    def _fail(self, transfer: int, error: MeshError) -> None:
        self._active.pop(transfer, None)
        self._respond(write_failure(transfer, error.to_wire()))

    def build(self) -> bytes | None:
        """The next chunk that may go, or None. Nothing has happened until ``sent``."""
        if self._resting or not self._active:
            return None
        left = self.window.size - sum(u.state.under_way for u in self._active.values())
        for transfer, upload in self._active.items():
            if not upload.blocks:
                if upload.state.room(left):
                    self._read_ahead(transfer, upload)
                continue
            block = upload.blocks[0]
            count = min(CHUNK, len(block))
            if upload.state.room(left) < count:  # a whole chunk or nothing: no dribble
                continue
            self._built = transfer, upload, count
            return write_data(transfer, upload.state.sent, block[:count])
        return None

    def sent(self, now: float) -> None:
        """The path took what ``build`` gave last; the next one is another transfer's turn."""
        assert self._built is not None
        transfer, upload, count = self._built
        upload.state.advance(count, now)
        self._count_burst()
        upload.moved_at = now
        block = upload.blocks[0]
        if count == len(block):
            upload.blocks.popleft()
        else:
            upload.blocks[0] = block[count:]
        if self._active.get(transfer) is upload:
            if len(self._active) > 1:
                self._active[transfer] = self._active.pop(transfer)
            self._read_ahead(transfer, upload)

    def _count_burst(self) -> None:
        self._burst += 1
        if self._burst >= BURST_CHUNKS:
            self._burst = 0
            if self._busy:
                self._resting = True
                self._later(REST_SECONDS, self._rested)

    def _rested(self) -> None:
        self._resting = False
        if self._active:
            self._wake()

    def lost(self, path: object) -> None:
        """A path is dead: what was asked for by it is pulled again by another."""
        for transfer, upload in list(self._active.items()):
            if upload.path is path:
                self.stopped(transfer)

    def end(self) -> None:
        """Nothing is sent any more."""
        for transfer in list(self._active):
            self.stopped(transfer)
        self.window.reset()

    async def stop(self) -> None:
        """End every reading."""
        self.end()
        await self._readers.stop()
