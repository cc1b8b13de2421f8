"""Credentials of hosts over HTTP: one private file for each, named as its holder is on paths.

A file that is removed is a credential that holds no more, from the next request on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from chatixia.assembly.profile.files import private_dir, write_private
from chatixia.assembly.profile.profile import Profile
from chatixia.errors import ConfigError
from chatixia.world import REAL, World, b32

SUFFIX: Final = ".token"
TOKEN_BYTES: Final = 32
MOST: Final = 64
MAX_TOKEN: Final = 256

MAX_NAME: Final = 56

_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_NAME - 1}}}\Z")


class Stamp(NamedTuple):
    """By what it is seen that a file has changed."""

    file: str
    inode: int
    size: int
    written: int
    changed: int


def folder(profile: Profile) -> Path:
    """Where they are."""
    return profile.folder / "mcp"


def token(profile: Profile, name: str, world: World = REAL) -> str:
    """The token of ``name``, made if there is none. Raises ConfigError."""
    if not _NAME.match(name):
        raise ConfigError(
            f"{name[:80]!r} cannot name a host: use lower-case letters, digits, . _ and -, at most"
            f" {MAX_NAME}, beginning with a letter or digit."
        )
    path = private_dir(folder(profile)) / f"{name}{SUFFIX}"
    try:
        return _read(path)
    except OSError:
        pass
    if len(tokens(profile)) >= MOST:
        raise ConfigError(f"There are {MOST} tokens already; remove one of {folder(profile)}.")
    secret = b32(world.token(TOKEN_BYTES))
    write_private(path, secret.encode() + b"\n")
    return secret


def tokens(profile: Profile) -> Mapping[str, str]:
    """Every one that holds now, by its name; the first :data:`MOST`."""
    return HostTokens(profile).current()


class HostTokens:
    """Those of one profile, for who asks at each request: a file is read when it has changed."""

    def __init__(self, profile: Profile) -> None:
        self._folder = folder(profile)
        self._texts: dict[Stamp, str] = {}

    def current(self) -> Mapping[str, str]:
        """See :func:`tokens`."""
        stamps = self._stamps()
        self._texts = {
            stamp: self._texts[stamp] if stamp in self._texts else _text(self._folder / stamp.file)
            for stamp in sorted(stamps)[:MOST]
        }
        texts = self._texts.items()
        return {stamp.file.removesuffix(SUFFIX): text for stamp, text in texts if text}

    def _stamps(self) -> list[Stamp]:
        try:
            with os.scandir(self._folder) as files:
                stamps = [_stamp(file) for file in files if file.name.endswith(SUFFIX)]
        except OSError:  # none was made yet
            return []
        return [stamp for stamp in stamps if stamp is not None]


def _stamp(file: os.DirEntry[str]) -> Stamp | None:
    try:
        state = file.stat()
    except OSError:  # it was removed meanwhile
        return None
    return Stamp(file.name, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def _text(path: Path) -> str:
    """What is in it, empty for what nobody can read."""
    try:
        return _read(path)
    except (OSError, UnicodeDecodeError):
        return ""


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_TOKEN).decode().strip()
