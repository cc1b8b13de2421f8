"""Who stands behind a mesh's port: this profile's credentials, links and login, joined here."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import re
import socket
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from chatixia.core import fingerprints
from chatixia.core.join import is_loopback
from chatixia.errors import ConfigError, Conflict, MeshError, Overloaded, Unavailable
from chatixia.world import REAL, World

from .run.settings import ResolvedSettings

if TYPE_CHECKING:
    from chatixia.peer.control.session import Signaling
    from chatixia.peer.mesh import PeerMesh
    from chatixia.wire.signaling import Config

    from .membership.enrol import Credentials
    from .profile.profile import Profile
    from .remote.api_key_agent import ApiKeyConnection

log = logging.getLogger("chatixia")

RENEW_S: Final = 3600.0
"""How often a long life looks whether its membership record is due for a new one."""


BUSY_S: Final = 120.0
"""How long a start goes on while the registry or the profile says that it is busy."""
BUSY_FIRST_S, BUSY_MOST_S = 0.2, 5.0
LEFT_S: Final = 1.0
"""How long a start that is cancelled waits for the thread that makes its credentials."""


class InProcessConnection:
    """A member's own links and login, with what must be closed after them; an ``AgentConnection``.
    Made by :func:`open_connection`."""

    def __init__(
        self, port: PeerMesh, login: Signaling, profile: Profile, credentials: Credentials
    ) -> None:
        self.port = port
        self._login = login
        self.profile = profile
        self.credentials = credentials
        self.label = profile.name
        self.folder = credentials.folder
        self._started = False
        self._upkeep: asyncio.Task[None] | None = None

    @property
    def key(self) -> str:
        """My key as people compare it."""
        return fingerprints.of_key(self.credentials.sign.public)

    @property
    def url(self) -> str:
        """The registry's address."""
        return self._login.url

    @property
    def is_online(self) -> bool:
        """Whether the login stands."""
        return self._login.up

    def on_listed(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with the id of each agent that comes, goes or serves other skills; with
        "" where any may have, as after a login."""
        self._login.on_listed = callback

    async def start(self) -> None:
        """Open links and begin to log in; does not wait for the registry."""
        self._started = True
        await self.port.start()
        self._upkeep = asyncio.ensure_future(self._renew())

    async def online(self, timeout: float, patience: float = inf) -> None:
        """Wait for the login, ``timeout`` seconds, and ``patience`` of them where the registry's
        host refuses connections. Raises its refusal, RegistryUnreachable."""
        await self._login.online(timeout, patience)

    async def drain(self, seconds: float) -> None:
        """Leave the list, and let what runs end and be reported, for at most ``seconds``."""
        if self._started:
            await self.port.drain(seconds)

    async def stop(self) -> None:
        """Say goodbye, close links, free the name."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._upkeep
        try:
            if self._started:
                await self.port.stop()
        finally:
            self.credentials.close()

    def abandon(self) -> None:
        """Free the name, where the loop has ended and nothing can be stopped any more."""
        self.credentials.close()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await asyncio.to_thread(self.credentials.renew)
            except (MeshError, OSError) as error:
                log.warning("the membership could not be renewed: %s", error)


def open_profile(settings: ResolvedSettings) -> Profile:
    """The profile that is in force; joined first by CHATIXIA_JOIN where there is none yet.

    Blocks. Raises ConfigError naming the cure.
    """
    from .profile.profile import Profile, exists

    name, string = settings["mesh"], os.environ.get("CHATIXIA_JOIN", "")
    if string and not exists(name):
        from .membership.join import join

        # Of several agents that start at once here, one joins for all.
        with contextlib.suppress(Conflict):
            return join(string, name)
    if settings.source("mesh") in ("default", "flag"):
        return Profile.open(name)
    with settings.blamed("mesh"):
        return Profile.open(name)


def api_key_connection(
    settings: ResolvedSettings, name: str, world: World = REAL
) -> ApiKeyConnection | None:
    """A connection by API key, where there is one and this machine is in no mesh; else None."""
    key = settings["sidecar.api_key"]
    if not key:
        return None
    from .profile.profile import exists

    if exists(settings["mesh"]) or os.environ.get("CHATIXIA_JOIN"):
        log.warning("sidecar.api_key is ignored: this machine is in a mesh, with a key of its own.")
        return None
    from .remote.api_key_agent import ApiKeyConnection, ApiKeyPort

    log.warning(
        "%s has an API key only: it has no links, and its work is plain and shown as unverified.",
        name,
    )
    return ApiKeyConnection(ApiKeyPort(settings["registry"].rstrip("/"), key, name, world=world))


async def open_connection(
    settings: ResolvedSettings,
    name: str = "",
    kind: Literal["agent", "client"] = "agent",
    *,
    description: str = "",
    on_fault: Callable[[MeshError], None] | None = None,
    world: World = REAL,
) -> InProcessConnection:
    """Credentials for ``name`` and a port that is not started yet.

    A registry or profile that is busy is waited for. Raises ConfigError, AlreadyRunning naming the
    pid, NameTaken, MissingExtra; Overloaded or Unavailable after :data:`BUSY_S`.
    """
    # Not asyncio's own pool: its thread would stay, and with it what it used, for this one job.
    pool = ThreadPoolExecutor(1, "chatixia-enrol")
    try:
        enrol = functools.partial(_enrolled, settings, name, kind, world)
        profile, credentials = await _patiently(pool, enrol, world)
    finally:
        pool.shutdown(wait=False)
    try:
        port, login = _port(settings, profile, credentials, kind, description, on_fault, world)
    except BaseException:
        credentials.close()
        raise
    return InProcessConnection(port, login, profile, credentials)


async def _patiently(
    pool: Executor, work: Callable[[], tuple[Profile, Credentials]], world: World
) -> tuple[Profile, Credentials]:
    """``work`` in a thread, again while it is told to come later, each time after a longer pause.

    Of many agents that start at once, some are told so; they all start.
    """
    until, pause = world.monotonic() + BUSY_S, BUSY_FIRST_S
    while True:
        try:
            return await _in_thread(pool, work)
        except (Overloaded, Unavailable) as error:
            if world.monotonic() >= until:
                raise
            wait = max(pause, error.retry_after) * (0.5 + world.jitter())
            log.info("the start waits: %s", error)
        await asyncio.sleep(min(wait, BUSY_MOST_S))
        pause = min(2 * pause, BUSY_MOST_S)


async def _in_thread(
    pool: Executor, work: Callable[[], tuple[Profile, Credentials]]
) -> tuple[Profile, Credentials]:
    """``work`` in a thread. No cancellation ends a thread: what it makes for a start that nobody
    waits for any more is closed, before this returns where it is made within :data:`LEFT_S`."""
    future = pool.submit(work)
    waiting = asyncio.wrap_future(future)
    try:
        await asyncio.wait([waiting])  # which, when cancelled, leaves the thread's future alone
    except asyncio.CancelledError:
        future.add_done_callback(_unwanted)
        waiting.add_done_callback(_retrieve)
        await asyncio.wait([waiting], timeout=LEFT_S)
        raise
    return waiting.result()


def _retrieve(ended: asyncio.Future[Any]) -> None:
    """Take note of its error, which asyncio would print otherwise: the start is not wanted."""
    if not ended.cancelled():
        ended.exception()


def _unwanted(future: Future[tuple[Profile, Credentials]]) -> None:
    """Give back the lock and the files of credentials that nobody takes."""
    if not future.cancelled() and future.exception() is None:
        future.result()[1].close()


def _enrolled(
    settings: ResolvedSettings, name: str, kind: Literal["agent", "client"], world: World
) -> tuple[Profile, Credentials]:
    from .membership.enrol import enrol

    profile = open_profile(settings)
    data_dir = settings.data_dir() if kind == "agent" else None
    return profile, enrol(profile, name, kind, data_dir=data_dir, world=world)


def _port(
    settings: ResolvedSettings,
    profile: Profile,
    credentials: Credentials,
    kind: str,
    description: str,
    on_fault: Callable[[MeshError], None] | None,
    world: World,
) -> tuple[PeerMesh, Signaling]:
    from chatixia.peer.driver import PeerSettings, open_mesh

    me = credentials.me()
    if registry := checked_registry(settings):
        me.registries = [registry, *(url for url in me.registries if url != registry)]
    me.owner_only = settings["trust"] == "owner" and kind == "agent"
    keep = settings["links.keep"]
    chosen = PeerSettings(
        engine=settings["engine"],
        keep=None if keep == "all" else keep,
        relay=settings["links.relay"],
        membership_ttl=settings["membership_ttl"],
        announcements=settings["announcements"],
        parts=str(credentials.folder / "artifacts") if credentials.folder is not None else "",
        description=description,
        hostname=socket.gethostname()[:128],
        mode=kind,
        mcp_servers=tuple(settings["mcp"]) if kind == "agent" else (),
        compat=tuple(settings["compat"]) if kind == "agent" else (),
    )

    reported = set[str]()

    def learned(config: Config) -> None:
        if config.addresses and not registry:
            with contextlib.suppress(MeshError, OSError):  # a hint for the next start, no more
                profile.set_registries([str(url) for url in config.addresses])
        if registry and (here := login.url.rstrip("/")) not in (registry, *reported):
            reported.add(here)
            log.warning(
                "registry is %s (from %s), which did not answer; logged in at %s, as the profile"
                " says.",
                registry,
                settings.source("registry"),
                here,
            )

    port, login = open_mesh(me, chosen, world=world, on_fault=on_fault, on_config=learned)
    return port, login


def checked_registry(settings: ResolvedSettings) -> str:
    """The address that is set instead of the profile's, empty for none. Raises ConfigError."""
    registry = str(settings["registry"]).rstrip("/")
    if registry:
        with settings.blamed("registry"):
            check_url(registry)
    return registry


def check_settings(settings: ResolvedSettings, name: str) -> None:
    """All that a start of the agent ``name`` would refuse before it asks anybody.

    Raises ConfigError naming the key and where its value came from, MissingExtra, NameTaken.
    """
    from chatixia.peer.engines import load

    from .membership.enrol import check_name_here
    from .profile.profile import Profile, exists, mesh_name

    with settings.blamed("mesh"):
        mesh_name(settings["mesh"])
    checked_registry(settings)
    with settings.blamed("trust"):
        if settings["trust"] == "owner" and settings["compat"]:
            raise ConfigError("`trust: owner` takes no described peers; leave out `compat`.")
    load(settings["engine"])
    if exists(settings["mesh"]):
        check_name_here(Profile.open(settings["mesh"]), name)


def check_url(url: str) -> None:
    """Refuse what is not the address of a registry. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not re.fullmatch(r"https?://[^\s/?#@]+", url):
        raise ConfigError(f"{url} is not an address; write https://HOST:8443.")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigError(
            f"{url} would be reached in clear, without encryption; write https://HOST:8443."
        )
