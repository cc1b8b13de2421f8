"""``chatixia leave``: take this machine out of its mesh and forget its keys."""

from __future__ import annotations

import click

from .common import Talk, common


@click.command()
@common
def leave(talk: Talk) -> None:
    """Leave the mesh. Coming back takes a new invitation."""
    from chatixia.assembly.membership.revoke import leave as go
    from chatixia.assembly.profile.profile import Profile

    profile = Profile.open(talk.mesh)
    told = go(profile)
    talk.say(f"  left      mesh {profile.name}; its keys here are gone")
    if not told:
        talk.say("  note      the registry was not reached; its owner can `chatixia revoke` us")
    if talk.as_json:
        talk.data("left", {"mesh": profile.name, "machine": profile.machine, "told": told})
