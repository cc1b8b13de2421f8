"""``chatixia approve NAME``: let a machine, or a described agent, in that asked with a code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common, named

if TYPE_CHECKING:
    from chatixia.assembly.profile.profile import Profile
    from chatixia.wire.devices import OnboardingEntry

DAY = 86_400


@click.command()
@click.argument("name", callback=named)
@click.option("--key", default="", metavar="KEY", help="The key that `pair` shows on NAME.")
@click.option("--replace", is_flag=True, help="Take NAME from the machine that has or had it.")
@click.option("--agents", "agents", multiple=True, metavar="PATTERN", help="Agents it may run.")
@click.option(
    "--days", default=0, type=click.IntRange(0, 3650), help="Membership, default forever."
)
@common
def approve(
    console: Console, name: str, key: str, replace: bool, agents: tuple[str, ...], days: int
) -> None:
    """Let the machine NAME in, after comparing its key with what `pair` shows there.

    A described agent is named by its peer id; it has no key, and its token is shown once.
    """
    from chatixia.assembly.membership import described
    from chatixia.assembly.membership.approve import approve as sign
    from chatixia.assembly.membership.approve import check_key, find
    from chatixia.assembly.profile.profile import Profile
    from chatixia.errors import Denied

    profile = Profile.open(console.mesh)
    if (agent := described.find(profile, name)) is not None:
        if key or replace or agents or days:
            raise click.UsageError(
                f"{name} is a described agent: it has no key and no membership, and takes none of"
                " these options."
            )
        admit(console, profile, agent)
        return
    machine = find(profile, name)
    origin = output.plain(f"{machine.info.hostname} at {machine.info.address}")
    if not (key or at_terminal()):
        raise click.UsageError(f"Give the key that `pair` shows on {name}: --key KEY.")
    if not key:
        console.say(output.rows([("machine", f"{name}  key {machine.key}", origin)]))
        if not click.confirm(f"  Does `pair` show this very key on {name}?", err=True):
            raise Denied(
                f"{name} was not approved. If the keys differ, somebody stands between: run"
                f" `chatixia reject {name}`, and join by a string of `chatixia invite {name}`."
            )
    else:
        check_key(machine, key)
    bound = [name, *agents] if agents else ["*"]
    end = int(profile.clock.now()) + days * DAY if days else 0
    replaced = sign(profile, machine, replace=replace, names=bound, not_after=end)
    if replaced:
        console.say(f"  revoked   the machine that was {name} before")
    console.say(f"  approved  {name}, {origin}; `pair` there goes on by itself")
    if console.as_json:
        console.data("approved", {"name": name, "key": machine.key, "replaced": replaced})


def admit(console: Console, profile: Profile, agent: OnboardingEntry) -> None:
    """Let a described agent in, and show its token this once."""
    from chatixia.assembly.membership import described

    approved = described.approve(profile, agent)
    fields = {
        "id": approved.id,
        "peer_id": approved.peer_id,
        "device_token": approved.device_token,
    }
    console.say(
        f"  approved  {approved.peer_id}, {output.plain(agent.agent_name)}: unverified, for it has"
        " no key"
    )
    console.data("approved", fields, approved.device_token)
    console.say(
        "  its device token, as its API_KEY; it cannot be shown again. An agent has links with it"
        f" that says `compat: [{approved.peer_id}]`."
    )


def at_terminal() -> bool:
    """Whether somebody is there to ask."""
    return sys.stdin.isatty()
