"""Revoke and leave: the owner puts an id out by a signed statement; a machine goes by itself."""

from __future__ import annotations

import shutil
from typing import Final, Literal

import msgspec

from chatixia.assembly.profile.files import read_json, write_json
from chatixia.assembly.profile.lock import holder, is_locked
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.owners import rank
from chatixia.core.pins import ending_serial
from chatixia.core.record import read_record
from chatixia.core.revocation import sign_revocation
from chatixia.errors import AlreadyRunning, ConfigError, Denied, NotFound, RegistryUnreachable
from chatixia.ids import is_agent_id
from chatixia.wire.registry import Nothing, Serial
from chatixia.wire.signed import unb64
from chatixia.wire.trust import InviteEnd, Owners, OwnersQuery, Revocation, Revoke, Signed

LEDGER: Final = "revocations.json"
"""Every statement the owner ever signed, so that the list's version only rises."""


Leaving = Literal["told", "away", "out"]
"""What a registry knows of a machine that left: it was told, it was not reached, or it takes this
machine for none of its members any more: revoked, withdrawn or expired."""


class RevocationResult(msgspec.Struct, frozen=True):
    """What a revocation did.

    ``statement``: the owner's, None for a pattern, which no member is called. ``member``: somebody
    of that name was in. ``invitations``: how many waited, and are withdrawn.
    """

    statement: Revocation | None
    member: bool
    invitations: int


def revoke(profile: Profile, name: str) -> RevocationResult:
    """Put ``name`` (an agent or a machine) out of the mesh, and withdraw what invites it.

    A machine takes all with it that it signed. ``name`` may be the pattern of a reusable
    invitation, which is withdrawn; who joined by it stays. Raises NotFound, ConfigError for this
    machine itself or without the owner's key, RegistryUnreachable.
    """
    profile.owner_key()  # or all of this is in vain
    if name == profile.machine:
        raise ConfigError(
            f"{name} is this machine, which holds the owner's key; revoked, neither it nor its"
            " agents could come back. Revoke its agents one by one."
        )
    with RegistryClient.owner(profile) as rest:
        waiting = rest.call("invite.end", InviteEnd(name)).ended
        if waiting and "*" in name:
            return RevocationResult(None, False, waiting)
        reply: Serial = rest.call("serial", _checked_name(name))
        if not reply.key and not reply.serial:
            raise _no_member(name) if reply.api_key else _nobody(name)
        statement = end_name(profile, rest, name, reply.serial)
    return RevocationResult(statement, bool(reply.key), waiting)


def end_name(profile: Profile, rest: RegistryClient, name: str, shown: int) -> Revocation:
    """Sign that all records of ``name`` are over, note it and tell the registry. ``shown``: the
    newest serial that this says there is. Raises ConfigError, RegistryUnreachable."""
    owner, chain = profile.owner_key()
    listed: Owners = rest.call("owners.list", OwnersQuery())
    now = int(profile.clock.now())  # the registry's, by now
    revocation = Revocation(
        profile.mesh,
        profile.ns,
        name,
        ending_serial(shown, now),
        now,
        version=next_version(profile, listed.version),
        signer=signer_of(chain),
    )
    statement = sign_revocation(revocation, owner.sign)
    note(profile, statement)
    rest.call("revoke", Revoke(statement, chain))
    return revocation


def _checked_name(name: str) -> Serial:
    if not is_agent_id(name):
        raise _nobody(name)
    return Serial(name)


def _no_member(name: str) -> NotFound:
    return NotFound(f"{name} is an API key, which `chatixia keys revoke {name}` ends.")


def _nobody(name: str) -> NotFound:
    return NotFound(
        f"No member or invitation is called {name[:80]}; `chatixia agents` lists the agents,"
        " `chatixia keys` the API keys and the described agents that have one."
    )


def leave(profile: Profile) -> Leaving:
    """Leave the mesh and forget its keys; what the registry knows of it.

    Raises ConfigError on the owner's machine (its mesh would be left without an owner) and
    AlreadyRunning while agents of it run here.
    """
    if profile.has_registry or _is_first_owner(profile):
        raise ConfigError(
            f"This machine holds the owner's key of {profile.name}; to end the mesh for good,"
            f" remove {profile.folder}."
        )
    for lock in profile.folder.glob("agents/*/lock"):
        if is_locked(lock):
            raise AlreadyRunning(
                f"{lock.parent.name} is running as process {holder(lock)}; stop it."
            )
    outcome: Leaving = "told"
    try:
        with RegistryClient.machine(profile) as rest:
            rest.call("leave", Nothing())
    except RegistryUnreachable:
        outcome = "away"
    except Denied:
        outcome = "out"
    shutil.rmtree(profile.folder)
    return outcome


def _is_first_owner(profile: Profile) -> bool:
    """Whether the mesh would be left without an owner; one who was added may leave."""
    if not profile.is_owner:
        return False
    return rank(read_record(unb64(profile.owner_key()[1][0].b)).id) < 2


def list_version(profile: Profile) -> int:
    """The version of the revocation list that this machine's owner signed last, 0 for none."""
    return max(_versions(_ledger(profile)), default=0)


def next_version(profile: Profile, listed: int) -> int:
    """The version of the next statement, where the registry's list has the version ``listed``."""
    return max(list_version(profile), listed) + 1


def note(profile: Profile, statement: Signed) -> None:
    """Keep a statement here before anybody is told."""
    with profile.changing():
        write_json(profile.folder / "owner" / LEDGER, [*_ledger(profile), statement])


def lacking(profile: Profile, listed: int) -> list[Signed]:
    """Statements of this machine's owner above the version ``listed``, rising."""
    ledger = _ledger(profile)
    rising = sorted(zip(_versions(ledger), range(len(ledger)), strict=True))
    return [ledger[n] for version, n in rising if version > listed]


def signer_of(chain: list[Signed]) -> list[Signed] | msgspec.UnsetType:
    """What a statement says of its signer: nothing of the first owner."""
    return chain if len(chain) > 1 else msgspec.UNSET


def _ledger(profile: Profile) -> list[Signed]:
    try:
        return read_json(profile.folder / "owner" / LEDGER, list[Signed])
    except FileNotFoundError:
        return []


def _versions(ledger: list[Signed]) -> list[int]:
    return [msgspec.json.decode(unb64(s.b), type=Revocation).version for s in ledger]
