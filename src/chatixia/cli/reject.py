"""``chatixia reject NAME``: turn a machine away that asked with a code."""

from __future__ import annotations

import click

from .common import Console, common


@click.command()
@click.argument("name")
@common
def reject(console: Console, name: str) -> None:
    """Turn the machine NAME away; it may ask again with another code."""
    from chatixia.assembly.membership.approve import reject as turn_away
    from chatixia.assembly.profile.profile import Profile

    turn_away(Profile.open(console.mesh), name)
    console.say(f"  rejected  {name}; `pair` there ends")
    if console.as_json:
        console.data("rejected", {"name": name})
