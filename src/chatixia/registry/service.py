"""The registry put together from its parts; each part is given only what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from chatixia.core.admission import AdmissionLimits
from chatixia.core.ports import Verify
from chatixia.errors import MeshError, Unauthorized, Unavailable
from chatixia.identity import SignKey
from chatixia.ids import AgentId
from chatixia.store.control.store import Store
from chatixia.wire.base import encode
from chatixia.wire.registry import AgentRef, HealthReply, IceConfig, Nothing, StatusReply
from chatixia.wire.signaling import Config
from chatixia.wire.trust import DEFAULT_NS, Done, Signed
from chatixia.wire.verbs import BY_NAME
from chatixia.world import World

from .call import Handler, Listener, RegistryReach, RequestContext, from_principal
from .condition import Condition
from .limits import RateLimits
from .live.directory import DirectoryService
from .live.endpoint import WebSocketEndpoint
from .live.events import Events
from .live.roster import Roster, works
from .live.socket import Socket
from .live.topology import LinkBook
from .meter import Meter
from .trust.gate import Authenticator
from .trust.joining import JoinService
from .trust.keys import ApiKeys
from .trust.leaving import LeaveService
from .trust.logins import Logins
from .trust.members import Members
from .trust.nonces import Nonces
from .trust.proof import Proof
from .trust.tokens import Tokens
from .verbs import VerbDispatcher
from .web import openapi, static
from .web.app import WebApplication
from .web.guard import HostGuard
from .web.unproved import UnprovedConnections
from .work.compat import CompatTaskVerbs
from .work.ports import WorkerLogin
from .work.service import TaskService

FAILURES: Final = (20.0, 1 / 15)
"""Failed logins per address: a burst, then one in 15 s."""

REFRESHED: Final = 0.5
"""After this part of a token's life a living login is sent the next."""


class ServiceIdentity(msgspec.Struct, frozen=True):
    """What the registry is: its key and chain, the owner's public key, mesh id, token keys."""

    key: SignKey
    chain: Sequence[Signed]
    owner: bytes
    mesh: str
    token_keys: Sequence[SignKey]


class Service:
    """A registry without its listeners: ``guard`` makes the application of one listener."""

    def __init__(
        self,
        identity: ServiceIdentity,
        store: Store,
        world: World,
        *,
        verify: Verify,
        version: str,
        reach: RegistryReach,
        token_ttl: int,
        hub: Path,
        learn: Callable[[list[str]], None],
        unproved: AdmissionLimits,
    ) -> None:
        self._store, self._world, self._reach, self._version = store, world, reach, version
        self._mesh, self.meter, self.roster = identity.mesh, Meter(), Roster(store.bounds)
        self.ready, self.condition = False, Condition(store)
        failures, self.unproved = (
            RateLimits(world, *FAILURES),
            UnprovedConnections(unproved, self.meter, world),
        )
        proof, nonces = Proof(identity.key, identity.chain, identity.mesh), Nonces(world)
        self.members = Members(store, identity.mesh, identity.owner, verify)
        self.tokens = Tokens(identity.token_keys, identity.mesh, store.now, world, token_ttl)
        self.keys = keys = ApiKeys(store, self.members, world)
        logins = Logins(store, identity.mesh, world, failures)
        self.gate = gate = Authenticator(
            members=self.members,
            tokens=self.tokens,
            keys=keys,
            logins=logins,
            nonces=nonces,
            proof=proof,
            store=store,
            verify=verify,
            failures=failures,
        )
        self.events = Events(store, self.roster)
        self.joining = joining = JoinService(
            store,
            self.members,
            nonces,
            proof,
            verify,
            RateLimits(world, *FAILURES),
            reach,
            learn,
            self.events.note,
        )
        self.directory = DirectoryService(
            self.roster, store.now, self._is_member, store.waiting_for
        )
        self.links = LinkBook(self.roster, self.directory, self.events.tell)
        self.tasks = TaskService(store, world, self.roster, self.members.is_out)
        self._described = CompatTaskVerbs(self.tasks, store)
        handlers = self._handlers(gate, keys, logins, joining)
        self.verbs = VerbDispatcher(handlers, self.meter, world, store.bounds.verbs)
        self.door = WebSocketEndpoint(
            gate,
            self.roster,
            self.verbs,
            self.meter,
            world,
            self._config,
            self.links.report,
            store.now,
            token_ttl * REFRESHED,
        )
        leaving = LeaveService(
            store,
            self.members,
            verify,
            self.door.drop,
            self.roster.everyone,
            self.events.note,
            self.directory.gone,
            self.tasks.remove,
        )
        keys.ended = self._key_ended
        logins.ended = lambda name: self.door.drop(
            Unauthorized("The login is over."), lambda p: (p.kind, p.id) == ("person", name)
        )
        handlers |= {"revoke": leaving.revoke, "leave": leaving.leave, "serial": leaving.serial}
        self.web = WebApplication(
            gate=gate,
            verbs=self.verbs,
            meter=self.meter,
            world=world,
            mesh=identity.mesh,
            door=self.door,
            assets=static.load(hub),
            metrics=self._metrics,
            description=encode(openapi.document(version)),
            followers=self.tasks.followers,
        )
        self.roster.changed.append(self._changed)
        self.roster.ended.append(self._ended)
        self._gauges()

    def guard(self, listener: Listener) -> HostGuard:
        """The application as one listener serves it."""
        return HostGuard(self.web, listener, self._reach, self.meter, self._world)

    async def start(self) -> None:
        """Read the members, start tasks and events; then calls are answered."""
        await self.members.load()
        await self.tasks.start()
        # The registry before may have died in the middle of it.
        gone = self.members.gone([*self.members.all_out(), *await self.keys.gone()])
        if gone.parties:
            await self.tasks.remove(DEFAULT_NS, gone, wait=0)
        await self.events.start()
        self.condition.start()
        self.ready = True

    async def stop(self) -> None:
        """Tell every socket, end the tasks; the store is closed by who opened it."""
        self.ready = False
        await self.condition.stop()
        self.joining.close()
        self.door.close_all()
        await self.events.stop()
        await self.tasks.stop()

    # ---- verbs that need more than one part

    def _handlers(
        self, gate: Authenticator, keys: ApiKeys, logins: Logins, joining: JoinService
    ) -> dict[str, Handler]:
        directory = self.directory
        work = {
            name: from_principal(handler)
            for name, handler in self.tasks.handlers.items()
            if name in BY_NAME
        }
        return {
            **work,
            **self._described.handlers,
            "health": self._health,
            "ready": self._ready,
            "status": self._status,
            "config": self._ice,
            "nonce": gate.nonce,
            "token": gate.token,
            "join.begin": joining.begin,
            "join": joining.join,
            "invite.put": joining.put,
            "invite.get": joining.get,
            "invite.end": joining.end,
            "login.create": logins.create,
            "login.redeem": logins.redeem,
            "login.end": logins.end,
            "session": logins.session,
            "keys.create": keys.create,
            "keys.list": keys.page,
            "keys.revoke": keys.revoke,
            "agents.list": directory.page,
            "agents.list.described": directory.all,
            "agents.get": directory.get,
            "agents.register": directory.register,
            "agents.remove": self._remove,
            "agents.route": directory.route,
            "heartbeat": self._beat,
            "topology": self.links.topology,
            "watch": self.events.watch,
        }

    async def _health(self, call: RequestContext, request: Nothing) -> HealthReply:
        return HealthReply()

    async def _ready(self, call: RequestContext, request: Nothing) -> HealthReply:
        trouble = self.condition.trouble() if self.ready else Unavailable()
        if isinstance(trouble, Unavailable):
            raise trouble
        return HealthReply(trouble.code, trouble.message) if trouble else HealthReply("ready")

    async def _status(self, call: RequestContext, request: Nothing) -> StatusReply:
        trouble = self.condition.trouble()
        told = (trouble.code, trouble.message) if trouble else ()
        return StatusReply(
            self._mesh,
            self._version,
            self._store.now(),
            len(self.roster.agents()),
            self.links.count(),
            await self._store.counts(),
            self._reach.urls(call.local),
            self._store.generation,
            self._store.disk_free(),
            *told,
        )

    async def _ice(self, call: RequestContext, request: Nothing) -> IceConfig:
        return IceConfig(self._reach.ice, self._reach.urls(call.local), self._store.now())

    def _config(self, socket: Socket) -> Config:
        return Config(
            self._reach.urls(socket.local), self._reach.ice, self._token(socket), self._store.now()
        )

    def _token(self, socket: Socket) -> str:
        """A token for a login whose membership still stands, else none."""
        principal = socket.principal
        if principal is None or principal.kind in ("person", "key"):
            return ""
        serial = self.members.highest(principal.id)
        try:
            self.members.check(principal, serial)
        except MeshError:
            return ""
        if 0 < socket.not_after < self._store.now():
            return ""
        return self.tokens.issue(principal, serial, socket.not_after)

    async def _beat(self, call: RequestContext, request: Any) -> Any:
        skills = self.directory.beat(call, request)
        tasks = await self._described.given(call.who, skills) if request.polls else []
        return BY_NAME["heartbeat"].reply(pending_tasks=tasks)

    async def _remove(self, call: RequestContext, ref: AgentRef) -> Done:
        done = await self.directory.remove(call, ref)
        self._poller_gone(ref.agent_id)
        return done

    def _poller_gone(self, name: str) -> None:
        """What an agent without a login holds goes to another at once, not when its lease ends."""
        self.tasks.offline(AgentId(name), "", clean=True)

    async def _metrics(self) -> bytes:
        return self.meter.text(await self._store.counts())

    # ---- what the live side tells the others

    def _changed(self, socket: Socket, change: str) -> None:
        """An agent came, changed its skills or slots, or went."""
        assert socket.principal
        self.directory.joined(socket.id) if change != "left" else self.directory.left(socket)
        if change != "left" or socket.leaving:
            self.tasks.online(
                WorkerLogin(
                    AgentId(socket.id),
                    socket.incarnation,
                    socket.slots,
                    frozenset(skill.name for skill in socket.skills),
                    socket.principal.ns,
                    socket.epoch,
                )
            )
        if change != "slots":
            self.events.tell("agent", socket.id, change)

    def _ended(self, socket: Socket, replaced: bool) -> None:
        """Any socket is gone; a replaced login's process may still be the same."""
        self.tasks.gone(AgentId(socket.id), socket.epoch)
        if works(socket) and not replaced:
            self.tasks.offline(AgentId(socket.id), socket.incarnation, socket.clean, socket.silent)

    async def _key_ended(self, name: str) -> None:
        self.directory.gone(name)
        self._poller_gone(name)
        self.door.drop(
            Unauthorized("The API key was revoked."), lambda p: (p.kind, p.id) == ("key", name)
        )
        await self.tasks.remove(DEFAULT_NS, self.members.gone([name]))

    def _is_member(self, name: str) -> bool:
        row = self.members.holder(name)
        return row is not None and not (row.machine and self.members.out(row.ns, row.machine))

    def _gauges(self) -> None:
        gauge = self.meter.gauge
        gauge("agents", "Agents connected", lambda: len(self.roster.agents()))
        gauge("sockets", "WebSockets open", lambda: len(self.door))
        gauge("commits", "Groups written since the start", self._store.commits)
        gauge("store_waiting", "Items that wait for the writer", self._store.waiting)
        gauge("links", "Links reported", self.links.count)
        gauge("disk_free_bytes", "Free on the data directory's file system", self._store.disk_free)
