"""Artifacts of a program behind a sidecar: files in the folder that both can see."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, Final

import msgspec

from chatixia.client.artifact_sources import FileSource
from chatixia.core.ports import ArtifactSource
from chatixia.errors import NotFound
from chatixia.wire import ipc
from chatixia.wire.artifacts import ArtifactInfo

if TYPE_CHECKING:
    from chatixia.sidecar.client import SidecarClient

BLOCK: Final = 256 * 1024
FETCH_S: Final = 3600.0
LENT_S: Final = 60.0
"""How long the files of an answer stay where its caller can pull them."""


class FetchedPath(msgspec.Struct):
    """The result of ``fetch``."""

    path: str


_fetched: Final = msgspec.json.Decoder(FetchedPath)


class SidecarFeed:
    """``core.ports.ArtifactFeed``: fetched into the folder when it is pulled."""

    folder = ""

    def __init__(self, file: ipc.IpcFile, client: SidecarClient) -> None:
        self._ref, self._client = file.ref, client
        self.info = ArtifactInfo(file.size, file.sha256, name=file.name, media_type=file.media_type)
        self._loop = asyncio.get_running_loop()

    async def pull(self, offset: int = 0, gather: bool = False) -> AsyncGenerator[bytes, None]:
        """The bytes from there on."""
        command = ipc.FetchCommand(ipc.FetchPayload(self._ref, FETCH_S))
        result = await self._client.ask(command, FETCH_S)
        path = _fetched.decode(result.value).path
        while True:
            block = await asyncio.to_thread(_read, path, offset)
            if not block:
                return
            offset += len(block)
            yield block

    def release(self) -> None:
        """Nobody pulls it any more."""
        command = ipc.ReleaseCommand(ipc.ReleasePayload(self._ref))
        self._loop.call_soon_threadsafe(self._client.tell, command)


def _read(path: str, offset: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(BLOCK)
    except OSError as error:
        raise NotFound(f"The artifact cannot be read: {error.strerror}.") from None


async def brought_in(folder: str, sources: Sequence[ArtifactSource]) -> ipc.IpcFiles:
    """Each source as a file in ``folder``: a hard link where it is a file, else a copy."""
    return tuple([await _bring(Path(folder), source) for source in sources])


def remove(files: Iterable[ipc.IpcFile]) -> None:
    """Take what was brought in out of the folder: nobody reads it any more."""
    for file in files:
        with contextlib.suppress(OSError):
            os.unlink(file.path)


async def _bring(folder: Path, source: ArtifactSource) -> ipc.IpcFile:
    info = await source.describe()
    if isinstance(source, FileSource):
        path = await asyncio.to_thread(_link, folder, source.path)
    else:
        path = await _copied(folder, source, info.size)
    return ipc.IpcFile(path=path, name=info.name, media_type=info.media_type)


def _free(folder: Path) -> str:
    number, path = mkstemp(prefix="out-", dir=folder)
    os.close(number)
    return path


def _link(folder: Path, source: str) -> str:
    path = _free(folder)
    try:
        os.unlink(path)
        os.link(source, path)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, path)
    return path


async def _copied(folder: Path, source: ArtifactSource, size: int) -> str:
    path = await asyncio.to_thread(_free, folder)
    offset = 0
    while offset < size:
        block = await source.read(offset, min(BLOCK, size - offset))
        await asyncio.to_thread(_append, path, block)
        offset += len(block)
    return path


def _append(path: str, block: bytes) -> None:
    with open(path, "ab") as file:
        file.write(block)
