"""One principal's mesh on real links and a real login: what ``assembly`` opens.

    mesh = open_mesh(me, PeerSettings(engine="auto"))
    mesh.serve(handler, skills, slots)      # before start; clients leave it out
    await mesh.start()                      # never waits for the registry
    await mesh.online(10)                   # the first login, or its refusal
    await mesh.stop()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from chatixia.core.ports import Self
from chatixia.errors import MeshError
from chatixia.wire.signaling import Config
from chatixia.world import REAL, World

from .mesh import PeerMesh

WEEK: Final = 7 * 86_400.0


class PeerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may choose about links and login.

    ``engine``: auto, wrtc or aiortc. ``loopback``: 127.0.0.1 as a candidate (None: only on a host
    without other addresses). ``keep``: links kept warm when idle (None: all; 0: closed when idle).
    ``membership_ttl``: seconds that links live without a registry's confirmation. The last three
    are shown in the directory.
    """

    engine: str = "auto"
    loopback: bool | None = None
    keep: int | None = 32
    membership_ttl: float = WEEK
    description: str = ""
    hostname: str = ""
    mode: str = ""


class OpenMesh(PeerMesh):
    """A :class:`PeerMesh` with its own engine, links and login."""

    async def online(self, timeout: float = 10.0) -> None:
        """Until the login stands. Raises the registry's refusal (Denied, NameTaken, Revoked,
        Replaced, UpgradeNeeded, WrongMesh, ...), or RegistryUnreachable after ``timeout`` s."""
        raise NotImplementedError

    @property
    def registry_up(self) -> bool:
        """Whether the login stands now."""
        raise NotImplementedError

    @property
    def registry_url(self) -> str:
        """The address of the registry in use, or the one tried last."""
        raise NotImplementedError


def open_mesh(
    me: Self,
    settings: PeerSettings = PeerSettings(),  # noqa: B008 - frozen
    *,
    world: World = REAL,
    on_fault: Callable[[MeshError], None] | None = None,
    on_config: Callable[[Config], None] | None = None,
) -> OpenMesh:
    """A mesh for ``me``, not started.

    ``on_fault``: called once on the loop when the login ended for good (Replaced, by a second
    process of this name); the owner then stops. ``on_config``: called with each ``config`` of the
    proved registry (addresses to remember, REST token). Raises ConfigError or MissingExtra for
    the engine.
    """
    raise NotImplementedError
