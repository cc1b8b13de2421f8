"""Connect: this machine's mesh for a script, a notebook, a command. Never listed as an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Final

from chatixia.agent.code_arguments import SECONDS, check_type
from chatixia.errors import ConfigError
from chatixia.world import REAL

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh
    from chatixia.client.sync import SyncMesh

    from .wiring import InProcessConnection

ONLINE_S: Final = 10.0
"""How long to wait for the registry, at most."""


class Connecting:
    """``async with connect() as mesh``: a client with keys in memory, gone at the end."""

    def __init__(self, flags: dict[str, Any], timeout: float, patience: float = inf) -> None:
        self._flags = flags
        self._timeout, self._patience = timeout, patience
        self._connection: InProcessConnection | None = None
        self._mesh: Mesh | None = None

    async def __aenter__(self) -> Mesh:
        """Enrol, log in. Raises ConfigError without a mesh, RegistryUnreachable, Denied."""
        if self._connection is not None:
            raise ConfigError("This connection is open already; write connect() again.")
        from chatixia.client.call_context import CallContext
        from chatixia.client.mesh import Mesh

        from .run.settings import resolve
        from .wiring import open_connection

        until = REAL.monotonic() + self._timeout
        self._connection = await open_connection(resolve(self._flags), kind="client")
        try:
            await self._connection.start()
            await self._connection.online(until - REAL.monotonic(), self._patience)
        except BaseException:
            await self._close()
            raise
        self._mesh = Mesh(CallContext(self._connection.port), self._close)
        return self._mesh

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.stop()

    async def __aexit__(self, *error: object) -> None:
        """Leave the mesh."""
        if self._mesh is not None:
            await self._mesh.close()


@asynccontextmanager
async def connect_as_owner(*, mesh: str = "", patience: float = inf) -> AsyncIterator[Mesh]:
    """The profile's mesh as its owner sees it, where the owner's key is; else as :func:`connect`.

    As the owner there are verbs and tasks only: no call, no link. ``patience``: see there.
    """
    from chatixia.client.call_context import CallContext
    from chatixia.client.mesh import Mesh

    from .profile.profile import Profile, exists
    from .remote.port import OwnerPort
    from .remote.rest import RegistryClient
    from .run.settings import resolve

    settings = resolve({"mesh": mesh or None})
    profile = Profile.open(settings["mesh"]) if exists(settings["mesh"]) else None
    if profile is None or not profile.is_owner:
        async with connect(mesh=mesh, patience=patience) as client:
            yield client
        return
    port = OwnerPort(RegistryClient.owner(profile))
    async with Mesh(CallContext(port), port.stop) as client:
        yield client


def connect(
    *,
    mesh: str = "",
    registry: str = "",
    engine: str = "",
    timeout: float = ONLINE_S,
    patience: float = inf,
) -> Connecting:
    """The mesh of this machine's profile, as a client: ``async with connect() as mesh``.

    ``mesh``: the profile's name; ``registry``: an address to use instead of the profile's;
    ``engine``: ``auto``, ``wrtc`` or ``aiortc``; ``timeout``: seconds to wait for the registry;
    ``patience``: seconds to wait where its host refuses the connection, if less.
    """
    for what, seconds in (("timeout", timeout), ("patience", patience)):
        check_type(f"{what} of connect", seconds, int | float, SECONDS)
    flags = {"mesh": mesh or None, "registry": registry or None, "engine": engine or None}
    return Connecting(flags, timeout, patience)


def connect_sync(
    *, mesh: str = "", registry: str = "", engine: str = "", timeout: float = ONLINE_S
) -> SyncMesh:
    """The same without async: ``with connect_sync() as mesh``. One loop in a thread of its own."""
    from chatixia.client.sync import SyncMesh

    return SyncMesh(connect(mesh=mesh, registry=registry, engine=engine, timeout=timeout))
