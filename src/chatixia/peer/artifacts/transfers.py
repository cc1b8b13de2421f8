"""The artifacts of one link, both ways: what comes in a frame, what goes next, and who waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Final, Protocol

from chatixia.core.call import Calls
from chatixia.core.ports import ArtifactFeed
from chatixia.errors import BadRequest, MeshError, Unreachable, from_wire
from chatixia.peer.timers import Timers
from chatixia.wire import artifacts as wire
from chatixia.wire.artifacts import ArtifactFrame, ArtifactInfo
from chatixia.world import World

from .download import ArtifactDownloads, LinkConditions
from .offers import ArtifactOffers
from .upload import ArtifactUploads

MAX_CONTROL: Final = 1024
"""Control frames that wait; a peer that makes more of them necessary breaks the protocol."""
BUSY_SECONDS: Final = 0.25
"""Calls count as running beside for so long after the last one."""


class ArtifactLink(Protocol):
    """The session on its path that carries them. ``count``: calls so far, by which the window
    knows that it is not alone; ``want()``: asks for a path."""

    @property
    def calls(self) -> Calls:
        """The calls with that peer."""
        ...

    @property
    def path(self) -> object | None:
        """The present path."""
        ...

    count: int
    offers: ArtifactOffers
    world: World
    timers: Timers
    want: Callable[[], None]

    def kick_artifacts(self) -> None:
        """There is something to send."""
        ...


class ArtifactTransfers:
    """Carries artifacts over the path of one session. ``folder``: for parts of what is received."""

    def __init__(self, link: ArtifactLink) -> None:
        self._link: ArtifactLink | None = link
        self._peer, self._offers = link.calls.peer, link.offers
        self.folder = link.offers.folder
        self._now = link.world.monotonic
        self._control: dict[bytes, None] = {}
        self._from_control = False
        self._open = link.path is not None
        self._counted, self._busy_until = link.count, 0.0
        self._loop = asyncio.get_running_loop()
        self.uploads = ArtifactUploads(
            self._peer, self._offers, self._respond, self._kick, self._now, link.timers.later
        )
        self.downloads = ArtifactDownloads(
            LinkConditions(
                self._peer,
                self._offers,
                self._respond,
                lambda: self._open,
                self._want,
                self._busy,
                self._now,
                link.timers.later,
            )
        )

    @property
    def idle(self) -> bool:
        """Nothing is under way either way."""
        return not (self.uploads.active or self.downloads.active)

    def _want(self) -> None:
        if self._link is not None:
            self._link.want()

    def _kick(self) -> None:
        if self._link is not None:
            self._link.kick_artifacts()

    def _respond(self, frame: bytes) -> None:
        if len(self._control) >= MAX_CONTROL:
            raise BadRequest("The peer takes no answer about artifacts.")
        self._control[frame] = None
        self._kick()

    # -- frames

    def receive(self, data: bytes, path: object) -> None:
        """A frame that ``path`` brought. Raises BadRequest: the path must close."""
        frame, now = wire.read(data), self._now()
        if frame.kind == wire.DATA:
            self.downloads.arrived(frame, now)
        elif frame.kind == wire.PULL:
            self.uploads.pulled(frame, now, self._busy(now), path)
        elif frame.kind == wire.STOP:
            self.uploads.stopped(frame.transfer)
        elif frame.kind == wire.FAIL:
            self.downloads.failed(frame.transfer, from_wire(wire.read_failure(frame)))
        else:
            self._offers.free(frame.id, self._peer)

    def _busy(self, now: float) -> bool:
        count = self._link.count if self._link is not None else 0
        if count != self._counted:
            self._counted, self._busy_until = count, now + BUSY_SECONDS
        return now < self._busy_until

    def build(self) -> bytes | None:
        """The next frame, or None. Nothing has happened until ``sent``."""
        self._from_control = bool(self._control)
        return next(iter(self._control)) if self._control else self.uploads.build()

    def sent(self) -> None:
        """The path took what ``build`` gave last."""
        if self._from_control:
            del self._control[next(iter(self._control))]
        else:
            self.uploads.sent(self._now())

    # -- the path

    def attach(self) -> None:
        """There is a (new) path to send by: what is pulled is pulled by it from now on."""
        self._open = True
        self._control.clear()
        self.uploads.window.reset()
        self.downloads.resume()

    def detach(self, path: object) -> None:
        """``path`` is dead, and what was asked for over it is void. Without another, what is
        pulled asks for one."""
        self.uploads.lost(path)
        if self._link is not None and self._link.path is None:
            self._open = False
            self._control.clear()
            if self.downloads.active:
                self._want()

    def peer_lost(self) -> None:
        """The peer's process is gone."""
        text = f"{self._peer} is gone, and the artifact with it."
        self.downloads.end(partial(Unreachable, text, outcome="definite"))

    def close(self, error: Callable[[], MeshError]) -> None:
        """This process stops."""
        self._open = False
        self.uploads.end()
        self.downloads.end(error)

    def shut(self) -> None:
        """Nothing is carried any more, and nothing here leads back to the session."""
        self._link, self._open = None, False
        self.uploads.end()

    # -- feeds

    def feeds(self, table: tuple[ArtifactInfo, ...]) -> tuple[ArtifactFeed, ...]:
        """What pulls the artifacts that a message of this peer names."""
        return tuple(
            LinkFeed(info, self) if info.data is None else InlineFeed(info) for info in table
        )

    def free(self, info: ArtifactInfo) -> None:
        """Tell the peer that nobody here needs it. From any thread."""
        frame = wire.write(ArtifactFrame(wire.FREE, 0, id=info.id))
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell_free, frame)

    def _tell_free(self, frame: bytes) -> None:
        if self._open and len(self._control) < MAX_CONTROL:
            self._respond(frame)


class LinkFeed:
    """An artifact that a message named; a ``core.ports.ArtifactFeed``."""

    def __init__(self, info: ArtifactInfo, transfers: ArtifactTransfers) -> None:
        self.info, self.folder = info, transfers.folder
        self._transfers: ArtifactTransfers | None = transfers

    def pull(self, offset: int = 0, gather: bool = False) -> AsyncGenerator[bytes, None]:
        """The bytes from there on. Raises BadRequest after :meth:`release`."""
        if self._transfers is None:
            raise BadRequest("The artifact was let go of.")
        return self._transfers.downloads.pull(self.info, offset, gather)

    def release(self) -> None:
        """Nobody pulls it any more."""
        transfers, self._transfers = self._transfers, None
        if transfers is not None:
            transfers.free(self.info)


class InlineFeed:
    """An artifact whose bytes stand in the message; a ``core.ports.ArtifactFeed``."""

    folder = ""

    def __init__(self, info: ArtifactInfo) -> None:
        self.info = info

    async def pull(self, offset: int = 0, gather: bool = False) -> AsyncGenerator[bytes, None]:
        """The bytes from there on."""
        data = (self.info.data or b"")[offset:]
        if data:
            yield data

    def release(self) -> None:
        """Nothing is held elsewhere."""
