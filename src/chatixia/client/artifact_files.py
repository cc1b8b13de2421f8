"""Artifacts as files: safe names, and a part that becomes the file only when it is whole.

A part is named by the hash of what it will be. It lies in the agent's own folder where there is
one and outlives the process, so that the next save of the same artifact goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chatixia.errors import BadRequest, Conflict, DiskFull, MeshError, NotFound
from chatixia.world import REAL, process_id

if TYPE_CHECKING:
    from chatixia.wire.artifacts import ArtifactInfo

BLOCK: Final = 256 * 1024
MAX_NAME_BYTES: Final = 200
PART_SECONDS: Final = 7 * 86_400.0
NAMELESS: Final = "artifact"
_PART: Final = re.compile(r"\.[0-9a-f]{40}(\.\d+){0,2}\.part")
_ODD: Final = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_open_parts: set[str] = set()
"""Parts that are written in this process."""


def safe_name(label: str) -> str:
    """A name for a file in a folder, whatever ``label`` is: no path, no device, no hidden file."""
    last = re.split(r"[/\\]", label)[-1]
    last = "".join(c for c in last if unicodedata.category(c)[0] != "C" or c == "-")
    last = _ODD.sub("_", last).strip(". ")
    if not last:
        return NAMELESS
    if _DEVICES.fullmatch(last):
        last = f"_{last}"
    stem, dot, suffix = last.rpartition(".")
    if dot and len(suffix.encode()) <= 20:
        return f"{_cut(stem, MAX_NAME_BYTES - len(suffix.encode()) - 1)}.{suffix}"
    return _cut(last, MAX_NAME_BYTES)


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")


def target(path: str | os.PathLike[str], label: str, overwrite: bool) -> Path:
    """The file that ``path`` means: itself, or in a folder one by a safe name.

    Raises Conflict where it is there already, NotFound where its folder is not.
    """
    place = Path(path)
    if place.is_dir():
        place = place / safe_name(label)
    if not place.parent.is_dir():
        raise NotFound(f"There is no folder {place.parent}.")
    if place.is_dir() or (not overwrite and os.path.lexists(place)):
        raise Conflict(f"{place} is there already; save with overwrite=True, or elsewhere.")
    return place


def sweep(folder: Path) -> None:
    """Remove our parts that nobody went on with for a week: also of a process that was killed while
    it saved into a folder of its user's, where other files are nobody's business."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        old = [entry.path for entry in entries if _PART.fullmatch(entry.name) and _is_old(entry)]
    for path in old:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _is_old(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        is_open = entry.path in _open_parts
        age = REAL.wall() - entry.stat(follow_symlinks=False).st_mtime
        return age > PART_SECONDS and not is_open
    return False


class PartFile:
    """The part of an artifact that is here: in ``folder``, or beside ``place``. All of it blocks.

    ``offset``: how many bytes it has. :meth:`close` in any case.
    """

    def __init__(self, info: ArtifactInfo, place: Path, folder: Path | None) -> None:
        from hashlib import sha256

        self._info, self._place = info, place
        self._lasting = folder is not None
        where = place.parent if folder is None else folder
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sweep(folder)
        sweep(place.parent)
        self._path = where / f".{info.sha256[:40]}.part"
        if str(self._path) in _open_parts or not self._lasting:
            self._path = where / f".{info.sha256[:40]}.{process_id()}.{id(self)}.part"
            self._lasting = False
        _open_parts.add(str(self._path))
        self._digest = sha256()
        self.offset = 0
        self._file: Any = None

    def open(self) -> None:
        """Open it, and read what is there already. Raises DiskFull where it cannot fit."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.fdopen(os.open(self._path, flags, 0o666), "r+b", buffering=0)
            while self.offset < self._info.size and (block := self._file.read(BLOCK)):
                self._digest.update(block)
                self.offset += len(block)
            if self.offset > self._info.size:
                self._restart()
            fits = self._fits()
        except OSError as error:
            raise self._failed(error) from None
        if not fits:
            raise self._full()

    def _fits(self) -> bool:
        """Whether the rest has room here, and the whole at its place if that is another disk."""
        here, there = self._path.parent, self._place.parent
        if shutil.disk_usage(here).free < self._info.size - self.offset:
            return False
        same = os.stat(here).st_dev == os.stat(there).st_dev
        return same or shutil.disk_usage(there).free >= self._info.size

    def _restart(self) -> None:
        from hashlib import sha256

        self._file.seek(0)
        self._file.truncate()
        self.offset, self._digest = 0, sha256()

    def write(self, data: bytes) -> None:
        """Add to its end. Raises DiskFull."""
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise self._failed(error) from None
        self._digest.update(data)
        self.offset += len(data)

    def finish(self, overwrite: bool) -> None:
        """Check the whole and make it the file. Raises BadRequest where the hash is another."""
        self._file.close()
        if self.offset != self._info.size or self._digest.hexdigest() != self._info.sha256:
            self.remove()
            raise wrong_hash()
        try:
            if not overwrite and os.path.lexists(self._place):
                raise Conflict(f"{self._place} is there already.")
            self._move()
        except OSError as error:
            raise self._failed(error) from None

    def _move(self) -> None:
        try:
            os.replace(self._path, self._place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = self._place.with_name(f".{self._info.sha256[:40]}.{process_id()}.part")
            try:
                shutil.copyfile(self._path, beside)
                os.replace(beside, self._place)
            finally:
                beside.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)

    def close(self, keep: bool) -> None:
        """Let it be. ``keep``: for the next save, where it lies in the agent's folder."""
        if self._file is not None:
            self._file.close()
        if not (keep and self._lasting):
            self.remove()
        _open_parts.discard(str(self._path))

    def remove(self) -> None:
        """Leave no half file."""
        self._path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> MeshError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return self._full()
        return Conflict(f"{self._place} cannot be written: {error.strerror}.")

    def _full(self) -> DiskFull:
        self.remove()
        text = f"The disk has no room for {self._place.name} ({self._info.size} bytes)."
        return DiskFull(text, retryable=False)


def wrong_hash() -> BadRequest:
    """The refusal of bytes that are not what their sender said."""
    return BadRequest("The artifact is not what its sender described: its SHA-256 is another.")
