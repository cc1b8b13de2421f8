"""Delegate and withdraw: the owner lets the registry sign machines, within names, roles and days.

What it signed can be told by everybody, and ends with the delegation: by its date, or by a
statement of the owner that peers verify themselves (trust.md section 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.delegation import check_delegation
from chatixia.core.patterns import ANY, check_bounds
from chatixia.core.pins import naming_serial
from chatixia.core.record import key_id, sign_record
from chatixia.errors import BadRequest
from chatixia.wire.registry import Nothing
from chatixia.wire.signed import b64
from chatixia.wire.trust import (
    REGISTRY,
    Delegate,
    Delegation,
    Record,
)

from .revoke import end_name

DAY: Final = 86_400


def delegate(
    profile: Profile,
    names: Sequence[str],
    roles: Sequence[str],
    days: int,
    *,
    before: Callable[[Delegation], None] = lambda standing: None,
) -> Record:
    """Let the registry sign machines called as ``names`` say, with ``roles`` at most, for ``days``.

    ``before``: is told what the registry went by until now, and goes by no more. Raises BadRequest
    for what no registry may be let sign, ConfigError where the owner's key is not,
    RegistryUnreachable.
    """
    from chatixia.identity import verify

    check_bounds(names, roles)
    if ANY in (*names, *roles):
        raise BadRequest(
            "A registry is let sign no name, and no role, whatever it is: instead of `*` name a"
            " part, as in 'lab-*'."
        )
    owner, chain = profile.owner_key()
    with RegistryClient.machine(profile) as own:  # so that the registry knows whose this name is
        own.call("session", Nothing())
    with RegistryClient.owner(profile) as rest:
        standing: Delegation = rest.call("registry.delegation", Nothing())
        now = int(profile.clock.now())  # the registry's, by now
        record = Record(
            v=1,
            mesh=profile.mesh,
            ns=profile.ns,
            id=REGISTRY,
            kind="registry",
            roles=list(roles),
            names=list(names),
            sign=b64(profile.registry_key),
            seal="",
            serial=_above(standing, now),
            issued=now,
            not_after=now + days * DAY,
            by=key_id(owner.public),
        )
        signed = [sign_record(record, owner.sign), *chain]
        check_delegation(
            signed,
            registry=profile.registry_key,
            mesh=profile.mesh,
            now=now,
            verify=verify,
            revocations={},
        )
        rest.call("registry.delegate", Delegate(signed))
        before(standing)
    return record


def withdraw(profile: Profile) -> int:
    """End whatever was delegated until now, with all who are in that way; how many machines these
    were. Raises ConfigError where the owner's key is not, RegistryUnreachable."""
    profile.owner_key()  # or all of this is in vain
    with RegistryClient.owner(profile) as rest:
        standing: Delegation = rest.call("registry.delegation", Nothing())
        end_name(profile, rest, REGISTRY, standing.serial)
    return standing.members


def _above(standing: Delegation, now: int) -> int:
    """The serial of a delegation made now. It is the time, so that a withdrawal, which names the
    time too, ends also one that the registry does not show."""
    return max(naming_serial(standing.serial, now), now)
