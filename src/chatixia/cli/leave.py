"""``chatixia leave``: take this machine out of its mesh and forget its keys."""

from __future__ import annotations

import click

from .common import Console, common


@click.command()
@common
def leave(console: Console) -> None:
    """Leave the mesh and delete its keys here. Coming back takes a new invitation."""
    from chatixia.assembly.membership.revoke import leave as go
    from chatixia.assembly.profile.profile import Profile

    profile = Profile.open(console.mesh)
    reached = go(profile)
    console.say(f"  left      mesh {profile.name}; its keys here are gone")
    if not reached:
        console.say(
            "  note      the registry was not reached; its owner can `chatixia revoke` this machine"
        )
    if console.as_json:
        console.data("left", {"mesh": profile.name, "machine": profile.machine, "told": reached})
