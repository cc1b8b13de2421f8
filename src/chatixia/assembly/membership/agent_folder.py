"""One name, one key, from whatever folder an agent is started: what it keeps goes with its name.

The profile notes where an agent's keys and state lie. A start with another folder takes them
along; two keys of one name would shut each other out, and two memories of what was served would
let one run twice.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from chatixia.assembly.profile.files import read_json, write_json
from chatixia.assembly.profile.profile import CHAIN, SEAL_KEY, SIGN_KEY, read_chain
from chatixia.core.record import read_record
from chatixia.errors import ConfigError, MeshError
from chatixia.wire.signed import unb64

NOTE: Final = "folder.json"
STORE: Final = "local.db"
INBOX: Final = "inbox.jsonl"
_URI: Final = "file://"
FILES: Final = (SIGN_KEY, SEAL_KEY, CHAIN, STORE, f"{STORE}-wal", f"{STORE}-shm")


def last_folder(place: Path, folder: Path) -> Path:
    """Where an agent's keys lie now, if it starts with ``folder``; ``place``: its folder in the
    profile. Raises ConfigError for a damaged note."""
    try:
        noted = _path(read_json(place / NOTE, str))
    except FileNotFoundError:  # it never started, or with an older version
        noted = place if _serial(place) > _serial(folder) else folder
    return noted if (noted / SIGN_KEY).is_file() else folder


def take_along(place: Path, last: Path, folder: Path) -> None:
    """Make ``folder`` the one where keys and state lie, instead of ``last``. All three are locked.

    A crash leaves the note as it was, and the next start does it again. Raises ConfigError.
    """
    if last != folder:
        try:
            _copy(last, folder)
        except OSError as error:
            raise ConfigError(
                f"The agent's key is in {last} and cannot be moved to {folder}: {error.strerror}."
            ) from error
    if not _noted(place, folder):
        write_json(place / NOTE, _text(folder))
    if last != folder:
        for name in FILES:
            with suppress(OSError):  # a copy left behind does nothing: the note counts
                (last / name).unlink()


def _noted(place: Path, folder: Path) -> bool:
    with suppress(FileNotFoundError):
        return read_json(place / NOTE, str) == _text(folder)
    return False


def _text(folder: Path) -> str:
    """``folder`` in JSON: a URI if its name is not text in the locale's encoding."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        return folder.as_uri()
    return str(folder)


def _path(text: str) -> Path:
    """What :func:`_text` wrote, under whatever locale."""
    if text.startswith(_URI):
        return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_URI))))
    return Path(os.fsdecode(text.encode()))


def _copy(last: Path, folder: Path) -> None:
    """Replace what ``folder`` keeps: a database must not meet the journal of another one."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    names = FILES if (folder / INBOX).exists() else (*FILES, INBOX)
    for name in names:
        if (last / name).is_file():
            _private_copy(last / name, folder / name)


def _private_copy(source: Path, target: Path) -> None:
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as target_file, source.open("rb") as source_file:
        shutil.copyfileobj(source_file, target_file)
        target_file.flush()
        os.fsync(target_file.fileno())


def _serial(folder: Path) -> int:
    try:
        return read_record(unb64(read_chain(folder)[0].b)).serial
    except (MeshError, IndexError):
        return 0
