"""``chatixia owners``: who may let machines in, and what to do when a key is lost or stolen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, Noun, common, named
from .keys import date

if TYPE_CHECKING:
    from chatixia.assembly.profile.profile import Profile

HEADS = ("owner", "key", "since", "state")


@click.group(cls=Noun)
def owners() -> None:
    """Add and revoke owners of the mesh. Without a command, list them."""


@owners.command("list")
@common
def list_(console: Console) -> None:
    """List the owners."""
    from chatixia.assembly.membership.owners import every
    from chatixia.core.record import key_id, read_record
    from chatixia.wire.signed import unb64

    rows, lines = [], []
    for one in every(profile_of(console)).owners:
        key = key_id(unb64(read_record(unb64(one.chain[0].b)).sign))
        rows.append({"id": one.id, "key": key, "since": one.since, "revoked": one.revoked})
        lines.append((one.id, key, date(one.since), "revoked" if one.revoked else ""))
    console.data("owners", {"owners": rows}, output.table(HEADS, lines))


@owners.command()
@common
def ask(console: Console) -> None:
    """Make an owner's key on this machine, and show what an owner types to add it."""
    from chatixia.assembly.membership.owners import ask as request

    key = request(profile_of(console))
    console.data("key", {"key": key}, f"  Where an owner is:  chatixia owners add NAME {key}")
    console.say("  then here:          chatixia owners accept")


@owners.command()
@click.argument("name", callback=named)
@click.argument("key")
@common
def add(console: Console, name: str, key: str) -> None:
    """Make the KEY that `owners ask` shows on another machine an owner's, called NAME."""
    from chatixia.assembly.membership.owners import add as sign

    id_ = sign(profile_of(console), name, key)
    console.data("added", {"owner": id_}, f"  added  {id_}; there: chatixia owners accept")


@owners.command()
@common
def accept(console: Console) -> None:
    """Be an owner from now on, once another added the key of `owners ask`."""
    from chatixia.assembly.membership.owners import accept as take_up

    id_ = take_up(profile_of(console))
    console.data("accepted", {"owner": id_}, f"  owner  {id_} on this machine")


@owners.command()
@click.argument("name", callback=named)
@click.option(
    "--keep", multiple=True, metavar="NAME", help="Who stays of those it let in; '*' all."
)
@common
def revoke(console: Console, name: str, keep: tuple[str, ...]) -> None:
    """End the owner called NAME, with every machine that it let in."""
    from chatixia.assembly.membership.owners import revoke_owner

    retained = revoke_owner(profile_of(console), name, keep)
    say = f"  revoked  {output.word(name)}, and whom it let in; {retained} records stay"
    console.data("revoked", {"owner": name, "retained": retained}, say)


@owners.command()
@common
def rotate(console: Console) -> None:
    """Put another key in the place of this owner's; whom the old one let in stays."""
    from chatixia.assembly.membership.owners import rotate as follow

    id_, retained = follow(profile_of(console))
    console.data(
        "rotated", {"owner": id_, "retained": retained}, f"  owner  {id_}; {retained} records stay"
    )


@owners.command()
@common
def recovery(console: Console) -> None:
    """Print a code, once, that makes any machine the owner's when this one is lost."""
    from chatixia.assembly.membership.owners import recovery as make

    code = make(profile_of(console))
    console.say("  Write this down; it is an owner's key, and is shown once:")
    console.data("recovery", {"code": code}, f"      {code}")


@owners.command()
@click.option("--revoke", "end", is_flag=True, help="The lost key may be in other hands: end it.")
@common
def recover(console: Console, end: bool) -> None:
    """Make this machine the owner's by the recovery code, which is asked for."""
    from chatixia.assembly.membership.owners import recover as by_code

    terminal = sys.stdin.isatty()
    code = (
        click.prompt("  Code", hide_input=True, err=True) if terminal else sys.stdin.readline(256)
    )
    id_, retained = by_code(profile_of(console), code, end=end)
    lost = f"; the lost key is revoked, {retained} records stay" if end else ""
    fields = {"owner": id_, "retained": retained, "revoked": end}
    console.data("recovered", fields, f"  owner  {id_} on this machine{lost}")


def profile_of(console: Console) -> Profile:
    """The profile of this command."""
    from chatixia.assembly.profile.profile import Profile

    return Profile.open(console.mesh)
