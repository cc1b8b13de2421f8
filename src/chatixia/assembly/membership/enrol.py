"""Enrolment: this machine's key signs in the agents and clients that its user starts.

An agent's keys and record lie on disk and are used again while they hold; a client's keys live in
memory, under an id of its own for a day (trust.md section 1). Nobody else need be online.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from chatixia.assembly.profile.files import no_room, private_dir, read_json, write_json
from chatixia.assembly.profile.lock import hold
from chatixia.assembly.profile.profile import CHAIN, Profile, make_keys, read_chain
from chatixia.core.membership import check_chain
from chatixia.core.meshtime import MAX_NOW
from chatixia.core.pins import next_serial
from chatixia.core.ports import LocalIdentity
from chatixia.core.record import key_id, read_record, sign_record
from chatixia.errors import ConfigError, MeshError, NameTaken, Revoked, Unreachable
from chatixia.ids import AgentId, id_problem, is_agent_id, is_client_id
from chatixia.wire.registry import Serial
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import Record, Signed
from chatixia.world import REAL, World, b32, incarnation

from .agent_folder import STORE, last_folder, take_along

if TYPE_CHECKING:
    from chatixia.identity import SealKey, SignKey
    from chatixia.store.local import LocalStore

SHORT_LIFE: Final = 86_400
"""Of a client, and of an ephemeral agent, which is forgotten when its record is over."""
AGENT_LIFE: Final = 400 * 86_400
"""Seconds; a record is renewed when less than half of its life is left."""
log = logging.getLogger("chatixia")

RERUN: Final = (
    ", as after a notebook's cell that was run twice; `await agent.stop()` the one before"
)
CLIENTS_DB: Final = "clients.db"
SERIALS: Final = "serials.json"

Enrolled = Literal["agent", "client"]
AskRegistry = Callable[[Profile, str], Serial]
"""What the registry knows about an id; may raise Unreachable."""


class Credentials:
    """Keys, chain and store of one principal of this process.

    ``sign``, ``seal``: its keys; ``chain``: leaf first; ``incarnation``: 16 hex characters;
    ``store``: its pins and revocations; ``folder``: where it may keep more (None for
    a client). ``close`` it at the end: an agent's lock is held till then.
    """

    def __init__(
        self,
        profile: Profile,
        id_: AgentId,
        kind: Enrolled,
        sign: SignKey,
        seal: SealKey,
        chain: list[Signed],
        store: LocalStore,
        world: World,
        *,
        folder: Path | None = None,
        locks: ExitStack | None = None,
    ) -> None:
        self.profile, self.id, self.kind = profile, id_, kind
        self.sign, self.seal, self.chain = sign, seal, chain
        self.store, self.folder, self._locks, self._world = store, folder, locks, world
        self.incarnation = incarnation(world)
        self._me: LocalIdentity | None = None

    def me(self) -> LocalIdentity:
        """Who this is, for ``peer``; always the same object, whose chain :meth:`renew` renews."""
        from chatixia.identity import verify

        if self._me is None:
            self._me = LocalIdentity(
                id=self.id,
                mesh=self.profile.mesh,
                incarnation=self.incarnation,
                chain=self.chain,
                public=self.sign.public,
                seal=self.seal.public,
                sign=self.sign.sign,
                verify=verify,
                registries=self.profile.registries,
                owner=self.profile.owner,
                registry_key=self.profile.registry_key,
                ns=self.profile.ns,
                serial=self.record.serial,
                book=self.store,
                clock=self.profile.clock,
                renew=self.renew,
                jws=self.sign.jws,
            )
        return self._me

    @property
    def record(self) -> Record:
        """The leaf record now in force."""
        return read_record(unb64(self.chain[0].b))

    def renew(self, now: float = 0.0) -> bool:
        """Sign a new record when less than half of the present one's life is left; whether it was.

        ``now``: a later mesh time that is claimed (``challenge.now``, not yet proved); it moves
        nothing but the new record's end. For processes that live long, and for machines that
        neither have a clock nor spoke to the registry for long.
        """
        clock_now = self.profile.clock.now()
        record, now = self.record, now if clock_now < now <= MAX_NOW else clock_now
        if not record.not_after or record.not_after - now >= _life(record) / 2:
            return False
        with self.profile.changing():
            self.chain = _sign(self.profile, self.kind, record, self.sign, self.seal, now)
            if self.folder is not None:
                write_json(self.folder / CHAIN, self.chain)
        if self._me is not None:
            self._me.chain, self._me.serial = self.chain, self.record.serial
        return True

    def close(self) -> None:
        """Close the store and let go of the lock; a second time does nothing."""
        self.store.close()
        if self._locks is not None:
            self._locks.close()


def enrol(
    profile: Profile,
    agent_id: str = "",
    kind: Enrolled = "agent",
    *,
    roles: Sequence[str] = (),
    data_dir: Path | None = None,
    ask_registry: AskRegistry | None = None,
    world: World = REAL,
) -> Credentials:
    """Credentials for an agent called ``agent_id``, or for a new client (``agent_id`` is then
    empty: its id is this machine's, ``~`` and six characters). Blocks: files, and at an agent's
    first start a word with the registry, of at most some seconds; call it in a thread.

    ``data_dir``: where the agent's files go, None for the profile. ``ask_registry``: what it knows
    (default :func:`chatixia.assembly.remote.rest.ask_serial`); not reaching it is no obstacle.
    Raises AlreadyRunning naming the pid, ConfigError, NameTaken, Revoked, BadChain,
    MembershipExpired.
    """
    if kind == "client":
        if agent_id:
            raise ConfigError("A client's id is derived from the machine's; it takes no name.")
        return _client(profile, roles, world)
    return _agent(profile, agent_id, roles, data_dir, ask_registry or _ask, world)


def _client(profile: Profile, roles: Sequence[str], world: World) -> Credentials:
    from chatixia.identity import SealKey, SignKey

    name = AgentId(f"{profile.machine}~{b32(world.token(5))[:6]}")
    if not is_client_id(name):
        raise ConfigError(f"The name of this machine, {profile.machine}, is too long for clients.")
    sign, seal, now = SignKey.generate(), SealKey.generate(), _signing_time(profile, world)
    wanted = _wanted(profile, name, "client", roles, 0)
    chain = _sign(profile, "client", wanted, sign, seal, now)
    store = _clients(profile.folder / CLIENTS_DB, profile.clock.now())
    return Credentials(profile, name, "client", sign, seal, chain, store, world)


def _clients(path: Path, now: float) -> LocalStore:
    """The clients' own file; on a full disk its content alone, since a client that comes and goes
    needs to write nothing."""
    from chatixia.store.local import LocalStore

    try:
        return LocalStore.open(path, now)
    except ConfigError as error:
        if not no_room(error):
            raise
        log.warning("%s Pins and revocations of this process will not be saved.", error.message)
        empty = not path.exists() or not path.stat().st_size
        return LocalStore.memory() if empty else LocalStore.copy(path, now)


def _agent(
    profile: Profile,
    name: str,
    roles: Sequence[str],
    data_dir: Path | None,
    ask_registry: AskRegistry,
    world: World,
) -> Credentials:
    from chatixia.store.local import LocalStore

    try:
        check_name_here(profile, name)
    except NameTaken as error:
        raise NameTaken(
            f"{error.message}{_free(ask_registry, profile, name)}", agent=name
        ) from None
    place, folder = profile.agent_dir(name), _own_dir(profile.agent_dir(name, data_dir))
    with ExitStack() as locks:
        # One process per id and profile, and one per folder, wherever the folder lies.
        locks.callback(hold(place / "lock", name, RERUN).release)
        last = last_folder(place, folder)
        for other in sorted({last, folder} - {place}):
            locks.callback(hold(other / "lock", name, RERUN).release)
        take_along(place, last, folder)
        sign, seal = make_keys(folder)
        wanted = _wanted(profile, name, "agent", roles, 0)
        chain = _present(profile, folder, wanted, sign, seal)
        if chain is None:
            serial = _highest(profile, folder, name, ask_registry)
            wanted = _wanted(profile, name, "agent", roles, serial)
            with profile.changing():
                chain = _sign(profile, "agent", wanted, sign, seal, _signing_time(profile, world))
                write_json(folder / CHAIN, chain)
        store = LocalStore.open(folder / STORE, profile.clock.now())
        return Credentials(
            profile,
            AgentId(name),
            "agent",
            sign,
            seal,
            chain,
            store,
            world,
            folder=folder,
            locks=locks.pop_all(),
        )


def _own_dir(folder: Path) -> Path:
    """The agent's folder, made if need be, and written to. Raises ConfigError with the cure."""
    try:
        private_dir(folder)
        if not os.access(folder, os.W_OK):
            raise ConfigError(f"{folder} cannot be written.")
    except ConfigError as error:
        raise ConfigError(
            f"{error.message} An agent keeps its keys and its state there; set `data_dir` in"
            " agent.yaml (or CHATIXIA_DATA_DIR) to a folder that this user may write."
        ) from error.__cause__
    return folder


def check_name_here(profile: Profile, name: str) -> None:
    """Refuse a name that no agent of this machine can have. Raises ConfigError, NameTaken."""
    if not is_agent_id(name):
        raise ConfigError(f"{name!r} cannot name an agent: {id_problem(name)}.")
    if name == profile.machine:
        raise NameTaken(f"{name} is the name of this machine; give the agent another.", agent=name)


def _life(record: Record) -> int:
    return SHORT_LIFE if record.kind == "client" or record.ephemeral else AGENT_LIFE


def _signing_time(profile: Profile, world: World) -> float:
    """Mesh time, or the wall clock where that is later: a machine that was off for long does not
    know how late it is, and a record that ends too late harms less than one that is over."""
    return max(profile.clock.now(), world.wall())


def _wanted(
    profile: Profile, name: str, kind: Enrolled, roles: Sequence[str], serial: int
) -> Record:
    """What a new record should say; keys, times and the final serial come in :func:`_sign`."""
    return Record(
        v=1,
        mesh=profile.mesh,
        ns=profile.ns,
        id=name,
        kind=kind,
        roles=list(roles),
        names=[],
        sign="",
        seal="",
        serial=serial,
        issued=0,
        not_after=0,
        by="",
        ephemeral=profile.ephemeral,
    )


def _present(
    profile: Profile, folder: Path, wanted: Record, sign: SignKey, seal: SealKey
) -> list[Signed] | None:
    """The chain on disk, if it still says what is wanted, lasts for a good while, and is the last
    that this machine signed for the name."""
    from chatixia.identity import verify

    now = profile.clock.now()
    try:
        chain = read_chain(folder)
        member = check_chain(chain, mesh=profile.mesh, now=now, verify=verify, ns=profile.ns)
    except MeshError:
        return None
    record = member.record
    present = (record.id, record.roles, member.sign, member.seal, chain[1:], record.ephemeral)
    due = (
        wanted.id,
        wanted.roles,
        sign.public,
        seal.public,
        profile.machine_chain,
        wanted.ephemeral,
    )
    if present != due or (record.not_after and record.not_after - now < _life(record) / 2):
        return None
    return chain if record.serial >= _ledger(profile).get(wanted.id, 0) else None


def _highest(profile: Profile, folder: Path, name: str, ask_registry: AskRegistry) -> int:
    """The highest serial that the registry and the folder know for one of our ids.

    Raises NameTaken or Revoked when the registry knows that it is not ours.
    """
    try:
        serial = read_record(unb64(read_chain(folder)[0].b)).serial
    except (MeshError, IndexError):
        serial = 0
    try:
        reply = ask_registry(profile, name)
    except Unreachable:
        return serial
    if reply.revoked:
        raise Revoked(f"The name {name} was revoked by the owner; use another.", agent=name)
    if reply.api_key:
        free = f" {reply.free} is free." if reply.free else ""
        raise NameTaken(f"The name {name} belongs to an API key.{free}", agent=name)
    if reply.key and reply.machine != profile.machine:
        free = f" {reply.free} is free." if reply.free else ""
        raise NameTaken(
            f"The name {name} is taken on the machine {reply.machine}.{free}", agent=name
        )
    return max(serial, reply.serial)


def _free(ask_registry: AskRegistry, profile: Profile, name: str) -> str:
    """A sentence with a free name like ``name``, if the registry is there to ask."""
    with suppress(Unreachable):
        if free := ask_registry(profile, name).free:
            return f" {free} is free."
    return ""


def _sign(
    profile: Profile, kind: Enrolled, wanted: Record, sign: SignKey, seal: SealKey, now: float
) -> list[Signed]:
    """A new chain for ``wanted`` under these keys, its serial above all known; checked."""
    from chatixia.identity import verify

    machine, _ = profile.machine_keys()
    above = profile.machine_chain
    bound = read_record(unb64(above[0].b)).not_after
    end = int(now) + _life(wanted)
    record = Record(
        v=1,
        mesh=wanted.mesh,
        ns=wanted.ns,
        id=wanted.id,
        kind=kind,
        roles=wanted.roles,
        names=[],
        sign=b64(sign.public),
        seal=b64(seal.public),
        serial=_take_serial(profile, wanted),
        issued=int(now),
        not_after=min(end, bound) if bound else end,
        by=key_id(machine.public),
        ephemeral=wanted.ephemeral,
    )
    chain = [sign_record(record, machine.sign), *above]
    check_chain(chain, mesh=profile.mesh, now=profile.clock.now(), verify=verify)
    return chain


def _take_serial(profile: Profile, wanted: Record) -> int:
    """The next serial of an id. This machine's own ledger outlives a lost agent folder."""
    if wanted.kind == "client":
        return next_serial(wanted.serial)
    ledger = _ledger(profile)
    ledger[wanted.id] = next_serial(wanted.serial, ledger.get(wanted.id, 0))
    write_json(profile.folder / "machine" / SERIALS, ledger)
    return ledger[wanted.id]


def _ledger(profile: Profile) -> dict[str, int]:
    """The highest serial that this machine gave to each name."""
    try:
        return read_json(profile.folder / "machine" / SERIALS, dict[str, int])
    except FileNotFoundError:
        return {}


def _ask(profile: Profile, name: str) -> Serial:
    from chatixia.assembly.remote.rest import ask_serial

    return ask_serial(profile, name)
