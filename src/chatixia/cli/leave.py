"""``chatixia leave``: take this machine out of its mesh and forget its keys."""

from __future__ import annotations

from typing import Final

import click

from .common import Console, common

NOTES: Final = {
    "away": "the registry was not reached; its owner can `chatixia revoke` this machine",
    "out": "this machine was out already: revoked, withdrawn or expired",
}
"""What a person should know of a registry that was not told."""


@click.command()
@common
def leave(console: Console) -> None:
    """Leave the mesh and delete its keys here. Coming back takes a new invitation."""
    from chatixia.assembly.membership.revoke import leave as go
    from chatixia.assembly.profile.profile import Profile

    profile = Profile.open(console.mesh)
    outcome = go(profile)
    console.say(f"  left      mesh {profile.name}; its keys here are gone")
    if note := NOTES.get(outcome):
        console.say(f"  note      {note}")
    if console.as_json:
        console.data(
            "left", {"mesh": profile.name, "machine": profile.machine, "told": outcome == "told"}
        )
