"""Where the bytes of an artifact come from: a file, a bytes object, or another agent that sent it.

Each is a ``core.ports.ArtifactSource``. Files are read and hashed in threads, never on a loop.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import Final

from msgspec.structs import replace

from chatixia.core.ports import ArtifactFeed
from chatixia.errors import Conflict, NotFound, Unreachable
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.base import KIB

BLOCK: Final = 256 * KIB
MAX_PULLS: Final = 16
"""Pulls of one artifact that is passed on, for those who read it at once; the oldest ends."""


class BytesSource:
    """A bytes object of this process."""

    local = True

    def __init__(self, data: bytes, name: str, media_type: str) -> None:
        self._data, self._name, self._media_type = data, name, media_type
        self.memory, self._sha256 = len(data), ""

    async def describe(self) -> ArtifactInfo:
        """Size and hash."""
        from asyncio import to_thread
        from hashlib import sha256

        if not self._sha256:
            data = self._data
            self._sha256 = await to_thread(lambda: sha256(data).hexdigest())
        return ArtifactInfo(
            len(self._data), self._sha256, name=self._name, media_type=self._media_type
        )

    async def read(self, offset: int, count: int) -> bytes:
        """A slice."""
        return self._data[offset : offset + count]

    async def inline(self) -> ArtifactInfo:
        """With all bytes."""
        return replace(await self.describe(), data=self._data)


class FileSource:
    """A file of this machine. Raises NotFound when it is gone, Conflict when it is another than
    the one that was hashed."""

    local, memory = True, 0

    def __init__(self, path: str, name: str, media_type: str) -> None:
        self.path, self._name, self._media_type = path, name, media_type
        self._hashed: tuple[tuple[int, ...], str] | None = None

    async def describe(self) -> ArtifactInfo:
        """Size and hash, as the file is now."""
        from asyncio import to_thread

        size, digest = await to_thread(self._hash)
        return ArtifactInfo(size, digest, name=self._name, media_type=self._media_type)

    async def read(self, offset: int, count: int) -> bytes:
        """Some bytes of the file that was hashed."""
        from asyncio import to_thread

        return await to_thread(self._read, offset, count)

    async def inline(self) -> ArtifactInfo:
        """With all bytes."""
        info = await self.describe()
        data = await self.read(0, info.size) if info.size else b""
        return replace(info, data=data)

    def _hash(self) -> tuple[int, str]:
        from hashlib import sha256

        try:
            with open(self.path, "rb", buffering=0) as file:
                before = signature(file.fileno())
                if self._hashed is None or self._hashed[0] != before:
                    digest = sha256()
                    while block := file.read(BLOCK):
                        digest.update(block)
                    if signature(file.fileno()) != before:
                        raise self._changed()
                    self._hashed = before, digest.hexdigest()
        except OSError as error:
            raise self._unreadable(error) from None
        return before[0], self._hashed[1]

    def _read(self, offset: int, count: int) -> bytes:
        try:
            with open(self.path, "rb", buffering=0) as file:
                if self._hashed is None or signature(file.fileno()) != self._hashed[0]:
                    raise self._changed()
                file.seek(offset)
                data = b""
                while len(data) < count and (block := file.read(count - len(data))):
                    data += block
        except OSError as error:
            raise self._unreadable(error) from None
        if len(data) < count:
            raise self._changed()
        return data

    def _changed(self) -> Conflict:
        return Conflict(f"The file {self._name} was changed after it was sent.")

    def _unreadable(self, error: OSError) -> NotFound:
        return NotFound(f"The file {self._name} cannot be read: {error.strerror}.")


def signature(descriptor: int) -> tuple[int, ...]:
    """What changes with a file's content: size, time of the last change, which file it is."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev


class FeedSource:
    """An artifact of another agent, passed on: what is asked for here is pulled there.

    ``lent``: it is passed on, so it is not let go of with the object that stood for it.
    """

    local, memory = False, 0

    def __init__(self, feed: ArtifactFeed) -> None:
        self.feed = feed
        self.lent = False
        self._pulls: list[OpenPull] = []

    async def describe(self) -> ArtifactInfo:
        """What its sender said of it; whoever reads it checks that."""
        self.lent = True
        return ArtifactInfo(
            self.feed.info.size,
            self.feed.info.sha256,
            name=self.feed.info.name,
            media_type=self.feed.info.media_type,
        )

    async def inline(self) -> ArtifactInfo:
        """With all bytes."""
        info = await self.describe()
        return replace(info, data=await self.read(0, info.size) if info.size else b"")

    async def read(self, offset: int, count: int) -> bytes:
        """Some bytes; each reader that takes them in order costs one pull. Raises what the feed
        raises.

        A pull is out of the list while it is read from: a read that fails or is cancelled ends it,
        and the next one begins another.
        """
        pull = next((pull for pull in self._pulls if pull.at == offset), None)
        if pull is None:
            pull = OpenPull(self.feed.pull(offset), offset)
        else:
            self._pulls.remove(pull)
        data = await pull.take(count)
        if pull.at < self.feed.info.size:
            self._pulls.append(pull)
            if len(self._pulls) > MAX_PULLS:
                await self._pulls.pop(0).chunks.aclose()
        return data


class OpenPull:
    """A pull of a feed. ``at``: where the next read goes on; what came beyond is kept for it."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], at: int) -> None:
        self.chunks, self.at = chunks, at
        self._rest = b""

    async def take(self, count: int) -> bytes:
        """The next bytes. Raises Unreachable where there are no more, and what the feed raises."""
        parts, left = [self._rest[:count]], count - len(self._rest)
        self._rest = self._rest[count:]
        while left > 0:
            chunk = await anext(self.chunks, b"")
            if not chunk:
                raise Unreachable("The artifact ended before its size.")
            parts.append(chunk[:left])
            self._rest = chunk[left:]
            left -= len(parts[-1])
        self.at += count
        return b"".join(parts)
