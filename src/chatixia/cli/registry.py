"""``chatixia registry``: what the owner says to the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatixia.core.delegation import MAX_DAYS

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.wire.trust import Delegation


@click.group()
def registry() -> None:
    """Confirm the revocation list; let the registry sign machines, or end that."""


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


@registry.command()
@click.option(
    "--names", multiple=True, required=True, metavar="PATTERN", help="Machines, such as 'lab-*'."
)
@click.option("--roles", multiple=True, metavar="ROLE", help="Roles that they may have.")
@click.option(
    "--days", default=30, show_default=True, type=click.IntRange(1, MAX_DAYS), help="Until then."
)
@common
def delegate(console: Console, names: tuple[str, ...], roles: tuple[str, ...], days: int) -> None:
    """Let the registry sign in machines that an admin approves at the hub."""
    from chatixia.assembly.membership.delegate import delegate as sign
    from chatixia.assembly.profile.profile import Profile

    earlier: list[Delegation] = []
    record = sign(Profile.open(console.mesh), names, roles, days, before=earlier.append)
    until = output.moment(record.not_after)
    roled = f" as {' '.join(record.roles)}" if record.roles else ""
    console.say(f"  delegated  {' '.join(record.names)}{roled} to the registry, until {until}")
    for one in earlier:
        if lost := [name for name in one.names if name not in record.names]:
            console.say(f"  note       the hub approves {' '.join(lost)} no more; who is in, stays")
    console.say(
        "  next       approve machines in the hub; they, and the agents on them, have such names,"
        " and show as trust: registry"
    )
    if console.as_json:
        fields = {"names": record.names, "roles": record.roles, "not_after": record.not_after}
        console.data("delegated", fields)


@registry.command()
@common
def withdraw(console: Console) -> None:
    """End what was delegated, with every machine that is in that way."""
    from chatixia.assembly.membership.delegate import withdraw as end
    from chatixia.assembly.profile.profile import Profile

    ended = end(Profile.open(console.mesh))
    many = "1 machine of it is" if ended == 1 else f"{ended} machines of it are"
    say = f"  withdrawn  the registry signs nobody any more; {many} out"
    console.data("withdrawn", {"machines": ended}, say)
