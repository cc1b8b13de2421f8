"""``chatixia registry``: what the owner says to the registry."""

from __future__ import annotations

import click

from . import output
from .common import Console, common


@click.group()
def registry() -> None:
    """Confirm the revocation list."""


@registry.command()
@common
def confirm(console: Console) -> None:
    """Say that the revocation list is complete as of now. `chatixia up` does so by itself."""
    from chatixia.assembly.membership.confirm import confirm as sign
    from chatixia.assembly.profile.profile import Profile

    word = sign(Profile.open(console.mesh))
    moment = output.moment(word.issued)
    console.say(f"  confirmed  version {word.version} of the revocation list, {moment}")
    if console.as_json:
        console.data("confirmed", {"version": word.version, "issued": word.issued})
