"""``chatixia reject NAME``: turn a machine, or a described agent, away that asked with a code."""

from __future__ import annotations

import click

from .common import Console, common, named


@click.command()
@click.argument("name", callback=named)
@common
def reject(console: Console, name: str) -> None:
    """Turn the machine or described agent NAME away; it may ask again with another code."""
    from chatixia.assembly.membership import described
    from chatixia.assembly.membership.approve import reject as turn_away
    from chatixia.assembly.profile.profile import Profile

    profile = Profile.open(console.mesh)
    if described.find(profile, name) is not None:
        described.reject(profile, name)
        console.say(f"  rejected  {name}")
    else:
        turn_away(profile, name)
        console.say(f"  rejected  {name}; `pair` there ends")
    if console.as_json:
        console.data("rejected", {"name": name})
