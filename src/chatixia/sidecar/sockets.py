"""The socket's place in the file system: private, free of what another left, or taken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
import struct
import sys
from pathlib import Path
from typing import Final

import msgspec

from chatixia.errors import AlreadyRunning, BadRequest, ConfigError

log = logging.getLogger("chatixia.sidecar")

MAX_PATH: Final = 100
"""Bytes of a Unix socket's path that every system takes."""
MAX_ADDRESS: Final = 1024
PEER_OPTIONS: Final[dict[str, tuple[int, int, str, int]]] = {
    "linux": (1, 17, "3i", 1),  # SOL_SOCKET, SO_PEERCRED: struct ucred
    "darwin": (0, 1, "2I68x", 1),  # SOL_LOCAL, LOCAL_PEERCRED: struct xucred
}
"""Where a system says who is at the other end: level, option, its form, the user's place in it."""
BACKLOG: Final = 16
PLACE_CURE: Final = "name another place in IPC_SOCKET, `sidecar.socket` or --socket"


class TcpAddress(msgspec.Struct, frozen=True):
    """What stands in the file of a sidecar that listens on loopback."""

    port: int
    token: str


def private_folder(place: Path, cure: str = PLACE_CURE) -> Path:
    """That folder, this user's own and not everybody's to write in. ``cure``: of one that cannot
    be made. Raises ConfigError."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = place.stat()
    except OSError as error:
        raise ConfigError(f"{place} cannot be made: {error.strerror}; {cure}.") from error
    if hasattr(os, "geteuid"):
        if status.st_uid != os.geteuid():
            raise ConfigError(f"{place} belongs to another user.")
        if open_to_all(status.st_mode):
            raise ConfigError(
                f"In {place} every user may put another socket in the place of this one; close it"
                f" with `chmod o-w {place}`."
            )
    return place


def open_to_all(mode: int) -> bool:
    """Whether everybody may remove what is in a folder of that mode."""
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def socket_folder(place: Path) -> Path:
    """That folder, where nobody else can take away what this user makes: one of its own, or one of
    the system's where each user may remove only what is his, as for temporary files. Raises
    ConfigError."""
    try:
        status = place.stat()
        shared = status.st_uid == 0 and bool(status.st_mode & stat.S_ISVTX)
    except OSError:
        shared = False
    return place if shared else private_folder(place)


def check(path: Path, *, tcp: bool = False, shared: bool = False) -> None:
    """See that a sidecar may be found at ``path``, before it logs in: which would take the place of
    another's, or show an agent that nobody serves. ``shared``: the folder may be one for temporary
    files. Raises AlreadyRunning, ConfigError."""
    if not tcp:
        check_length(path)
    place = socket_folder(path.parent) if shared else private_folder(path.parent)
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(f"Nothing can be made in {place}; {PLACE_CURE}.")
    free(path)


def listen_unix(path: Path) -> socket.socket:
    """A listening Unix socket at ``path``, mode 0600. Raises AlreadyRunning, ConfigError."""
    check_length(path)
    free(path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        server.bind(os.fspath(path))
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        raise ConfigError(f"{path} cannot be made: {error.strerror}.") from error
    finally:
        os.umask(before)
    return server


def check_length(path: Path) -> None:
    """Raise ConfigError for a path that no Unix socket can have."""
    if len(os.fsencode(path)) > MAX_PATH:
        raise ConfigError(
            f"{path} is too long for a socket, which takes {MAX_PATH} bytes; {PLACE_CURE}."
        )


def free(path: Path) -> None:
    """Remove what a sidecar that is gone left at ``path``. Raises AlreadyRunning, ConfigError."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if stat.S_ISSOCK(mode):
        if answers(path):
            raise AlreadyRunning(f"A sidecar listens at {path} already.")
    elif not (stat.S_ISREG(mode) and _is_address(path)):
        raise ConfigError(f"{path} is there, and it is no socket.")
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def answers(path: Path) -> bool:
    """Whether somebody listens at that socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end of a Unix socket; None where the system does not say."""
    option = PEER_OPTIONS.get(sys.platform)
    if option is None:
        return None
    level, name, form, place = option
    data = connection.getsockopt(level, name, struct.calcsize(form))
    return int(struct.unpack(form, data)[place])


def is_own(transport: asyncio.BaseTransport) -> bool:
    """Whether this user is at the other end of a Unix socket, as far as the system says."""
    uid = peer_uid(transport.get_extra_info("socket"))
    if uid is None or uid == os.geteuid():
        return True
    log.warning("the user %d was refused at the sidecar's socket", uid)
    return False


def listen_tcp() -> socket.socket:
    """A listening socket on a port of 127.0.0.1 that the system chose."""
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.bind(("127.0.0.1", 0))
    server.listen(BACKLOG)
    return server


def write_address(path: Path, address: TcpAddress) -> None:
    """Write the file that leads a program of this user there, mode 0600."""
    if path.exists():
        free(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(msgspec.json.encode(address))


def read_address(path: Path) -> TcpAddress:
    """What stands there. Raises BadRequest, FileNotFoundError."""
    with path.open("rb") as file:
        data = file.read(MAX_ADDRESS + 1)
    try:
        return msgspec.json.decode(data, type=TcpAddress)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest(f"{path} does not lead to a sidecar.") from None


def _is_address(path: Path) -> bool:
    try:
        read_address(path)
    except (BadRequest, OSError):
        return False
    return True
