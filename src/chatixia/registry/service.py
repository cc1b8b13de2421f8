"""The registry put together from its parts; each part is given only what it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from chatixia.core.admission import AdmissionLimits
from chatixia.core.audit import AuditKeep
from chatixia.core.ports import Verify
from chatixia.core.relay_limits import RelayLimits
from chatixia.store.control.store import Store
from chatixia.wire.base import encode
from chatixia.wire.verbs import BY_NAME
from chatixia.world import World

from .audit import AuditLog
from .call import Handlers, Listener, RegistryReach, from_principal
from .client_config import ConfigService
from .condition import Condition
from .lifecycle import AgentLifecycle
from .live.announcements import Announcements
from .live.described import DescribedRoster
from .live.described_endpoint import DescribedEndpoint
from .live.directory import DirectoryService
from .live.endpoint import WebSocketEndpoint
from .live.events import Events
from .live.open_sockets import OpenSockets
from .live.relay_streams import RelayStreams
from .live.roster import Roster
from .live.topology import LinkBook
from .meter import Meter
from .people.provider import IdentityProvider, ProviderAccess
from .status import StatusService
from .trust.leaving import LeaveEffects
from .trust.members import Members
from .trust.services import ServiceIdentity, TrustEffects, TrustServices
from .trust.tokens import Tokens
from .turn import TURN_SECONDS
from .verbs import VerbDispatcher
from .web import openapi, static
from .web.app import WebApplication
from .web.guard import HostGuard
from .web.provider import ProviderPages
from .web.unproved import UnprovedConnections
from .work.compat import CompatTaskVerbs
from .work.service import TaskService

REFRESH_FRACTION: Final = 0.5
"""After this part of the life of a token or TURN credential a living login is sent the next."""


def refresh_seconds(token_ttl: float) -> float:
    """Seconds between two ``config`` frames of a login."""
    return min(token_ttl, TURN_SECONDS) * REFRESH_FRACTION


class ServiceOptions(msgspec.Struct, frozen=True):
    """``version``: of this package; ``token_ttl``: seconds; ``hub``: folder of the hub's files;
    ``unproved``: what connections may hold that have proved nothing; ``save_via``: keeps the URLs
    of tunnels and proxies; ``relay``: whether and how much is relayed; ``audit``: how long
    lines of the audit log are kept; ``provider``: where people may log in beside; ``compat``:
    whether peers of the described contract are let in."""

    version: str
    token_ttl: int
    hub: Path
    unproved: AdmissionLimits
    save_via: Callable[[list[str]], None]
    relay: RelayLimits = RelayLimits()
    audit: AuditKeep = AuditKeep()
    provider: ProviderAccess | None = None
    compat: bool = False


class Service:
    """A registry without its listeners: ``guard`` makes the application of one listener."""

    def __init__(
        self,
        identity: ServiceIdentity,
        store: Store,
        world: World,
        verify: Verify,
        reach: RegistryReach,
        options: ServiceOptions,
    ) -> None:
        self._store, self._world, self._reach = store, world, reach
        store.audit.keep = options.audit
        self.meter, self.condition = Meter(), Condition(store)
        self.unproved = UnprovedConnections(options.unproved, self.meter, world)
        self.members = Members(store, identity.mesh, identity.owner, verify)
        self.tokens = Tokens(
            identity.token_keys, identity.mesh, store.now, world, options.token_ttl
        )
        self.roster = Roster(store.bounds)
        self.relay = RelayStreams(self.roster, options.relay, self.meter, world)
        self.sockets = OpenSockets(self.roster)
        self.described = DescribedRoster(self.roster, options.compat)
        self.events = Events(store, self.roster)
        self.directory = DirectoryService(
            self.roster,
            store.now,
            self.members.is_listed,
            store.tasks.waiting_for,
            self.described.present,
        )
        self.announcements = Announcements(self.roster, world.monotonic)
        self.links = LinkBook(self.roster, self.directory, self.events.tell)
        self.tasks = TaskService(
            store, world, self.roster, self.members.is_removed, self.members.drop_ended
        )
        self.compat = CompatTaskVerbs(self.tasks, store)
        self.lifecycle = AgentLifecycle(
            self.members, self.directory, self.tasks, self.compat, self.events, self.sockets
        )
        self.audit = AuditLog(store)
        self.trust = self._trust(identity, verify, options)
        self.config = self._config()
        self.status = self._status(identity.mesh, options.version)
        self.verbs = VerbDispatcher(
            self._handlers(), self.meter, world, self.audit.record, store.bounds.verbs
        )
        self.web = self._web_application(identity.mesh, options)
        self.roster.changed.append(self.lifecycle.changed)
        self.roster.ended.append(self.lifecycle.ended)
        self._add_gauges()

    def _trust(
        self, identity: ServiceIdentity, verify: Verify, options: ServiceOptions
    ) -> TrustServices:
        return TrustServices(
            identity,
            self._store,
            self._world,
            verify,
            self._reach,
            self.members,
            self.tokens,
            self._trust_effects(options.save_via),
            self.audit,
            options.provider,
            options.compat,
        )

    def _config(self) -> ConfigService:
        return ConfigService(
            self._reach,
            self.members,
            self.tokens,
            self._store.now,
            self._world.wall,
            lambda: self.trust.confirming.newest,
        )

    def _status(self, mesh: str, version: str) -> StatusService:
        return StatusService(
            mesh,
            version,
            self._store,
            self.condition,
            self.roster,
            self.links.count,
            self._reach,
            self.trust.delegation.standing,
        )

    def _trust_effects(self, save_via: Callable[[list[str]], None]) -> TrustEffects:
        return TrustEffects(
            LeaveEffects(
                drop=self.sockets.drop,
                broadcast=self.roster.everyone,
                note=self.events.note,
                unlist=self.directory.unlist,
                end_work=self.tasks.remove,
            ),
            self.lifecycle.key_ended,
            self.lifecycle.sessions_ended,
            self.events.tell,
            save_via,
        )

    def _handlers(self) -> Handlers:
        """Who answers each verb, by its name."""
        tasks = {
            name: from_principal(handler)
            for name, handler in self.tasks.handlers.items()
            if name in BY_NAME
        }
        return {
            **tasks,
            **self.compat.handlers,
            **self.status.handlers,
            **self.config.handlers,
            **self.trust.handlers,
            **self.directory.handlers,
            **self.lifecycle.handlers,
            **self.links.handlers,
            **self.announcements.handlers,
            **self.events.handlers,
            **self.audit.handlers,
        }

    def _web_application(self, mesh: str, options: ServiceOptions) -> WebApplication:
        endpoint = WebSocketEndpoint(
            self.trust.gate,
            self.roster,
            self.sockets,
            self.verbs,
            self.meter,
            self._world,
            self.config.frame,
            self.links.report,
            self._store.now,
            refresh_seconds(options.token_ttl),
            self.relay,
            self.described,
        )
        return WebApplication(
            gate=self.trust.gate,
            verbs=self.verbs,
            meter=self.meter,
            world=self._world,
            mesh=mesh,
            endpoint=endpoint,
            described=DescribedEndpoint(
                self.trust.gate,
                self.described,
                self.sockets,
                self.meter,
                self._world,
                options.compat,
                self._store.now,
            ),
            assets=static.load(options.hub),
            metrics=self._metrics,
            description=encode(openapi.document(options.version)),
            followers=self.tasks.followers,
            provider=ProviderPages(mesh, self._provider(options.provider), self.trust.logins),
        )

    def _provider(self, access: ProviderAccess | None) -> IdentityProvider | None:
        return IdentityProvider(access, self._world, self._store.now) if access else None

    def _add_gauges(self) -> None:
        gauge = self.meter.gauge
        gauge("agents", "Agents connected", lambda: len(self.roster.agents()))
        gauge("sockets", "WebSockets open", lambda: len(self.sockets))
        gauge("commits", "Groups written since the start", self._store.commits)
        gauge("store_waiting", "Items that wait for the writer", self._store.waiting)
        gauge("links", "Links reported", self.links.count)
        gauge("relay_streams", "Relay streams open or asked for", lambda: len(self.relay.table))
        gauge("relay_waiting_bytes", "Relayed bytes not read yet", lambda: self.relay.waiting)
        gauge("disk_free_bytes", "Free on the data directory's file system", self._store.disk_free)

    async def _metrics(self) -> bytes:
        return self.meter.text(await self._store.tasks.counts())

    def guard(self, listener: Listener) -> HostGuard:
        """The application as one listener serves it."""
        return HostGuard(self.web, listener, self._reach, self.meter, self._world)

    async def start(self) -> None:
        """Read the members, start tasks and events; then calls are answered."""
        await self.members.load()
        await self.trust.load()
        await self.tasks.start()
        await self.lifecycle.end_removed(await self.trust.keys.revoked_names())
        await self.events.start()
        self.condition.start()
        self.status.ready = True

    async def stop(self) -> None:
        """Tell every socket, end the tasks; the store is closed by the code that opened it."""
        self.status.ready = False
        await self.condition.stop()
        self.trust.close()
        self.audit.close()
        self.sockets.close_all()
        await self.verbs.stop()
        await self.events.stop()
        await self.tasks.stop()
