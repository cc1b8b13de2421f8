"""Small files that appear whole or not at all, readable by their owner only."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from chatixia.errors import ConfigError
from chatixia.wire.base import MIB

T = TypeVar("T")
MAX_FILE = 4 * MIB


def expanded(path: Path) -> Path:
    """``path`` with the user's home for its ``~``. Raises ConfigError where there is no home."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{path} cannot be found: this user has no home folder. Set CHATIXIA_HOME to a folder"
            " for profiles, or HOME."
        ) from None


def private_dir(path: Path) -> Path:
    """``path`` as a folder of mode 0700, made if need be. Raises ConfigError."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"{path} cannot be created: {error.strerror}.") from error
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write ``data`` over ``path`` (0600), durable when this returns. Raises ConfigError."""
    # Threads of one process write too: agents of one program enrol side by side.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


FULL_DATABASE: Final = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})
"""What SQLite calls a full disk; the second, where it could not make the index of a write-ahead
file."""


def no_room(error: BaseException) -> bool:
    """Whether ``error`` (or its cause) says that the disk is full."""
    cause = error.__cause__ or error
    full = getattr(cause, "sqlite_errorname", "") in FULL_DATABASE
    return full or getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def write_json(path: Path, value: Any) -> None:
    """:func:`write_private` of ``value`` as JSON."""
    write_private(path, msgspec.json.format(msgspec.json.encode(value)) + b"\n")


def read_json(path: Path, kind: type[T]) -> T:
    """The file's content as ``kind``. Raises ConfigError, FileNotFoundError when it is missing."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise ConfigError(f"{path} is larger than {MAX_FILE} bytes.")
        return msgspec.json.decode(data, type=kind)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ConfigError(f"{path} is damaged.") from None
