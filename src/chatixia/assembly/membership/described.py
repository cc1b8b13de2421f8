"""Described agents that asked by a code: the owner lets one in, and gets its token once."""

from __future__ import annotations

import msgspec

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.pairing import PENDING_SECONDS
from chatixia.errors import NotFound
from chatixia.wire.devices import DeviceApproved, DeviceRef, DevicesQuery, OnboardingEntry


class PendingAgent(msgspec.Struct, frozen=True):
    """One that waits. ``expires``: when it is forgotten, in mesh seconds."""

    entry: OnboardingEntry
    expires: float


def pending(profile: Profile) -> list[PendingAgent]:
    """All that wait, oldest first. Raises ConfigError, RegistryUnreachable."""
    with RegistryClient.owner(profile) as rest:
        entries: list[OnboardingEntry] = rest.every_row("devices.pending", DevicesQuery())
    return [PendingAgent(entry, entry.created_at + PENDING_SECONDS) for entry in entries]


def find(profile: Profile, name: str) -> OnboardingEntry | None:
    """The one that waits under ``name``, its peer id or its number; None for nobody."""
    wanted = (one.entry for one in pending(profile))
    return next((one for one in wanted if name in (one.peer_id, one.id)), None)


def approve(profile: Profile, entry: OnboardingEntry) -> DeviceApproved:
    """Let it in. Its token is in what comes back and nowhere else. Raises NotFound."""
    with RegistryClient.owner(profile) as rest:
        approved: DeviceApproved = rest.call("devices.approve", DeviceRef(entry.id))
        return approved


def reject(profile: Profile, name: str) -> OnboardingEntry:
    """Turn the one that waits under ``name`` away. Raises NotFound."""
    entry = find(profile, name)
    if entry is None:
        raise NotFound(f"Nobody waits for approval as {name[:80]}; `chatixia pending` lists them.")
    with RegistryClient.owner(profile) as rest:
        rest.call("devices.reject", DeviceRef(entry.id))
    return entry
