"""Artifacts: files of any size as arguments, results, items of streams, and parts of models.

A value names an artifact; its bytes stay with the sender until somebody reads or saves it, and no
process holds one whole. An argument can be read until its call ends; a result until it is saved or
forgotten, at most until the call's deadline and 60 s, then it is ``not_found``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from chatixia.core.ports import ArtifactFeed, ArtifactSource
from chatixia.errors import ConfigError, TooLarge
from chatixia.wire.artifacts import MAX_NAME, ArtifactInfo
from chatixia.wire.base import MIB

from . import references
from .artifact_sources import BLOCK, BytesSource, FeedSource, FileSource

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

T = TypeVar("T")
OnBytes = Callable[[int, int], None]
"""Hears how many bytes of how many are there."""

SCHEMA: Final = {"type": "object", "format": "artifact"}


class Artifact:
    """A file on its way: ``name`` (a label, never a path), ``media_type``, ``size`` in bytes,
    ``sha256`` in hex (empty for one of this process that was not sent yet).

    What was received is described by its sender: ``save``, ``read`` and ``stream`` check size and
    hash, and raise BadRequest where they are others.
    """

    __slots__ = ("__weakref__", "_loop", "_source", "media_type", "name", "sha256", "size")

    def __init__(self, info: ArtifactInfo, source: ArtifactSource) -> None:
        self.name, self.media_type = info.name, info.media_type
        self.size, self.sha256 = info.size, info.sha256
        self._source = source
        self._loop: AbstractEventLoop | None = None

    @classmethod
    def of(
        cls, source: str | os.PathLike[str] | bytes, *, name: str = "", media_type: str = ""
    ) -> Artifact:
        """An artifact to send: of the file at a path (a ``str`` is one), or of bytes.

        Nothing is read before it is sent. Raises OSError where there is no such file.
        """
        if isinstance(source, bytes):
            media_type = media_type or _guess(name)
            info = ArtifactInfo(len(source), "", name=name[:MAX_NAME], media_type=media_type[:128])
            return cls(info, BytesSource(source, info.name, info.media_type))
        path = os.path.abspath(source)
        name = name or os.path.basename(path)
        media_type = media_type or _guess(name)
        size = os.stat(path).st_size
        info = ArtifactInfo(size, "", name=name[:MAX_NAME], media_type=media_type[:128])
        return cls(info, FileSource(path, info.name, info.media_type))

    @classmethod
    def received(cls, feed: ArtifactFeed) -> Artifact:
        """One that a message named."""
        from asyncio import _get_running_loop

        artifact = cls(feed.info, FeedSource(feed))
        artifact._loop = _get_running_loop()
        return artifact

    @classmethod
    def inline(cls, info: ArtifactInfo) -> Artifact:
        """One whose bytes stand in the message."""
        return cls(info, BytesSource(info.data or b"", info.name, info.media_type))

    @property
    def source(self) -> ArtifactSource:
        """Where its bytes come from."""
        return self._source

    def __repr__(self) -> str:
        return f"<artifact {self.name!r}, {self.media_type or 'unknown type'}, {self.size} bytes>"

    def __del__(self) -> None:
        self._release()

    def _release(self) -> None:
        source = getattr(self, "_source", None)
        if isinstance(source, FeedSource) and not source.lent:
            with contextlib.suppress(RuntimeError):  # the loop is gone, and its mesh with it
                source.feed.release()

    def stream(self) -> AsyncGenerator[bytes, None]:
        """The bytes, in pieces, as they come. The last step raises BadRequest on a wrong hash.

        Raises NotFound once its sender let it go, Unreachable, Conflict for a changed file.
        """
        return self._checked()

    async def _checked(self) -> AsyncGenerator[bytes, None]:
        from hashlib import sha256

        from .artifact_files import wrong_hash

        digest, count = sha256(), 0
        async with contextlib.aclosing(self._pieces(0, gather=True)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                count += len(piece)
                yield piece
        if self.sha256 and (count != self.size or digest.hexdigest() != self.sha256):
            raise wrong_hash()

    async def _pieces(self, offset: int, gather: bool = False) -> AsyncGenerator[bytes, None]:
        source = self._source
        if isinstance(source, FeedSource):
            async with contextlib.aclosing(source.feed.pull(offset, gather)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        info = await source.describe()
        self.size, self.sha256 = info.size, info.sha256
        while offset < info.size:
            piece = await source.read(offset, min(BLOCK, info.size - offset))
            offset += len(piece)
            yield piece

    async def read(self, limit: int = 16 * MIB) -> bytes:
        """All of it, at most ``limit`` bytes. Raises TooLarge, and what :meth:`stream` raises."""
        if self.size > limit:
            raise TooLarge(f"The artifact has {self.size} bytes; read takes {limit} at most.")
        return b"".join([piece async for piece in self.stream()])

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        on_progress: OnBytes | None = None,
    ) -> Path:
        """Save it as the file ``path``, or in the folder ``path`` by a safe name; which file.

        The file is there when it is whole and checked. A part that an agent had already goes on.
        ``on_progress(done, size)``: bytes. Raises Conflict where the file is there, DiskFull, and
        what :meth:`stream` raises.
        """
        from asyncio import to_thread

        from .artifact_files import PartFile, target

        source = self._source
        info = source.feed.info if isinstance(source, FeedSource) else await source.describe()
        place = await to_thread(target, path, self.name, overwrite)
        folder = source.feed.folder if isinstance(source, FeedSource) else ""
        part = await to_thread(PartFile, info, place, Path(folder) if folder else None)
        keep = True
        try:
            await to_thread(part.open)
            await self._fill(part, info, on_progress)
            await to_thread(part.finish, overwrite)
            keep = False
        finally:
            await to_thread(part.close, keep)
        self._release()
        self._source = FileSource(str(place), self.name, self.media_type)
        return place

    async def _fill(self, part: Any, info: ArtifactInfo, on_progress: OnBytes | None) -> None:
        from .part_writer import PartWriter

        writer = PartWriter(part)
        try:
            async with contextlib.aclosing(self._pieces(part.offset)) as pieces:
                async for piece in pieces:
                    await writer.add(piece)
                    if on_progress is not None:
                        on_progress(part.offset, info.size)
        finally:  # also of one that is cut off: the next save goes on behind what came
            await writer.finish()
        if on_progress is not None:
            on_progress(part.offset, info.size)

    def save_sync(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        on_progress: OnBytes | None = None,
    ) -> Path:
        """:meth:`save` for plain skills and ``connect_sync``. Raises ConfigError on a loop."""
        return self._wait(lambda: self.save(path, overwrite=overwrite, on_progress=on_progress))

    def read_sync(self, limit: int = 16 * MIB) -> bytes:
        """:meth:`read` for plain skills and ``connect_sync``. Raises ConfigError on a loop."""
        return self._wait(lambda: self.read(limit))

    def _wait(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        import asyncio

        if asyncio._get_running_loop() is not None:
            raise ConfigError(
                "This would block the event loop; use `await artifact.save(...)` or `.read()`."
            )
        if self._loop is None:
            return asyncio.run(work())
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    # -- pydantic, which asks a class by these names

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        write = core_schema.plain_serializer_function_ser_schema(references.write, when_used="json")
        return core_schema.no_info_plain_validator_function(_validated, serialization=write)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return dict(SCHEMA)


def _validated(value: Any) -> Artifact:
    return value if isinstance(value, Artifact) else references.read(value)


def arrivals(feeds: Iterable[ArtifactFeed]) -> tuple[Artifact, ...]:
    """The artifacts of one message."""
    return tuple(
        Artifact.received(feed) if feed.info.data is None else Artifact.inline(feed.info)
        for feed in feeds
    )


def _guess(name: str) -> str:
    from mimetypes import guess_type

    return guess_type(name)[0] or "" if name else ""
