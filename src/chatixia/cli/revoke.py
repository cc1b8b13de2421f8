"""``chatixia revoke NAME``: shut an agent or a machine out of the mesh."""

from __future__ import annotations

import click

from .common import Console, common, named


@click.command()
@click.argument("name", callback=named)
@common
def revoke(console: Console, name: str) -> None:
    """Remove NAME and its invitation from the mesh; with a machine go its agents."""
    from chatixia.assembly.membership.revoke import revoke as state
    from chatixia.assembly.profile.profile import Profile

    done = state(Profile.open(console.mesh), name)
    if done.invitations:
        console.say(f"  withdrawn {_invitations(done.invitations, name)}; nobody can join with it")
    if done.member or not done.invitations:
        console.say(f"  revoked   {name}; its links close as its peers hear of it")
    if console.as_json:
        fields = {"statement": done.statement, "invitations": done.invitations}
        console.data("revoked", {key: value for key, value in fields.items() if value})


def _invitations(count: int, name: str) -> str:
    return f"the invitation of {name}" if count == 1 else f"{count} invitations of {name}"
