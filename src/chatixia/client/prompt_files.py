"""Files that go with a prompt: texts and images, read and bounded before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chatixia.errors import BadArguments, TooLarge
from chatixia.wire.artifacts import MAX_NAME
from chatixia.wire.peer import MAX_FILE_BYTES, MAX_FILES, PromptFile

FileSource = str | Path | PromptFile
"""A path, or a file that was read already."""

IMAGES: Final[dict[bytes, str]] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""How the images begin that models read; WebP has its mark further on."""


def prompt_files(sources: Sequence[FileSource]) -> tuple[PromptFile, ...]:
    """The files, read. Raises BadArguments for one that is neither text nor image, TooLarge."""
    if len(sources) > MAX_FILES:
        raise BadArguments(f"At most {MAX_FILES} files go with one prompt.")
    files: list[PromptFile] = []
    room = MAX_FILE_BYTES
    for source in sources:
        file = source if isinstance(source, PromptFile) else _read(Path(source), room)
        room -= len(file.data)
        if room < 0:
            raise _too_large()
        files.append(file)
    return tuple(files)


def media_type(data: bytes, name: str) -> str:
    """What ``data`` is, by its first bytes. Raises BadArguments."""
    for mark, kind in IMAGES.items():
        if data.startswith(mark):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    try:
        if "\0" not in data.decode():
            return "text/plain"
    except UnicodeDecodeError:
        pass
    raise BadArguments(f"{name} is neither UTF-8 text nor a PNG, JPEG, GIF or WebP image.")


def _read(path: Path, room: int) -> PromptFile:
    try:
        with path.open("rb") as file:
            data = file.read(room + 1)
    except OSError as error:
        raise BadArguments(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > room:
        raise _too_large()
    return PromptFile(path.name[:MAX_NAME], media_type(data, str(path)), data)


def _too_large() -> TooLarge:
    return TooLarge(f"The files of one prompt may have {MAX_FILE_BYTES} bytes together.")
