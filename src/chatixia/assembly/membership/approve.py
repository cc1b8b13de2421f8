"""Approve and reject: the owner lets in, or turns away, a machine that asked with a code.

`approve` signs with the owner's key, in a process of its own; the registry only keeps the record.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core import fingerprints
from chatixia.core.patterns import check_bounds
from chatixia.core.pins import naming_serial
from chatixia.core.record import key_id, sign_record
from chatixia.errors import ConfigError, Denied, NameTaken, NotFound
from chatixia.ids import is_agent_id
from chatixia.wire.pairing import (
    CodeCreated,
    PairApprove,
    PairingInfo,
    PairingRef,
    Pairings,
    PairingsQuery,
)
from chatixia.wire.registry import Nothing, Serial
from chatixia.wire.signed import unb64
from chatixia.wire.trust import Record

from .revoke import revoke


class PendingMachine(msgspec.Struct, frozen=True):
    """A machine that waits. ``key``: what `pair` shows as its key there."""

    info: PairingInfo
    key: str


class PendingList(msgspec.Struct, frozen=True):
    """``resting``: seconds until codes are taken again, 0 if they are."""

    machines: list[PendingMachine]
    resting: float


def create_code(profile: Profile) -> CodeCreated:
    """A six-digit code for one machine. Raises ConfigError, Overloaded, RegistryUnreachable."""
    with RegistryClient.owner(profile) as rest:
        code: CodeCreated = rest.call("codes.create", Nothing())
        return code


def pending(profile: Profile, name: str = "") -> PendingList:
    """All machines that wait for approval, oldest first, or the one called ``name``."""
    machines: list[PendingMachine] = []
    cursor, more = "", True
    with RegistryClient.owner(profile) as rest:
        while more:
            page: Pairings = rest.call("pairings.list", PairingsQuery(name=name, cursor=cursor))
            machines += [PendingMachine(info, _key(profile, info)) for info in page.pairings]
            cursor, more = page.next, bool(page.next)
    return PendingList(machines, page.resting)


def find(profile: Profile, name: str) -> PendingMachine:
    """The machine that waits under ``name``. Raises NotFound, which says of a member that it is
    one: the answer to its approval may have been lost."""
    machines = pending(profile, name).machines if name else []  # "" would list all of them
    if not machines:
        raise NotFound(
            f"{name} is a member already; nothing else waits for approval under its name."
            if _is_in(profile, name)
            else f"No machine waits for approval as {name[:80] or repr(name)}; `chatixia pending`"
            " lists them."
        )
    return machines[0]


def _is_in(profile: Profile, name: str) -> bool:
    if not is_agent_id(name):
        return False
    with RegistryClient.owner(profile) as rest:
        standing: Serial = rest.call("serial", Serial(name))
    return bool(standing.key) and not standing.revoked and standing.machine == name


def check_key(machine: PendingMachine, shown: str) -> None:
    """Hold the key that `pair` shows against the one that the registry brought. Raises Denied."""
    there = fingerprints.read(shown)
    if there != machine.key:
        name = machine.info.name
        raise Denied(
            f"The key of {name} is {machine.key} here and {there} there: somebody stands between."
            f" Run `chatixia reject {name}`, and join by a string of `chatixia invite {name}`."
        )


def approve(
    profile: Profile,
    machine: PendingMachine,
    *,
    replace: bool = False,
    names: Sequence[str] = ("*",),
    roles: Sequence[str] = (),
    not_after: int = 0,
) -> bool:
    """Sign the machine in; whether another that had its name is out for that.

    ``replace``: the name may be that of another machine, which is revoked, or a revoked one's;
    ``names``, ``roles``, ``not_after`` as of an invitation. Raises BadChain, BadRequest,
    ConfigError, Conflict, NameTaken, NotFound.
    """
    check_bounds(names, roles)
    owner, chain = profile.owner_key()
    info = machine.info
    with RegistryClient.owner(profile) as rest:
        standing = _check_name(profile, rest.call("serial", Serial(info.name)), replace)
        replaced = bool(standing.key) and not standing.revoked
        now = int(profile.clock.now())
        if replaced:
            # What would refuse the newcomer is asked before the other is out.
            _still_waits(profile, info)
            naming_serial(standing.serial, now)
            revoke(profile, info.name)
            standing = rest.call("serial", Serial(info.name))
        record = Record(
            v=1,
            mesh=profile.mesh,
            ns=profile.ns,
            id=info.name,
            kind="machine",
            roles=list(roles),
            names=list(names),
            sign=info.sign,
            seal=info.seal,
            serial=naming_serial(standing.serial, now),
            issued=now,
            not_after=not_after,
            by=key_id(owner.public),
        )
        rest.call(
            "pairings.approve", PairApprove(info.id, [sign_record(record, owner.sign), *chain])
        )
    return replaced


def _still_waits(profile: Profile, info: PairingInfo) -> None:
    """Raise NotFound if the machine that was shown waits no more: it gave up, or another owner
    decided."""
    if find(profile, info.name).info.id != info.id:
        raise NotFound(f"Another machine asks to be {info.name} by now: compare its key.")


def reject(profile: Profile, name: str) -> None:
    """Turn the machine that waits under ``name`` away. Raises NotFound."""
    machine = find(profile, name)
    with RegistryClient.owner(profile) as rest:
        rest.call("pairings.reject", PairingRef(machine.info.id))


def _check_name(profile: Profile, standing: Serial, replace: bool) -> Serial:
    """What stands of a name, if the machine may have it."""
    name = standing.id
    if name == profile.machine:
        raise ConfigError(f"{name} is this machine, which holds the owner's key.")
    cure = f"`chatixia approve {name} --replace` gives the name to the one that waits."
    if standing.key and not standing.revoked and standing.machine != name:
        raise NameTaken(f"The name {name} is that of an agent on {standing.machine}.", agent=name)
    if standing.key and not standing.revoked and not replace:
        raise NameTaken(f"Another machine is a member as {name}; {cure}", agent=name)
    if standing.revoked and not replace:
        raise NameTaken(f"{name} was revoked; {cure}", agent=name)
    return standing


def _key(profile: Profile, info: PairingInfo) -> str:
    return fingerprints.of_machine(
        profile.mesh, profile.registry_key, info.name, unb64(info.sign), unb64(info.seal)
    )
