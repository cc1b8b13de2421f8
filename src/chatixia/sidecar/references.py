"""Artifacts that a program was told of, by the short names that stand for them on its socket."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from chatixia.core.ports import ArtifactFeed
from chatixia.errors import DeadlineExceeded, MeshError, NotFound
from chatixia.wire.ipc import IpcFile

from .ports import FileFolder

MAX_REFERENCES: Final = 1024
"""Artifacts that a program may leave unreleased; the oldest goes."""


class ReferenceTable:
    """The artifacts of one program, which came and were not released yet."""

    def __init__(self, folder: FileFolder) -> None:
        self._folder = folder
        self._feeds: OrderedDict[str, ArtifactFeed] = OrderedDict()
        self._paths: dict[str, str] = {}
        self._numbers = 0

    def name(self, feeds: Iterable[ArtifactFeed]) -> tuple[IpcFile, ...]:
        """How the artifacts of one message are told."""
        return tuple(self._one(feed) for feed in feeds)

    def _one(self, feed: ArtifactFeed) -> IpcFile:
        self._numbers += 1
        ref = f"f{self._numbers}"
        self._feeds[ref] = feed
        while len(self._feeds) > MAX_REFERENCES:
            self.release(next(iter(self._feeds)))
        info = feed.info
        return IpcFile("", ref, info.name, info.media_type, info.size, info.sha256)

    async def fetch(self, ref: str, timeout: float) -> str:
        """The path of that artifact's file, which is brought first within ``timeout`` seconds.
        Raises NotFound, DeadlineExceeded, and what a pull raises."""
        feed = self._feeds.get(ref)
        if feed is None:
            raise NotFound(f"There is no artifact {ref} here (any more).")
        path = self._paths.get(ref)
        if path is None:
            try:
                async with asyncio.timeout(timeout):
                    path = await self._folder.save(feed)
            except TimeoutError as error:
                if isinstance(error, MeshError):
                    raise
                raise DeadlineExceeded("The artifact did not come in time.") from None
            if ref in self._feeds:
                self._paths[ref] = path
        return path

    def release(self, ref: str) -> None:
        """It is not wanted any more."""
        feed, path = self._feeds.pop(ref, None), self._paths.pop(ref, None)
        if path is not None:
            self._folder.remove(path)
        if feed is not None:
            feed.release()

    def close(self) -> None:
        """The program is gone."""
        for ref in list(self._feeds):
            self.release(ref)
