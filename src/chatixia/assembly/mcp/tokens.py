"""Credentials of hosts over HTTP: one private file for each, named as its holder is on paths.

A file that is removed is a credential that holds no more, from the next request on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chatixia.assembly.profile.files import private_dir, write_private
from chatixia.assembly.profile.profile import Profile
from chatixia.errors import ConfigError
from chatixia.world import REAL, World, b32

SUFFIX: Final = ".token"
TOKEN_BYTES: Final = 32
MOST: Final = 64
MAX_TOKEN: Final = 256

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,55}\Z")


def folder(profile: Profile) -> Path:
    """Where they are."""
    return profile.folder / "mcp"


def token(profile: Profile, name: str, world: World = REAL) -> str:
    """The token of ``name``, made if there is none. Raises ConfigError."""
    if not _NAME.match(name):
        raise ConfigError(
            f"{name[:80]!r} cannot name a host: use lower-case letters, digits, . _ and -, at most"
            " 56, beginning with a letter or digit."
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
    valid: dict[str, str] = {}
    for path in sorted(folder(profile).glob(f"*{SUFFIX}"))[:MOST]:
        try:
            text = _read(path)
        except (OSError, UnicodeDecodeError):
            continue
        if text:
            valid[path.name.removesuffix(SUFFIX)] = text
    return valid


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_TOKEN).decode().strip()
