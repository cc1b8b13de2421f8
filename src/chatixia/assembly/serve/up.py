"""`up`: make or open the profile, then run its registry until it is told to stop.

The registry is given ``<profile>/registry`` and nothing else: the owner's key is out of this
process before the first listener opens.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from chatixia.core import fingerprints
from chatixia.core.shares import ShareLimits
from chatixia.errors import ConfigError
from chatixia.world import REAL, World, process_id

from . import addresses as net
from .collecting import collect_seldom
from .confirming import keep_confirmed
from .listeners import LOOPBACK, BoundListeners, ListenPlan, bind, stun_urls, urls

if TYPE_CHECKING:
    import uvicorn

    from chatixia.assembly.profile.lock import ProfileLock
    from chatixia.assembly.profile.profile import Profile, RegistryIdentity
    from chatixia.core import admission
    from chatixia.registry.call import Listener
    from chatixia.registry.people.provider import ProviderAccess
    from chatixia.registry.service import Service
    from chatixia.registry.settings import RegistrySettings
    from chatixia.registry.turn import TurnServers
    from chatixia.store.control.store import Store

log = logging.getLogger("chatixia.registry")

DESCRIPTORS: Final = 16_384
UNPROVED_PART: Final = 4
"""One in so many of the descriptors, at most, for connections that have proved nothing."""
LOCK: Final = "up.lock"


class UpOptions(msgspec.Struct):
    """What the command line says; None leaves what ``registry.yaml`` remembers.

    ``port`` 0 takes a free one, which is remembered. ``public`` replaces the remembered list.
    """

    mesh: str = ""
    home: Path | None = None
    port: int | None = None
    lan: bool | None = None
    public: list[str] | None = None
    names: list[str] | None = None
    tls_port: int | None = None
    stun_port: int | None = None
    token_ttl: int | None = None
    lease: int | None = None
    ping_interval: float | None = None
    ping_timeout: float | None = None
    insecure_http: bool | None = None
    bounds: ShareLimits | None = None
    compat: bool | None = None


class StartReport(msgspec.Struct):
    """What came up. ``created``: the profile was made now; ``key``: the registry's key as people
    compare it; ``stun``: UDP port, 0 if none."""

    folder: str
    created: bool = msgspec.field(name="made")  # as `up --json` shows it
    urls: list[str]
    key: str
    stun: int
    pid: int
    mesh: str
    port: int


class RunningRegistry:
    """A registry that serves; ``stop`` it. ``store``: what it remembers; ``confirm``: seconds from
    one confirmation of the revocation list to the next."""

    def __init__(
        self,
        started: StartReport,
        profile: Profile,
        service: Service,
        store: Store,
        lock: ProfileLock,
        servers: list[uvicorn.Server],
        tasks: list[asyncio.Task[None]],
        stun: list[asyncio.DatagramTransport],
        confirm: float,
    ) -> None:
        self.confirm = confirm
        self.started, self.profile, self.service = started, profile, service
        self.store, self._lock = store, lock
        self._servers, self._tasks, self._stun = servers, tasks, stun

    async def ended(self) -> None:
        """Wait until a listener ends by itself, which none should."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Tell every socket, end the listeners, close the store, let the lock go."""
        await self.service.stop()
        for transport in self._stun:
            transport.close()
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.service.unproved.stop()
        await self.store.close()
        self._lock.release()


async def serve(options: UpOptions, world: World = REAL) -> RunningRegistry:
    """Start the registry of a profile; made now if there is none.

    Raises AlreadyRunning with the pid, ConfigError for a taken port or a bad setting.
    """
    from chatixia.assembly.profile import profile as profiles
    from chatixia.assembly.profile.lock import hold

    created = not profiles.exists(options.mesh, options.home)
    profile = profiles.Profile.create(options.mesh, home=options.home, world=world)
    identity = profile.registry_identity()
    lock = hold(identity.folder / LOCK, f"The registry of {profile.name}")
    try:
        return await _serve(options, profile, identity, created, lock, world)
    except BaseException:
        lock.release()
        raise


async def _serve(
    options: UpOptions,
    profile: Profile,
    identity: RegistryIdentity,
    created: bool,
    lock: ProfileLock,
    world: World,
) -> RunningRegistry:
    from chatixia.store.control.store import Store

    from .provider import provider_access
    from .turn import turn_servers

    settings = settings_of(identity.folder, options)
    turn = turn_servers(settings.ice.turn, identity.folder, os.environ)
    provider = provider_access(settings.provider, identity.folder)
    plan = plan_of(settings)
    bound = bind(plan)
    try:
        store = Store.open(identity.folder, world, lease=settings.lease, bounds=settings.bounds)
    except BaseException:
        bound.close()
        raise
    _remember(identity.folder, settings, bound)
    reached = urls(bound, plan)
    service = make_service(
        identity, store, settings, reached, stun_urls(bound, plan), turn, provider, world
    )
    await service.start()
    await service.audit.record_settings(msgspec.to_builtins(settings))
    servers, tasks = await _listen(service, bound, plan, settings, identity.folder, world)
    stun = await _stun(bound, world)
    profile.set_registries(reached)
    started = StartReport(
        str(profile.folder),
        created,
        reached,
        fingerprints.of_registry(identity.mesh, identity.sign.public),
        bound.stun_port,
        process_id(),
        profile.mesh,
        bound.port,
    )
    return RunningRegistry(
        started, profile, service, store, lock, servers, tasks, stun, settings.confirm
    )


def settings_of(folder: Path, options: UpOptions) -> RegistrySettings:
    """The remembered settings with the flags over them. Raises ConfigError."""
    from .files import load_settings

    settings = load_settings(folder)
    for field in msgspec.structs.fields(UpOptions):
        value = getattr(options, field.name)
        if value is not None and hasattr(settings, field.name):
            setattr(settings, field.name, value)
    for text in [*settings.public, *settings.names]:
        if not text or any(bad in text for bad in "/ @#?"):
            raise ConfigError(
                f"{text!r} is not a host name or address; write one without scheme or path, such as"
                " mesh.example.org or 203.0.113.7."
            )
    return settings


def plan_of(settings: RegistrySettings) -> ListenPlan:
    """Which listeners the settings ask for."""
    outside = settings.lan or bool(settings.public)
    lan = net.lan_addresses() if outside else []
    names = list(settings.public)
    if settings.lan and net.local_name():
        names.append(net.local_name())
    if settings.lan and not lan:
        raise ConfigError("This machine has no address on any network; `--lan` needs one.")
    return ListenPlan(
        settings.port,
        settings.tls_port,
        settings.stun_port,
        lan if settings.lan else _own(lan, settings.public),
        names,
        settings.insecure_http,
    )


def _own(lan: list[str], public: list[str]) -> list[str]:
    """Addresses to answer STUN on: the public one, or behind a 1:1 NAT all of them."""
    return [address for address in lan if address in public] or lan


def make_service(
    identity: RegistryIdentity,
    store: Store,
    settings: RegistrySettings,
    reached: list[str],
    stun: list[str],
    turn: TurnServers | None,
    provider: ProviderAccess | None,
    world: World,
) -> Service:
    """The registry's parts put together."""
    import chatixia
    from chatixia.identity import verify
    from chatixia.registry.call import RegistryReach
    from chatixia.registry.service import Service, ServiceOptions
    from chatixia.registry.trust.services import ServiceIdentity

    from .files import save_settings, token_keys

    def save_via(via: list[str]) -> None:
        settings.via = via
        save_settings(identity.folder, settings)

    servers = [*stun, *settings.ice.stun]
    ice: list[dict[str, str | list[str]]] = [{"urls": servers}] if servers else []
    return Service(
        ServiceIdentity(
            identity.sign,
            identity.chain,
            identity.owner,
            identity.mesh,
            token_keys(identity.folder),
        ),
        store,
        world,
        verify,
        RegistryReach(reached, list(settings.via), ice, turn),
        ServiceOptions(
            chatixia.__version__,
            settings.token_ttl,
            Path(chatixia.__file__).parent / "hub" / "static",
            _within_descriptors(settings.unproved),
            save_via,
            settings.relay,
            settings.audit,
            provider,
            settings.compat,
        ),
    )


async def _listen(
    service: Service,
    bound: BoundListeners,
    plan: ListenPlan,
    settings: RegistrySettings,
    folder: Path,
    world: World,
) -> tuple[list[Any], list[asyncio.Task[None]]]:
    """Start a server per listener and wait until both answer."""
    from chatixia.registry.call import Listener

    from .server import make_server

    inner = frozenset({LOOPBACK, "localhost", "::1", *map(str.lower, settings.names)})
    unproved, ping = service.unproved, pings(settings)
    servers = [make_server(service.guard(Listener(False, b"", inner)), unproved, None, ping)]
    sockets = [[bound.loopback]]
    if bound.outer:
        listener = _outer(plan, settings, folder, world)
        tls = None if plan.clear else folder
        servers.append(make_server(service.guard(listener), unproved, tls, ping))
        sockets.append(bound.outer)
    tasks = [
        asyncio.create_task(server.serve(sockets=own))
        for server, own in zip(servers, sockets, strict=True)
    ]
    for server in servers:
        await server.opened.wait()
    return servers, tasks


def _outer(plan: ListenPlan, settings: RegistrySettings, folder: Path, world: World) -> Listener:
    """The listener off loopback: its own certificate for all its names."""
    from chatixia.registry.call import Listener

    from .files import certificate

    names = list(dict.fromkeys([*plan.names, *plan.lan, *settings.names]))
    hosts = frozenset(name.lower() for name in names)
    if plan.clear:
        return Listener(False, b"", hosts)
    return Listener(True, certificate(folder, names, world), hosts)


def pings(settings: RegistrySettings) -> tuple[float, float]:
    """Seconds between the pings of a socket, and until one without an answer ends it."""
    return settings.ping_interval, settings.ping_timeout


async def _stun(bound: BoundListeners, world: World) -> list[asyncio.DatagramTransport]:
    from chatixia.registry.live.stun import Stun

    loop = asyncio.get_running_loop()
    transports = []
    for sock in bound.stun:
        transport, _ = await loop.create_datagram_endpoint(lambda: Stun(world), sock=sock)
        transports.append(transport)
    return transports


def _remember(folder: Path, settings: RegistrySettings, bound: BoundListeners) -> None:
    """Write down flags and the ports that were drawn, so that the next start is the same."""
    from .files import load_settings, save_settings

    settings.port = bound.port
    if bound.outer:
        settings.tls_port = bound.tls_port
    if bound.stun:
        settings.stun_port = bound.stun_port
    if settings != load_settings(folder):
        save_settings(folder, settings)


def run_up(
    options: UpOptions, on_started: Callable[[StartReport], None], world: World = REAL
) -> None:
    """Run the registry until SIGINT or SIGTERM; ``on_started`` hears once what came up."""
    _more_descriptors()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(options, on_started, world))


async def _run(options: UpOptions, on_started: Callable[[StartReport], None], world: World) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(sig, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(sig, lambda *_: loop.call_soon_threadsafe(stop.set))
    running = await serve(options, world)
    collect_seldom()
    on_started(running.started)
    confirming = asyncio.create_task(keep_confirmed(running.profile, running.confirm))
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(running.ended())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in (*waits, confirming):
        task.cancel()
    await asyncio.gather(confirming, return_exceptions=True)
    await running.stop()


def _more_descriptors() -> None:
    """Room for as many sockets as are allowed; the usual soft limit of 1,024 is below that."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _within_descriptors(bounds: admission.AdmissionLimits) -> admission.AdmissionLimits:
    """Fewer unproved connections where this process may open few files: members and the
    store need theirs."""
    try:
        import resource
    except ImportError:
        return bounds
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return bounds
    return msgspec.structs.replace(bounds, total=max(1, min(bounds.total, soft // UNPROVED_PART)))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed: this process is ours alone."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
