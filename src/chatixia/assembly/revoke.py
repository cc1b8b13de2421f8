"""Revoke and leave: the owner puts an id out by a signed statement; a machine goes by itself."""

from __future__ import annotations

import shutil
from typing import Final

import msgspec

from chatixia.core.membership import sign_revocation
from chatixia.errors import AlreadyRunning, ConfigError, Denied, NotFound, RegistryUnreachable
from chatixia.wire.registry import Nothing, Serial
from chatixia.wire.signed import unb64
from chatixia.wire.trust import Revocation, Revoke, Signed

from .files import read_json, write_json
from .lock import holder, is_held
from .profile import Profile
from .rest import Rest

LEDGER: Final = "revocations.json"
"""Every statement the owner ever signed, so that the list's version only rises."""


def revoke(profile: Profile, name: str) -> Revocation:
    """Put ``name`` (an agent or a machine) out of the mesh; returns the statement.

    A machine takes all with it that it signed. Raises NotFound, ConfigError without the owner's
    key, RegistryUnreachable.
    """
    owner, chain = profile.owner_key()
    with Rest.owner(profile) as rest:
        said: Serial = rest.call("serial", Serial(name))
        if not said.key and not said.serial:
            raise NotFound(f"Nobody called {name} is known.", agent=name)
        with profile.changing():
            ledger = _ledger(profile)
            made = Revocation(
                profile.mesh, profile.ns, name, said.serial, int(profile.clock.now()),
                version=_version(ledger) + 1,
            )  # fmt: skip
            ledger.append(sign_revocation(made, owner.sign))
            write_json(profile.folder / "owner" / LEDGER, ledger)
        rest.call("revoke", Revoke(ledger[-1], chain))
    return made


def leave(profile: Profile) -> bool:
    """Leave the mesh and forget its keys; whether the registry was told (it may be away, or have
    put this machine out before).

    Raises ConfigError on the owner's machine (its mesh would be left without an owner) and
    AlreadyRunning while agents of it run here.
    """
    if profile.is_owner or profile.has_registry:
        raise ConfigError(
            f"This machine holds the owner's key of {profile.name}; to end the mesh for good,"
            f" remove {profile.folder}."
        )
    for lock in profile.folder.glob("agents/*/lock"):
        if is_held(lock):
            raise AlreadyRunning(
                f"{lock.parent.name} is running as process {holder(lock)}; stop it."
            )
    told = True
    try:
        with Rest.machine(profile) as rest:
            rest.call("leave", Nothing())
    except (RegistryUnreachable, Denied):
        told = False
    shutil.rmtree(profile.folder)
    return told


def _ledger(profile: Profile) -> list[Signed]:
    try:
        return read_json(profile.folder / "owner" / LEDGER, list[Signed])
    except FileNotFoundError:
        return []


def _version(ledger: list[Signed]) -> int:
    return max(
        (msgspec.json.decode(unb64(s.b), type=Revocation).version for s in ledger), default=0
    )
