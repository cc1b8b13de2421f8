"""One principal's mesh on real links and a real login: what ``assembly`` opens.

mesh, login = open_mesh(me, PeerSettings(engine="auto"))
mesh.serve(handler, skills, slots)      # before start; clients leave it out
await mesh.start()                      # never waits for the registry
await login.online(10)                  # the first login, or its refusal
await mesh.stop()
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from chatixia.core.ports import LocalIdentity
from chatixia.errors import MeshError, Revoked
from chatixia.wire.signaling import OWNER_ONLY, Config
from chatixia.world import REAL, World

from .control.frames import DESCRIBED_FRAMES
from .control.session import Signaling
from .engines import load
from .engines.base import Engine, IceServer
from .links.driver import LinkDriver
from .links.relay_streams import RelayMultiplexer
from .mesh import PeerMesh

if TYPE_CHECKING:
    from .described.policy import DescribedPolicy

WEEK: Final = 7 * 86_400.0
MOST_SERVERS: Final = 8


class PeerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may choose about links and login.

    ``engine``: auto, wrtc or aiortc. ``loopback``: 127.0.0.1 as a candidate (None: only on a host
    without other addresses). ``keep``: links kept warm when idle (None: all; 0: closed when idle).
    ``relay``: whether a link may go through the registry.
    ``membership_ttl``: seconds that links live without a registry's confirmation. Description,
    hostname, mode and mcp_servers are shown in the directory. ``announcements``: whether broadcasts
    are taken that the registry fans out in clear. ``parts``: a folder where parts of artifacts
    outlive this process, "" for none. ``compat``: described peers that are accepted.
    """

    engine: str = "auto"
    loopback: bool | None = None
    keep: int | None = 32
    relay: bool = True
    membership_ttl: float = WEEK
    description: str = ""
    hostname: str = ""
    mode: str = ""
    mcp_servers: Sequence[str] = ()
    announcements: bool = True
    parts: str = ""
    compat: tuple[str, ...] = ()


def open_mesh(
    me: LocalIdentity,
    settings: PeerSettings = PeerSettings(),  # noqa: B008 - frozen
    *,
    world: World = REAL,
    on_fault: Callable[[MeshError], None] | None = None,
    on_config: Callable[[Config], None] | None = None,
) -> tuple[PeerMesh, Signaling]:
    """A mesh for ``me`` and its login, not started; the mesh starts and stops both.

    ``on_fault``: called once on the loop when the login ended for good (Replaced, by a second
    process of this name; Revoked, by the mesh's owner); the caller then stops. ``on_config``:
    hears each ``config`` of the proved registry. Raises ConfigError, MissingExtra for the engine.
    """
    engine = load(settings.engine, world=world, loopback=settings.loopback)
    login = _login(me, settings, world)
    driver = _links(me, engine, settings, login, world)
    described = _described(me, settings, login, driver, world)
    mesh = PeerMesh(
        me,
        driver,
        login,
        world=world,
        records=driver.records,
        described=described().links if settings.compat else None,
    )
    mesh.peers.offers.folder = settings.parts
    login.on_revoked = driver.revoked
    driver.revocations.take = login.receive_revocation
    mesh.peers.lists = driver.revocations.lists
    mesh.dispatcher.on_lists = driver.revocations.receive_lists

    def configured(config: Config) -> None:
        servers = ice_servers(config)
        driver.use(servers)
        if settings.compat:
            described().links.servers = servers
        driver.membership.learn(config.confirmation)
        if on_config is not None:
            on_config(config)

    def faulted(error: MeshError) -> None:
        if isinstance(error, Revoked):
            mesh.exclude(error)
        if on_fault is not None:
            on_fault(error)

    login.on_config, login.on_fault = configured, faulted
    return mesh, login


def _login(me: LocalIdentity, settings: PeerSettings, world: World) -> Signaling:
    login = Signaling(
        me,
        world=world,
        description=settings.description,
        hostname=settings.hostname,
        mode=settings.mode,
        mcp_servers=settings.mcp_servers,
        announcements=settings.announcements,
        compat=settings.compat,
    )
    login.extras += [OWNER_ONLY] if me.owner_only else []
    login.relay = RelayMultiplexer(world, login.flush) if settings.relay else None
    return login


def _links(
    me: LocalIdentity, engine: Engine, settings: PeerSettings, login: Signaling, world: World
) -> LinkDriver:
    assert login.relay is None or isinstance(login.relay, RelayMultiplexer)
    return LinkDriver(
        me,
        engine,
        login,
        world=world,
        keep=settings.keep,
        ttl=settings.membership_ttl,
        streams=login.relay,
    )


def _described(
    me: LocalIdentity, settings: PeerSettings, login: Signaling, driver: LinkDriver, world: World
) -> Callable[[], DescribedPolicy]:
    """Those of peers without keys, beside the others: both hear of signaling and of the login.
    Made with the first use: an agent that accepts none loads nothing of them."""

    @functools.cache
    def described() -> DescribedPolicy:
        from .described.policy import DescribedPolicy

        policy = DescribedPolicy(me, driver.engine, login.send, settings.compat, world)
        policy.links.on_change = driver.reports.changed
        driver.reports.beside = policy.links.reports
        return policy

    def signal(frame: msgspec.Struct) -> None:
        (described().receive if isinstance(frame, DESCRIBED_FRAMES) else driver.signal)(frame)

    def moved(up: bool) -> None:
        driver.registry(up)
        if settings.compat:
            described().registry(up)

    login.on_signal, login.on_up = signal, moved
    return described


def ice_servers(config: Config) -> list[IceServer]:
    """The STUN and TURN servers of a ``config``; an entry that is none is left out."""
    servers = []
    for entry in config.ice_servers[:MOST_SERVERS]:
        urls = entry.get("urls", [])
        urls = [urls] if isinstance(urls, str) else urls
        good = [url for url in urls if url.startswith(("stun:", "turn:", "turns:"))]
        name, secret = entry.get("username"), entry.get("credential")
        if good:
            servers.append(
                IceServer(
                    good,
                    name if isinstance(name, str) else None,
                    secret if isinstance(secret, str) else None,
                )
            )
    return servers
