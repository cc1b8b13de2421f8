"""``chatixia revoke NAME``: shut an agent or a machine out of the mesh."""

from __future__ import annotations

import click

from chatixia.cli.common import Talk, common


@click.command()
@click.argument("name")
@common
def revoke(talk: Talk, name: str) -> None:
    """Revoke NAME. A machine takes along every agent that it enrolled."""
    from chatixia.assembly.profile import Profile
    from chatixia.assembly.revoke import revoke as state

    made = state(Profile.open(talk.mesh), name)
    talk.say(f"  revoked   {name}; its links close as its peers hear of it")
    if talk.as_json:
        talk.data("revoked", {"statement": made})
