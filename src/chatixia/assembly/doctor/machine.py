"""What this machine itself shows: engine, packages, file modes, an IPv6 address."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from chatixia.errors import MeshError
from chatixia.world import World

MOST_FILES: Final = 10_000
PACKAGES: Final = ("chatixia", "webrtc", "aiortc")
"""Import packages that a second distribution would overwrite."""
AWAY: Final = ("2001:db8::1", 9)
"""An address of the documentation range: asked of the routing table, never sent to."""


class EngineFound(NamedTuple):
    """The engine in use. ``days``: since it was installed; ``missing``: why there is none."""

    name: str
    version: str
    days: float | None
    missing: str


def engine(name: str, world: World) -> EngineFound:
    """The engine that ``name`` (auto, wrtc, aiortc) stands for here."""
    from chatixia.peer.engines import load

    try:
        loaded = load(name, world=world)
    except MeshError as error:
        return EngineFound(name, "", None, error.message)
    except ImportError as error:
        return EngineFound(name, "", None, f"The engine does not load: {error.name}.")
    return EngineFound(loaded.name, loaded.version, _days(loaded.name, world), "")


def _days(distribution: str, world: World) -> float | None:
    with suppress(metadata.PackageNotFoundError, OSError):
        for file in metadata.files(distribution) or []:
            if file.name == "METADATA":
                written = os.stat(str(file.locate())).st_mtime
                return max(0.0, (world.wall() - written) / 86_400)
    return None


def owners() -> Mapping[str, Sequence[str]]:
    """The distributions that own each of our import packages."""
    loaded = metadata.packages_distributions()
    return {name: loaded[name] for name in PACKAGES if name in loaded}


def loose_files(folder: Path) -> tuple[list[str], int]:
    """Files and folders below ``folder`` that others may read or change, and how many were looked
    at. Nothing is loose on Windows, where modes say nothing."""
    loose, looked = [], 0
    for path in _below(folder):
        looked += 1
        if looked > MOST_FILES:
            break
        with suppress(OSError):
            mode = path.lstat().st_mode
            if os.name == "posix" and not stat.S_ISLNK(mode) and mode & 0o077:
                loose.append(str(path.relative_to(folder.parent)))
    return loose, looked


def _below(folder: Path) -> Iterator[Path]:
    yield folder
    for here, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            yield Path(here, name)


def ipv6_address() -> str:
    """The address from which packets would leave over IPv6; empty where there is no way out."""
    if not socket.has_ipv6:
        return ""
    with suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.connect(AWAY)
        return str(probe.getsockname()[0])
    return ""
