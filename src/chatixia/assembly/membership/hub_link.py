"""The link that opens the hub: made by the owner, redeemed once by a click on the page."""

from __future__ import annotations

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.join import is_loopback
from chatixia.errors import ConfigError
from chatixia.wire.registry import LoginLink, Nothing


def login_link(mesh: str = "") -> str:
    """A URL with a fresh secret after ``#``: single use, 10 minutes. Blocks.

    Raises ConfigError off the registry's machine, RegistryUnreachable.
    """
    profile = Profile.open(mesh)
    near = [url for url in profile.registries if is_loopback(url)]
    if not near or not profile.has_registry:
        raise ConfigError(
            f"The hub of {profile.name} can only be opened on the machine where `chatixia up` runs."
        )
    with RegistryClient.owner(profile) as rest:
        link: LoginLink = rest.call("login.create", Nothing())
    return f"{near[0]}/#{link.secret}"
