"""Invite: the owner signs an invitation, puts its record at the registry, and hands out the secret.

Handing out a single-use secret, signed with the owner's key, is the approval
(api.md section 1); the registry sees the invitation's public half alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.join import PART, JoinString, best_addresses, encode, is_loopback
from chatixia.core.patterns import check_bounds
from chatixia.core.pins import naming_serial
from chatixia.core.record import key_id, sign_record
from chatixia.errors import ConfigError, NameTaken
from chatixia.ids import MAX_MACHINE, id_problem, is_machine_id
from chatixia.wire import signed
from chatixia.wire.registry import Serial
from chatixia.wire.signed import b64
from chatixia.wire.trust import Invitation, Invite, InviteRef, Record
from chatixia.world import REAL, World

REDEEM_WITHIN: Final = 15 * 60
WAIT_MS: Final = 25_000
DRAWN: Final = 6
"""Characters that a machine draws in the place of a pattern's star."""


class Invited(msgspec.Struct, frozen=True):
    """An invitation that waits. ``string`` holds the secret: show it, keep it nowhere.

    ``key``: its key id; ``redeem_by``: mesh seconds; ``local``: only this machine can use it, as
    the registry listens nowhere else.
    """

    string: str
    key: str
    name: str
    redeem_by: int
    local: bool

    def __repr__(self) -> str:
        return f"Invited({self.name}, {self.key})"


def invite(
    profile: Profile,
    name: str,
    *,
    reusable: bool = False,
    ephemeral: bool = False,
    most: int = 0,
    names: Sequence[str] = ("*",),
    roles: Sequence[str] = (),
    within: int = REDEEM_WITHIN,
    not_after: int = 0,
    via: Sequence[str] = (),
    world: World = REAL,
) -> Invited:
    """A new invitation for the machine ``name`` (a pattern like ``worker-*`` if ``reusable``).

    ``most``: how many machines a reusable one lets in, 0 for any number;
    ``names``: patterns of the agents that it may run; ``roles``: those they may have; ``within``:
    seconds to redeem it in; ``not_after``: mesh seconds at which all it signs ends, 0 for never;
    ``via``: URLs to name instead of the registry's own. Raises BadChain, ConfigError, NameTaken,
    and RegistryUnreachable.
    """
    _check_name(name, reusable)
    bounds = _bounds(name, names)
    check_bounds(bounds, roles)
    addresses = best_addresses(list(via) or profile.registries)
    owner, chain = profile.owner_key()
    with RegistryClient.owner(profile) as rest:
        serial = 0 if name.endswith("*") else _free(rest, name, profile.machine)
        secret = world.token(PART)
        key = _invitation_key(secret)
        now = int(profile.clock.now())
        record = Record(
            v=1,
            mesh=profile.mesh,
            ns=profile.ns,
            id=name,
            kind="invitation",
            roles=list(roles),
            names=bounds,
            sign=b64(key),
            seal="",
            serial=naming_serial(serial, now),
            issued=now,
            not_after=not_after,
            by=key_id(owner.public),
            redeem_by=now + within,
            reusable=reusable,
            ephemeral=ephemeral,
            most=most,
        )
        rest.call("invite.put", Invite([sign_record(record, owner.sign), *chain], list(via)))
    local = all(is_loopback(address) for address in addresses)
    string = _join_string(profile, addresses, secret)
    return Invited(string, key_id(key), name, record.redeem_by, local)


def _join_string(profile: Profile, addresses: tuple[str, ...], secret: bytes) -> str:
    mesh, registry = bytes.fromhex(profile.mesh), signed.key_hash(profile.registry_key)
    return encode(JoinString(addresses, secret, mesh[:PART], registry[:PART]))


def waiting(profile: Profile, key: str, wait_ms: int = WAIT_MS) -> Invitation:
    """How the invitation of that key id stands, when it changed or ``wait_ms`` are over."""
    with RegistryClient.owner(profile, timeout=wait_ms / 1000 + 5) as rest:
        reply: Invitation = rest.call("invite.get", InviteRef(key, wait_ms))
        return reply


def invitation_seed(secret: bytes) -> bytes:
    """The Ed25519 seed that a join string's secret stands for."""
    from chatixia.identity import derive

    return derive(secret, signed.INVITE)


def _invitation_key(secret: bytes) -> bytes:
    from chatixia.identity import SignKey

    return SignKey(invitation_seed(secret)).public


def _check_name(name: str, reusable: bool) -> None:
    many = name.endswith("*")
    if many and not reusable:
        raise ConfigError("An invitation for many machines must be --reusable.")
    # The star stands for a word that a machine draws for itself, where its host's name is another.
    if not is_machine_id(f"{name[:-1]}{'x' * DRAWN}" if many else name):
        problem = id_problem(name, MAX_MACHINE - DRAWN + 1 if many else MAX_MACHINE)
        raise ConfigError(f"{name[:80]!r} cannot name a machine: {problem}.")


def _bounds(name: str, names: Sequence[str]) -> list[str]:
    """The patterns that bound all below: the machine's own name is among them."""
    return list(names) if "*" in names else list(dict.fromkeys([name, *names]))


def _free(rest: RegistryClient, name: str, me: str) -> int:
    """The highest serial of a name that nobody living has. Raises NameTaken."""
    reply: Serial = rest.call("serial", Serial(name))
    if name == me:
        raise NameTaken(f"The name {name} is this machine's own. {reply.free} is free.", agent=name)
    if reply.api_key:
        raise NameTaken(f"The name {name} belongs to an API key. {reply.free} is free.", agent=name)
    if reply.key and not reply.revoked:
        holder = f" by an agent on {reply.machine}" if reply.machine not in ("", name) else ""
        free = f" {reply.free} is free." if reply.free else ""
        raise NameTaken(f"The name {name} is taken{holder}.{free}", agent=name)
    return reply.serial
