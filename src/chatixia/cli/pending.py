"""``chatixia pending``: the machines that asked to join with a code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.membership.approve import PendingMachine

HEADS: Final = ("name", "key", "host", "from", "left")


@click.command()
@common
def pending(console: Console) -> None:
    """List the machines that wait for `chatixia approve NAME`."""
    from chatixia.assembly.membership.approve import pending as waiting
    from chatixia.assembly.profile.profile import Profile

    profile = Profile.open(console.mesh)
    listed = waiting(profile)
    now = profile.clock.now()
    lines = [cells(machine, now) for machine in listed.machines]
    fields = {
        "pending": [fields_of(machine) for machine in listed.machines],
        "resting": round(listed.resting),
    }
    console.data("pending", fields, output.table(HEADS, lines) if lines else "")
    if not lines:
        console.say("  No machine waits. Make a code with `chatixia invite --code`.")
    say_resting(console, listed.resting)


def cells(machine: PendingMachine, now: float) -> tuple[str, ...]:
    """One machine as a line of the table."""
    info = machine.info
    left = output.since(info.expires - now)
    return info.name, machine.key, output.plain(info.hostname), info.address, left


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
    }


def say_resting(console: Console, seconds: float) -> None:
    """Until when codes rest, if they do."""
    from chatixia.world import REAL

    if seconds:
        until = output.moment(REAL.wall() + seconds)[11:16]
        console.say(f"  codes rest until {until}, after too many wrong ones; join strings work")
