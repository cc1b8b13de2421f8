"""Confirm: the owner's key says that the revocation list is complete as of now."""

from __future__ import annotations

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.confirmation import sign_confirmation
from chatixia.wire.trust import Confirm, Confirmation

from .revoke import list_version


def confirm(profile: Profile) -> Confirmation:
    """Sign the present version and date, and hand it to the registry, which shows it to all.

    Raises ConfigError where the owner's key is not, Conflict where the registry has another list
    than this machine, RegistryUnreachable.
    """
    owner, _ = profile.owner_key()
    with RegistryClient.owner(profile) as rest:
        rest.connect()  # mesh time is the registry's
        word = Confirmation(
            profile.mesh, profile.ns, list_version(profile), int(profile.clock.now())
        )
        rest.call("confirm", Confirm(sign_confirmation(word, owner.sign)))
    return word
