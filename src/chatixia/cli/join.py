"""``chatixia join STRING``: bring this machine into a mesh."""

from __future__ import annotations

import click

from . import output
from .common import Console, common
from .pair import agents_note


@click.command()
@click.argument("string", envvar="CHATIXIA_JOIN")
@click.option(
    "--as",
    "machine",
    default="",
    metavar="NAME",
    help="This machine's name, for a reusable invitation.",
)
@common
def join(console: Console, string: str, machine: str) -> None:
    """Join the mesh that STRING invites to (default: the variable CHATIXIA_JOIN).

    A machine joins once; agents started on it need nothing more.
    """
    from chatixia.assembly.membership.join import join as enter
    from chatixia.core import fingerprints

    profile = enter(string, console.mesh, machine=machine)
    key = fingerprints.of_registry(profile.mesh, profile.registry_key)
    address = output.bare(profile.registries[0])
    console.say(
        output.rows(
            [
                ("registry", address, f"key {key} matches the invitation"),
                (
                    "joined",
                    f"mesh {profile.name} as {profile.machine}",
                    agents_note(profile),
                ),
            ]
        )
    )
    if console.as_json:
        console.data(
            "joined",
            {
                "mesh": profile.name,
                "machine": profile.machine,
                "key": key,
                "registries": profile.registries,
            },
        )
