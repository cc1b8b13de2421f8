"""Confirm: the owner's key says that the revocation list is complete as of now."""

from __future__ import annotations

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.confirmation import sign_confirmation
from chatixia.wire.trust import Confirm, Confirmation, Owners, OwnersQuery, Revoke

from .revoke import lacking, list_version, signer_of


def confirm(profile: Profile) -> Confirmation:
    """Sign the present version and date, and hand it to the registry, which shows it to all.

    What the registry lost of this owner's statements, as one of an older backup did, it is given
    again first. Raises ConfigError where the owner's key is not, RegistryUnreachable.
    """
    owner, chain = profile.owner_key()
    with RegistryClient.owner(profile) as rest:
        listed: Owners = rest.call("owners.list", OwnersQuery())  # and mesh time is the registry's
        for statement in lacking(profile, listed.version):
            rest.call("revoke", Revoke(statement, chain))
        word = Confirmation(
            profile.mesh,
            profile.ns,
            max(list_version(profile), listed.version),
            int(profile.clock.now()),
            signer_of(chain),
        )
        rest.call("confirm", Confirm(sign_confirmation(word, owner.sign)))
    return word
