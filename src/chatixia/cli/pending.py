"""``chatixia pending``: the machines, and the described agents, that asked with a code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.membership.approve import PendingMachine
    from chatixia.assembly.membership.described import PendingAgent

HEADS: Final = ("name", "key", "host", "from", "left")


@click.command()
@common
def pending(console: Console) -> None:
    """List the machines and described agents that wait for `chatixia approve NAME`."""
    from chatixia.assembly.membership import described
    from chatixia.assembly.membership.approve import pending as waiting
    from chatixia.assembly.profile.profile import Profile

    profile = Profile.open(console.mesh)
    listed, agents = waiting(profile), described.pending(profile)
    now = profile.clock.now()
    lines = [cells(machine, now) for machine in listed.machines]
    lines += [agent_cells(agent, now) for agent in agents]
    fields = {
        "pending": [fields_of(machine) for machine in listed.machines],
        "described": [agent_fields(agent) for agent in agents],
        "resting": round(listed.resting),
    }
    console.data("pending", fields, output.table(HEADS, lines) if lines else "")
    if not lines:
        console.say("  No machine waits. Make a code with `chatixia invite --code`.")
    for machine in listed.machines:
        say_taken(console, machine)
    say_resting(console, listed.resting)


def cells(machine: PendingMachine, now: float) -> tuple[str, ...]:
    """One machine as a line of the table."""
    info = machine.info
    left = output.since(info.expires - now)
    return info.name, machine.key, output.plain(info.hostname), info.address, left


def agent_cells(agent: PendingAgent, now: float) -> tuple[str, ...]:
    """One described agent as a line of the same table: it has no key, and no host that is known."""
    entry = agent.entry
    left = output.since(agent.expires - now)
    return entry.peer_id, "none, unverified", output.plain(entry.agent_name), "-", left


def agent_fields(agent: PendingAgent) -> dict[str, object]:
    """One described agent in JSON."""
    entry = agent.entry
    return {
        "id": entry.id,
        "peer_id": entry.peer_id,
        "agent_name": entry.agent_name,
        "expires": agent.expires,
    }


def fields_of(machine: PendingMachine) -> dict[str, object]:
    """One machine in JSON."""
    info = machine.info
    return {
        "id": info.id,
        "name": info.name,
        "key": machine.key,
        "hostname": info.hostname,
        "address": info.address,
        "expires": info.expires,
        "member": info.member,
    }


def say_taken(console: Console, machine: PendingMachine) -> None:
    """How it gets its name, if that is another machine's."""
    info = machine.info
    if info.member:
        console.say(
            f"  {info.name} is, or was, another machine: `chatixia approve {output.word(info.name)}"
            " --replace` gives the name to the one that waits"
        )


def say_resting(console: Console, seconds: float) -> None:
    """Until when codes rest, if they do."""
    from chatixia.world import REAL

    if seconds:
        until = output.moment(REAL.wall() + seconds)[11:16]
        console.say(f"  codes rest until {until}, after too many wrong ones; join strings work")
